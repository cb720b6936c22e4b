"""The command ``python -m services.matching learn``: learns a ranker, compares it, and shows the report."""

import argparse
import asyncio
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from sqlalchemy.exc import SQLAlchemyError

from services.matching.ranking.diagram import reliability_svg
from services.matching.settings import Settings
from services.matching.training import Compared, Step, Taught, rehearse, train
from shared.database import Database
from shared.observability import fault_of

SAID = {
    Step.FEW_ANSWERS: "Too few answers to learn from.",
    Step.OWN_EXPOSURE: "Too few answers about pairs that were shown by chance: a ranker would only confirm itself.",
    Step.SHADOW_WAITS: "A new ranker waits for its comparison; nothing else is learned until then.",
    Step.NOTHING_NEW: "The answers teach nothing that has not been learned before.",
    Step.LEARNED: "A new ranker has been learned.",
    Step.NO_SHADOW: "There is nothing to compare.",
    Step.FEW_NEW_ANSWERS: "Too few answers that neither ranker has seen, or only of one kind: the comparison waits.",
    Step.TAKEN_OVER: "The new ranker judges better and takes over; all pairs are scored again.",
    Step.REFUSED: "The new ranker does not judge better by more than chance; it is refused.",
}
MEASURES = (("log loss", "log_loss"), ("Brier", "brier"), ("AUC", "auc"))


def learn(arguments: Sequence[str]) -> int:
    """Learn, compare and show both; returns 0, or 1 with a sentence that says what is wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m services.matching learn",
        description="Learns a ranker from answers, visits and paid vouchers, and lets it take over if it is better.",
    )
    parser.add_argument("--dry-run", action="store_true", help="change nothing, say what would be")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.add_argument("--svg", type=Path, metavar="FILE", help="draw the reliability diagram")
    given = parser.parse_args(arguments)
    try:
        with Console(stderr=True).status("Learning from what came of the suggestions …"):
            taught, compared = asyncio.run(_train(Settings(), given.dry_run))
        if given.svg:
            given.svg.write_text(drawn(taught, compared), encoding="utf-8")
    except (SQLAlchemyError, OSError) as error:
        sys.stderr.write(f"Nothing could be learned: {fault_of(error)}\n")
        return 1
    if given.json:
        sys.stdout.write(json.dumps(as_json(taught, compared, given.dry_run), indent=1) + "\n")
    else:
        show(taught, compared, Console())
    return 0


async def _train(settings: Settings, dry_run: bool) -> tuple[Taught, Compared]:
    database = Database(settings)
    try:
        return await (rehearse if dry_run else train)(database, settings)
    finally:
        await database.close()


def as_json(taught: Taught, compared: Compared, dry_run: bool) -> dict[str, Any]:
    """Return the whole report."""
    version = taught.ranker.version if taught.ranker else None
    comparison = compared.comparison.to_json() if compared.comparison else None
    told = {"step": taught.step, "answers": taught.answers, "explored": taught.explored, "version": version}
    held = {key: value for key, value in asdict(compared).items() if key != "comparison"}
    return {"dry_run": dry_run, "learned": {**told, "report": dict(taught.report)},
            "compared": {**held, "comparison": comparison}}  # fmt: skip


def show(taught: Taught, compared: Compared, console: Console) -> None:
    """Print the report as tables."""
    console.print(SAID[taught.step], f"{taught.answers} answers, {taught.explored} of them about explored pairs.")
    if taught.ranker is not None:
        report = taught.report
        counts = ", ".join(f"{count} {kind.replace('_', ' ')}" for kind, count in report["kinds"].items())
        console.print(f"Learned from {report['rows']} rows ({counts}), by weight {report['effective_rows']}.")
        factors = Table("factor", "multiplied by", box=SIMPLE_HEAD, title=f"ranker {taught.ranker.version}")
        for name, multiplier in report["multipliers"].items():
            factors.add_row(name, f"{multiplier:.2f}")
        factors.add_row("intercept", f"{report['shift']:+.2f}")
        console.print(factors)
        _show_measures(console, "on the answers learned from", {"before": report["before"], "after": report["after"]})
    console.print(SAID[compared.step])
    if compared.shadow:
        console.print(f"New ranker {compared.shadow}, active {compared.active}, {compared.answers} new answers.")
    if compared.comparison is not None:
        against = {"active": compared.comparison.active, "shadow": compared.comparison.shadow}
        _show_measures(console, "on answers that neither has seen", against)
        found = compared.comparison
        console.print(f"Log loss lower by {found.gain:.4f} ± {found.gain_error:.4f} (one standard error).")
        if found.auc_gain is not None:
            console.print(f"AUC higher by {found.auc_gain:.4f} ± {found.auc_error:.4f}.")


def _show_measures(console: Console, title: str, measured: Mapping[str, Mapping[str, Any]]) -> None:
    table = Table("", *measured, box=SIMPLE_HEAD, title=title)
    for label, key in MEASURES:
        values = (each[key] for each in measured.values())
        table.add_row(label, *("–" if value is None else f"{value:.4f}" for value in values))
    console.print(table)
    columns = [f"{name}: {part}" for name in measured for part in ("foreseen", "came")]
    reliability = Table("answers", *columns, box=SIMPLE_HEAD, title="reliability by tenths")
    for rows in zip(*(each["reliability"] for each in measured.values()), strict=True):
        cells = [f"{row[part]:.2f}" for row in rows for part in ("predicted", "observed")]
        reliability.add_row(str(rows[0]["count"]), *cells)
    console.print(reliability)


def drawn(taught: Taught, compared: Compared) -> str:
    """Return the reliability diagram: of the comparison if there is one, else of what was learned from."""
    if compared.comparison is not None:
        both = {"active ranker": compared.comparison.active, "new ranker": compared.comparison.shadow}
        return reliability_svg(
            "Answers that neither has seen", {name: each["reliability"] for name, each in both.items()}
        )
    report = taught.report
    both = {"before": report["before"], "after": report["after"]} if report else {}
    return reliability_svg("Answers learned from", {name: each["reliability"] for name, each in both.items()})
