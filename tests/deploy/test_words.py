"""What the command line prints: names and errors as they are, whatever brackets stand in them."""

import io

import pytest
from rich.console import Console

from deploy.local import cli, operating
from deploy.local.demo import story

NAMES = ["Müller [/red] & Söhne", "[bold]Firm[/bold]", "[/]", "A [b"]


def printed() -> Console:
    return Console(file=io.StringIO(), width=300)


def text_of(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize("name", NAMES)
def test_a_name_with_brackets_is_printed_as_it_is(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    console = printed()
    operating.print_trace([], name, console)
    services = [{"service": "profiles", "faults": [name], "ready": False}]
    operating.print_status({"services": services, "streams": []}, console)
    assert text_of(console).count(name) == 2
    cli.fail(name)
    assert name in capsys.readouterr().err


@pytest.mark.parametrize("name", NAMES)
def test_a_step_of_the_demo_that_fails_says_why(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> str:
        raise AssertionError(name)

    monkeypatch.setattr(story, "STEPS", [("Import", fail)])
    console = printed()
    assert not story._play_steps(None, console)  # type: ignore[arg-type]
    assert name in text_of(console)
