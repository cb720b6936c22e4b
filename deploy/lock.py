"""Make the locks: ``python -m deploy.lock`` reads requirements*.in and writes requirements*.lock.

torch is left out of the lock: its CPU wheel has another source than all else and is the Makefile's first install
line. It takes part in resolving, so that everything else fits it.
"""

import re
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
TORCH = "torch==2.13.0"
HEADING = "# Made from {source} by `make lock`. Install with pip install --no-deps --require-hashes -r {target}\n"
ALONE = "# alone"
"""Marks a requirement whose dependencies are not wanted (only its files are used)."""

OPTIONS = [
    *("--quiet", "--generate-hashes", "--no-annotate", "--no-header", "--strip-extras", "--allow-unsafe"),
    *("--no-emit-index-url", "--no-emit-find-links", "--no-emit-trusted-host"),
]


def blocks(text: str) -> dict[str, str]:
    """Split a lock into ``name → its lines``."""
    found = re.findall(r"^([A-Za-z0-9._-]+)==[^\n]*\n(?:    [^\n]*\n)*", text, re.MULTILINE)
    parts = re.split(r"^(?=[A-Za-z0-9._-]+==)", text, flags=re.MULTILINE)[1:]
    return dict(zip(found, parts, strict=True))


def requirements(source: str) -> tuple[list[str], list[str]]:
    """Return the requirements of a file: ordinary ones, and those to be installed alone."""
    lines = [line for line in (REPOSITORY / source).read_text().splitlines() if line and not line.startswith("#")]
    alone = [line for line in lines if ALONE in line]
    return [line for line in lines if ALONE not in line], alone


def resolve(wanted: list[str], scratch: Path) -> dict[str, str]:
    """Return the pinned and hashed lines of everything that these requirements need, by name."""
    gathered = scratch.with_suffix(".in")
    gathered.write_text("\n".join([*wanted, ""]))
    scratch.unlink(missing_ok=True)
    command = [sys.executable, "-m", "piptools", "compile", *OPTIONS, "-o", str(scratch), str(gathered)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return blocks(scratch.read_text())


def write(source: str, packages: dict[str, str]) -> None:
    """Write one lock, refusing packages of a graphics card: gigabytes that nothing here uses."""
    if unwanted := [name for name in packages if name.startswith(("nvidia", "triton", "cuda"))]:
        raise SystemExit(f"a CUDA build of torch was resolved: {', '.join(unwanted)}")
    target = source.replace(".in", ".lock")
    lines = "".join(packages[name] for name in sorted(packages))
    (REPOSITORY / target).write_text(HEADING.format(source=source, target=target) + lines)


def main() -> None:
    """Write both locks; the second holds only what tests add to the first."""
    build = REPOSITORY / "build"
    build.mkdir(exist_ok=True)
    ordinary, alone = requirements("requirements.in")
    for_tests, _ = requirements("requirements-test.in")
    everything = resolve([*ordinary, *for_tests, TORCH], build / "all.lock")
    runtime = resolve([*ordinary, TORCH], build / "runtime.lock")
    # The runtime's versions come from the common resolution, so that tests test what runs.
    run = {name: everything[name] for name in runtime if name != "torch"}
    for line in alone:
        name = line.split("==")[0]
        run[name] = resolve([line], build / "alone.lock")[name]
    write("requirements.in", run)
    write("requirements-test.in", {name: block for name, block in everything.items() if name not in runtime})


if __name__ == "__main__":
    main()
