"""The command line ``intercluster``: run Intercluster on this machine, look into it, repair it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.markup import escape

from deploy.local import operating
from deploy.local.environment import MODELS
from deploy.local.operator_client import OperatorClient, ServiceError
from deploy.local.process import StartError
from deploy.local.state import REPOSITORY, Installation, default_folder

console = Console(highlight=False, soft_wrap=True)
app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    help="Intercluster on one machine: five services, their databases, a Kafka broker and a mailbox.\n\n"
    "Start with `intercluster demo`; while it runs, use `status`, `trace` and `replay` from a second terminal.",
)

Folder = Annotated[
    Path, typer.Option("--folder", help="Where this installation keeps its data.", show_default=".intercluster")
]


def fail(message: str) -> typer.Exit:
    """Say what is wrong on standard error and return the exit to raise."""
    Console(stderr=True, highlight=False, soft_wrap=True).print(f"[red]{escape(message)}[/red]")
    return typer.Exit(1)


def _say(words: str) -> None:
    """Print words as they are, whatever brackets are in them."""
    console.print(words, markup=False)


@contextmanager
def words_for_errors() -> Iterator[None]:
    """Turn the errors an operator can meet into one sentence and exit status 1."""
    try:
        yield
    except (StartError, ServiceError) as error:
        raise fail(str(error)) from error


@app.command()
def up(folder: Folder = default_folder()) -> None:
    """Start everything and stay up until Ctrl-C.

    With KAFKA_HOME set, that Apache Kafka is started in place of the embedded broker. With KAFKA_BOOTSTRAP_SERVERS or
    DATABASE_URL (containing `{service}`) set, those engines are used and none is started.
    """
    from deploy.local.running import print_addresses, running, stay_up

    with words_for_errors(), running(Installation(folder), console) as stack:
        print_addresses(stack, console)
        stay_up(stack, console)


@app.command()
def demo(
    once: Annotated[bool, typer.Option("--once", help="End after the story instead of staying up.")] = False,
    folder: Folder = default_folder(),
) -> None:
    """Play the whole story on real organisations: import, suggestions, mails, connection, visit, voucher, payment.

    Only public HTTP calls, each with its person's own token, and the links that arrive in the mailbox. The last line
    of the output is one JSON object; the exit status is 0 when every step held.
    """
    from deploy.local.demo import play
    from deploy.local.running import print_addresses, running, stay_up

    outcome = None
    with words_for_errors():
        with running(Installation(folder), console) as stack:
            outcome = play(stack, console)
            if not once and outcome.held:
                print_addresses(stack, console)
                outcome.print_sign_in_links(console)
                stay_up(stack, console)
            outcome.close()
        if outcome is None:
            raise typer.Exit(130)
        # After everything has stopped, so that it really is the last line.
        print(json.dumps(outcome.summary), flush=True)
        if not outcome.held:
            raise typer.Exit(1)


@app.command("import")
def import_file(
    file: Annotated[
        Path,
        typer.Argument(exists=True, dir_okay=False, help="JSON Lines or CSV of organisations; JSON Lines of calls."),
    ],
    source: Annotated[str, typer.Option(help="Where the data comes from; people are told.")] = "",
    calls: Annotated[bool, typer.Option("--calls", help="FILE holds open calls (.jsonl), not organisations.")] = False,
    folder: Folder = default_folder(),
) -> None:
    """Import organisations from FILE (.jsonl or .csv), or open calls, and print the report row by row.

    Importing the same file again changes nothing: rows are matched by their national or supplied id.
    Rows with errors are left out and named; the good ones are kept.
    """
    with words_for_errors(), OperatorClient(Installation(folder)) as client:
        importer = operating.import_calls if calls else operating.import_file
        report = importer(client, file, source or file.name)
        operating.print_import(report, console)
        if report["rejected"]:
            raise typer.Exit(2)


@app.command()
def status(
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable.")] = False,
    folder: Folder = default_folder(),
) -> None:
    """Show services, streams, lag, parked events, dead letters and the age of the journal.

    *Lag*: records a reader has still to process on its furthest partition; what has not reached Kafka yet is *unsent*.
    *Parked* events are retried by themselves;
    *dead letters* need a person. Exit status 1 when a service is not ready.
    """
    with words_for_errors(), OperatorClient(Installation(folder)) as client:
        found = operating.status(client)
        if as_json:
            print(json.dumps(found, indent=1))
        else:
            operating.print_status(found, console)
        if not all(each["ready"] for each in found["services"]):
            raise typer.Exit(1)


@app.command()
def trace(
    organisation: Annotated[str, typer.Argument(help="Its id, or words of its name.")],
    folder: Folder = default_folder(),
) -> None:
    """Show all events that concern an ORGANISATION, from the journals of all services, in time order."""
    with words_for_errors(), OperatorClient(Installation(folder)) as client:
        found = operating.find_organisation(client, organisation)
        operating.print_trace(operating.trace(client, found["id"]), found["name"], console)


@app.command()
def replay(
    topic: Annotated[str | None, typer.Argument(help="Topic to send again, as profiles.organisations.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every topic of every service.")] = False,
    group: Annotated[str | None, typer.Option(help="Only for this service; the others skip the events.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    folder: Folder = default_folder(),
) -> None:
    """Send journals to Kafka again: one TOPIC, or `--all`.

    Safe at any time: readers ignore versions they know, and no mail or payment happens twice, because each has a
    permanent business key. Needed for a service that was away for more than 30 days, a database that was restored
    by other means than `intercluster restore`, or topics that were lost one by one (a whole broker lost is noticed).
    """
    if (topic is None) == (not everything):
        raise fail("name one topic, or say --all")
    with words_for_errors(), OperatorClient(Installation(folder)) as client:
        counted = operating.replay(client, topic, group, dry_run=True)
        operating.print_replay(counted, console, done=False)
        if dry_run or not (yes or typer.confirm("Send them again?", default=False)):
            return
        operating.print_replay(operating.replay(client, topic, group, dry_run=False), console, done=True)


@app.command()
def backup(directory: Path, folder: Folder = default_folder()) -> None:
    """Write one dump per service into DIRECTORY; works while everything runs.

    The dumps need not be of the same moment: after a restore the services converge by replaying their journals.
    """
    from deploy.local.backup import backup as write

    with words_for_errors():
        write(Installation(folder), directory, _say)


@app.command()
def restore(
    directory: Annotated[Path, typer.Argument(exists=True, file_okay=False)],
    service: Annotated[list[str] | None, typer.Option(help="Only this service (may be repeated).")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    folder: Folder = default_folder(),
) -> None:
    """Replace the databases by the dumps in DIRECTORY. Nothing may run meanwhile.

    Each restored service's epoch is raised, so that what it says from now on overrides what it said after the backup,
    and all journals are marked to be sent again at the next start. What was erased after the backup is erased again
    then, as far as the replaced databases tell.
    """
    from deploy.local.backup import restore as read

    if not yes and not typer.confirm("This replaces the present databases. Go on?", default=False):
        raise typer.Exit(1)
    with words_for_errors():
        read(Installation(folder), directory, service, _say)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def bench(context: typer.Context) -> None:
    """Measure: latency of a suggestion, import, relay, memory; a table and JSON. Uses an installation of its own."""
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, "-m", "tests.benchmarks", *context.args]
    raise typer.Exit(subprocess.run(command, env=environment, check=False).returncode)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def evaluate(context: typer.Context) -> None:
    """Run matching's own encoder and scorers on benchmark files: `partners|calls|cpv --data DIR --queries FILE`.

    `--json` prints one JSON object. The figures of plain baselines, computed in the same run, stand beside them.
    """
    # In a process of its own: only matching may load torch.
    models = {"INTERCLUSTER_MATCHING_MODELS_DIRECTORY": str(MODELS), **os.environ}
    environment = {**models, "PYTHONPATH": str(REPOSITORY), "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-m", "services.matching", "evaluate", *context.args]
    raise typer.Exit(subprocess.run(command, env=environment, check=False).returncode)


def interrupt(*_: object) -> NoReturn:
    """End like Ctrl-C: everything is stopped in order."""
    raise KeyboardInterrupt


def main() -> None:
    """Entry point. SIGTERM ends like Ctrl-C, which works too where the shell had switched it off (``… &``)."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, interrupt)
    app(prog_name="intercluster")
