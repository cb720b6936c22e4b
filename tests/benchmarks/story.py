"""The demo's own times: installed, and from a fresh clone with installation."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.benchmarks.figures import Figure, at_most

REPOSITORY = Path(__file__).resolve().parents[2]
LIMIT_SECONDS = 900


def measure_installed(progress: Callable[[str], None]) -> list[Figure]:
    """Play the story on an empty installation with the environment as it is."""
    progress("the demo, installed")
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "INTERCLUSTER_FOLDER": folder, "PYTHONPATH": str(REPOSITORY)}
        seconds, summary = _play([sys.executable, "-m", "deploy.local", "demo", "--once"], REPOSITORY, environment)
    told = summary["seconds"]
    return [
        at_most("demo when installed, from command to end", seconds, "s", 60),
        at_most("services ready", told["ready"], "s", 20),
        at_most("demo: first mail after the import ended", told["first_email"], "s", 15),
    ]


def measure_fresh_clone(progress: Callable[[str], None]) -> list[Figure]:
    """Clone the committed state, install and play the story with `make demo ONCE=1`."""
    progress("the demo from a fresh clone, with installation")
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "clone"
        subprocess.run(["git", "clone", "-q", str(REPOSITORY), str(clone)], check=True)
        seconds, summary = _play(["make", "-s", "demo", "ONCE=1"], clone, dict(os.environ))
    return [
        at_most("fresh clone to finished story", seconds / 60, "min", 6),
        Figure("of it: installation", summary["seconds"]["install"], "s"),
    ]


def _play(command: list[str], folder: Path, environment: dict[str, str]) -> tuple[float, dict[str, Any]]:
    environment.pop("KAFKA_HOME", None) if not environment.get("KAFKA_HOME") else None
    started = time.perf_counter()
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=LIMIT_SECONDS
    )
    seconds = time.perf_counter() - started
    if done.returncode != 0:
        raise RuntimeError(f"the demo failed:\n{done.stdout[-3000:]}\n{done.stderr[-2000:]}")
    return seconds, json.loads(done.stdout.strip().splitlines()[-1])
