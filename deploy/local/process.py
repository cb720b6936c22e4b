"""Child processes that never outlive their parent, and the ports they listen on."""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

LOOPBACK = "127.0.0.1"


_SPAWNER = ThreadPoolExecutor(max_workers=1, thread_name_prefix="spawner")
"""The one thread that starts children. Linux sends the parent-death signal when the *thread* that made the child ends,
so a thread that lives as long as this process must be the parent."""


class StartError(RuntimeError):
    """A child process could not be started; the message says what its log said last."""


def free_port(preferred: int = 0) -> int:
    """Return ``preferred`` if nobody listens there, else any free port of the loopback interface."""
    for port in (preferred, 0):
        with socket.socket() as probe:
            # Without this a port in TIME_WAIT counts as busy, and every quick restart would move.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with suppress(OSError):
                probe.bind((LOOPBACK, port))
                return int(probe.getsockname()[1])
    raise StartError("no free port on the loopback interface")


def listens(port: int) -> bool:
    """Return whether something accepts connections on that loopback port."""
    with suppress(OSError), socket.create_connection((LOOPBACK, port), timeout=1):
        return True
    return False


def wait_until(condition: Callable[[], bool], seconds: float, what: str, every: float = 0.02) -> None:
    """Wait until ``condition`` holds; raise :class:`StartError` naming ``what`` after ``seconds``."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise StartError(f"{what}: still not so after {seconds:.0f} s")
        time.sleep(every)


def tail(log: Path, lines: int = 12) -> str:
    """Return the last lines of a log file, or a note that there is none."""
    with suppress(OSError):
        return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
    return f"(no log at {log})"


def run_apart(work: Callable[[], Coroutine[object, object, T]]) -> T:
    """Run a coroutine to its end in a loop and thread of its own: works beside a running loop too."""
    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(lambda: asyncio.run(work())).result()


class Process:
    """One child process: own log file, own process group, and a bounded stop.

    ``death_signal`` reaches the child when the launcher dies in any way, so that ``kill -9`` of the launcher leaves
    no orphan that holds the ports or the data of the next start.
    """

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        log: Path,
        environment: Mapping[str, str] | None = None,
        prefix: Sequence[str] = (),
        death_signal: str = "TERM",
    ) -> None:
        self.name = name
        self.argv = list(argv)
        self.log = log
        self.environment = environment
        self.prefix = list(prefix)
        self.death_signal = death_signal
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Process id while the child lives."""
        return self._child.pid if self._child is not None and self.alive else None

    @property
    def alive(self) -> bool:
        """Whether the child runs."""
        return self._child is not None and self._child.poll() is None

    @property
    def exit_status(self) -> int | None:
        """Exit status of the last run; negative: killed by that signal."""
        return None if self._child is None else self._child.poll()

    def start(self) -> None:
        """Start the child; its output is appended to its log."""
        self.kill()
        self._child = _SPAWNER.submit(self._spawn).result()

    def _spawn(self) -> subprocess.Popen[bytes]:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        guard = ["setpriv", "--pdeathsig", self.death_signal] if shutil.which("setpriv") else []
        with self.log.open("ab") as output:
            # The guard stands after the prefix: a change of user namespace clears the parent-death signal.
            return subprocess.Popen(
                [*self.prefix, *guard, *self.argv],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=None if self.environment is None else dict(self.environment),
                # Ctrl-C goes to the whole foreground group; the launcher alone decides the order of stopping.
                process_group=0,
            )

    def stop(self, number: int = signal.SIGTERM, seconds: float = 10.0) -> bool:
        """Send a signal and wait; after ``seconds`` kill. Return whether the child ended by itself in time."""
        if self._child is None or self._child.poll() is not None:
            return True
        with suppress(ProcessLookupError):
            self._child.send_signal(number)
        try:
            self._child.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            return False
        return True

    def kill(self) -> None:
        """End the child and its group at once, as a crash would."""
        if self._child is None or self._child.poll() is not None:
            return
        with suppress(ProcessLookupError):
            os.killpg(self._child.pid, signal.SIGKILL)
        self._child.wait()

    def failed(self, what: str) -> StartError:
        """Return an error that carries the end of the log."""
        return StartError(f"{what} (exit status {self.exit_status}). Its log ends:\n{tail(self.log)}")
