"""First part of the story: the operator imports real organisations, and the first mails arrive."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.progress import Progress

from deploy.local.demo.scene import Scene
from deploy.local.process import StartError

SEED = Path(__file__).resolve().parent.parent / "seed"
ROWS_PER_REQUEST = 60
FIRST_MAIL_WITHIN_SECONDS = 240.0
QUIET_SECONDS = 4.0
PATIENCE_SECONDS = 20.0


def platform(scene: Scene, progress: Progress) -> str:
    """Import those who run the platform with the launcher's key; from here on everybody acts with her own token."""
    _, lines = next(_batches("platform.jsonl", 1000))
    _send(scene, None, lines, "platform.jsonl")
    operator = next(
        contact["email"] for line in lines for contact in json.loads(line)["contacts"] if contact["role"] == "operator"
    )
    scene.operator = scene.person(operator)
    scene.operator.sign_in()
    scene.organisations += len(lines)
    return f"{len(lines)} organisations; the operator {operator} signed in by the link in her mail"


def organisations(scene: Scene, progress: Progress) -> str:
    """Import clusters and SMEs as the operator, in batches, so that there is something to see."""
    scene.first_mail_number = scene.mailbox.newest()
    counts = {"created": 0, "updated": 0, "unchanged": 0, "rejected": 0}
    total = sum(len(_lines(name)) for name in ("clusters.jsonl", "organisations.jsonl"))
    bar = progress.add_task("organisations", total=total)
    for name in ("clusters.jsonl", "organisations.jsonl"):
        for _, lines in _batches(name, ROWS_PER_REQUEST):
            report = _send(scene, scene.operator, lines, name)
            for kind in counts:
                counts[kind] += report[kind]
            progress.advance(bar, len(lines))
    progress.remove_task(bar)
    scene.imported_at = time.monotonic()
    scene.organisations += total - counts["rejected"]
    if counts["rejected"]:
        raise StartError(f"{counts['rejected']} rows of the seed data were rejected")
    return ", ".join(f"{count} {kind}" for kind, count in counts.items() if count)


def calls(scene: Scene, progress: Progress) -> str:
    """Import the EU's calls as the operator. They are read in the background, when nothing else is to be read."""
    assert scene.operator is not None, "the operator signs in first"
    report: dict[str, Any] = scene.operator.call(
        "matching", "POST", "/calls/imports", content="\n".join(_lines("calls.jsonl")).encode()
    )
    if report["rejected"]:
        raise StartError(f"{report['rejected']} rows of the calls were rejected")
    scene.calls = report["accepted"]
    return (
        f"{report['accepted']} calls, {report['accepted'] - report['over']} of them open; "
        "a suggestion names the one that fits both sides as soon as they are read"
    )


def first_mails(scene: Scene, progress: Progress) -> str:
    """Wait for the mails, and choose the best pair of which both sides were mailed and which can go on."""
    after = 0
    began = latest = time.monotonic()
    bar = progress.add_task("mails", total=None)
    while time.monotonic() - began < FIRST_MAIL_WITHIN_SECONDS:
        arrived = scene.mailbox.messages(after=after, wait=1)
        after = max((each["number"] for each in arrived), default=after)
        scene.mailed.read(arrived)
        fresh = [each for each in arrived if each["number"] > scene.first_mail_number]
        if any("/answer/" in url for each in fresh for url in each["links"]):
            latest = time.monotonic()
            if scene.first_email_seconds is None:
                scene.first_email_seconds = max(0.0, latest - scene.imported_at)
        progress.update(bar, description=f"{after} mails, {scene.mailed.suggestions} suggestions in them")
        # The best pairs come when everything was read: go on once the mails are quiet, but do not wait for ever.
        quiet = time.monotonic() - latest > QUIET_SECONDS or time.monotonic() - began > PATIENCE_SECONDS
        if quiet and _choose(scene):
            progress.remove_task(bar)
            first = scene.first_email_seconds
            when = "mailed in an earlier run" if first is None else f"the first {first:.1f} s after the import ended"
            names = " and ".join(scene.organisation(side.organisation_id)["name"] for side in scene.sides)
            return f"{scene.mailed.suggestions} suggestions by mail, {when}; chosen: {names}"
    raise StartError(f"no pair with both sides mailed within {FIRST_MAIL_WITHIN_SECONDS:.0f} s")


def _choose(scene: Scene) -> bool:
    """Choose the pair with the best score that nobody has answered, of two SMEs whose clusters have hubs."""
    assert scene.operator is not None, "the operator signs in first"
    open_ones = []
    for pair in scene.mailed.pairs():
        if any(scene.organisation(side.organisation_id)["kind"] != "sme" for side in pair.sides):
            continue
        if any(scene.hub_of(side) is None for side in pair.sides):
            continue
        found = scene.operator.call("matching", "GET", f"/suggestions/{pair.suggestion_id}")
        if found["state"] == "proposed" and not found["first_answer"] and not found["second_answer"]:
            open_ones.append((found["score"], found["suggestion_id"], pair, found))
    if open_ones:
        _, _, scene.pair, scene.suggestion = max(open_ones, key=lambda each: each[:2])
    return bool(open_ones)


def _send(scene: Scene, person: Any, lines: list[str], name: str) -> dict[str, Any]:
    caller = person or scene.launcher
    report: dict[str, Any] = caller.call(
        "profiles",
        "POST",
        "/imports",
        params={"format": "jsonl", "source": f"seed data: {name}"},
        content="\n".join(lines).encode(),
    )
    return report


def _lines(name: str) -> list[str]:
    return (SEED / name).read_text(encoding="utf-8").splitlines()


def _batches(name: str, size: int) -> Iterator[tuple[int, list[str]]]:
    lines = _lines(name)
    for start in range(0, len(lines), size):
        yield start, lines[start : start + size]
