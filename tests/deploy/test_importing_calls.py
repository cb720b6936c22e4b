"""``intercluster import``: a file goes to the service that it is for, and its report is printed row by row."""

from io import StringIO
from pathlib import Path
from typing import Any, Self

import pytest
from rich.console import Console
from typer.testing import CliRunner

from deploy.local import cli, operating

REPORT: dict[str, Any] = {
    "accepted": 2, "created": 1, "updated": 1, "unchanged": 0, "rejected": 1, "over": 1,
    "errors": [{"row": 3, "field": "deadline", "rule": "invalid-date", "message": "A date is [b]written[/b]."}],
}  # fmt: skip


class Recorder:
    """Stands in for the services."""

    def __init__(self, *_: Any) -> None:
        self.asked: list[tuple[str, str, str]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...

    def call(self, service: str, method: str, path: str, **_: Any) -> dict[str, Any]:
        """Answer with the report."""
        self.asked.append((service, method, path))
        return REPORT


@pytest.mark.parametrize(
    ("options", "route"),
    [([], ("profiles", "POST", "/imports")), (["--calls"], ("matching", "POST", "/calls/imports"))],
)
def test_a_file_goes_to_the_service_that_it_is_for(
    options: list[str], route: tuple[str, str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, services = tmp_path / "file.jsonl", Recorder()
    file.write_text("{}\n", encoding="utf-8")
    monkeypatch.setattr(cli, "OperatorClient", lambda _: services)
    result = CliRunner().invoke(cli.app, ["import", str(file), *options])
    assert services.asked == [route]
    assert result.exit_code == 2, "a row was refused"


def test_the_report_names_rows_and_what_is_over() -> None:
    written = StringIO()
    operating.print_import(REPORT, Console(file=written, width=200))
    told = written.getvalue()
    assert "2 accepted, 1 created, 1 updated" in told
    assert "row 3, deadline: A date is [b]written[/b]. (invalid-date)" in told
    assert "1 of them can't be answered any more" in told
