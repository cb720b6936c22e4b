"""The command ``python -m services.matching evaluate partners|calls|cpv --data DIR --queries FILE [--json]``."""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from services.matching.encoder.encoder import load_encoder
from services.matching.encoder.errors import ModelUnavailableError
from services.matching.encoder.preparation import prepare_models
from services.matching.evaluation import calls, cpv, partners
from services.matching.evaluation.figures import Measured
from services.matching.evaluation.reading import BenchmarkError
from services.matching.settings import Settings

BENCHMARKS = ("partners", "calls", "cpv")


def evaluate(arguments: Sequence[str]) -> int:
    """Run one benchmark and print its figures; returns 0, or 1 with a sentence that says what is wrong."""
    parser = argparse.ArgumentParser(prog="intercluster evaluate", description=__doc__)
    parser.add_argument("benchmark", choices=BENCHMARKS)
    parser.add_argument("--data", type=Path, required=True, help="folder with the benchmark's files")
    parser.add_argument("--queries", type=Path, required=True, help="the queries to run, in the format of the dev half")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    chosen = parser.parse_args(arguments)
    progress = Console(stderr=True, highlight=False)
    try:
        with progress.status("…") as status:
            measured = _measure(chosen, status.update)
    except (BenchmarkError, ModelUnavailableError, OSError) as error:
        progress.print(f"[red]{error}[/red]")
        return 1
    if chosen.json:
        sys.stdout.write(json.dumps(asdict(measured)) + "\n")
    else:
        _print(measured)
    return 0


def _measure(chosen: argparse.Namespace, progress: Callable[[str], None]) -> Measured:
    if chosen.benchmark == "partners":
        return partners.measure(chosen.data, chosen.queries, progress)
    progress("loading the models")
    settings = Settings()
    prepare_models(settings.models_directory)
    encoder = load_encoder(settings.models, settings.encoder_threads)
    return {"calls": calls.measure, "cpv": cpv.measure}[chosen.benchmark](
        chosen.data, chosen.queries, encoder, progress
    )


def _print(measured: Measured) -> None:
    table = Table(title=f"{measured.benchmark}: {measured.queries} queries")
    table.add_column("scorer")
    names = list(next(iter(measured.figures.values())))
    for name in names:
        table.add_column(name, justify="right")
    for scorer, figures in measured.figures.items():
        table.add_row(scorer, *(f"{figures[name]:.3f}" for name in names))
    console = Console()
    console.print(table)
    for note in measured.notes:
        console.print(note, highlight=False)
