"""Keeps a running stack whole: what dies is started again, with a growing pause, and it is written down.

The embedded broker forgets everything when it dies. Only the supervisor restarts it: broker, topics, new epoch
marker. The services' relays notice the new epoch and send their journals again.
"""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from deploy.local.broker import Broker
from deploy.local.postgres import Postgres
from deploy.local.stack import Stack

LOOK_EVERY_SECONDS = 0.25
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 15.0
HEALTHY_AFTER_SECONDS = 30.0
"""A process that ran this long is trusted again: its next restart comes after the shortest pause."""


@dataclass
class Patience:
    """How long to wait before the next restart of one process."""

    pause: float = FIRST_PAUSE_SECONDS
    started_at: float = 0.0
    due_at: float | None = None

    def died(self, now: float) -> None:
        """Plan the restart; the pause doubles unless the process had been healthy."""
        self.pause = FIRST_PAUSE_SECONDS if now - self.started_at > HEALTHY_AFTER_SECONDS else self.pause
        self.failed(now)

    def failed(self, now: float) -> None:
        """Plan another try of what could not be done, after a pause that doubles."""
        self.due_at = now + self.pause
        self.pause = min(self.pause * 2, LONGEST_PAUSE_SECONDS)

    def restarted(self, now: float) -> None:
        """Note the restart."""
        self.started_at, self.due_at = now, None


class Supervisor:
    """Watches a started stack from a thread of its own until :meth:`stop`."""

    def __init__(self, stack: Stack, report: Callable[[str], None]) -> None:
        self.stack = stack
        self.report = report
        self.restarts = 0
        self._patience: dict[str, Patience] = {}
        self._topics_owed = False
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="supervisor", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self) -> None:
        """Stop watching; nothing is restarted after this returns."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout=60)

    def _watch(self) -> None:
        while not self._stopping.wait(LOOK_EVERY_SECONDS):
            try:
                self.look(time.monotonic())
            except Exception as error:  # noqa: BLE001 - whatever happens, the stack must not be left alone
                with suppress(Exception):
                    self.report(f"the supervisor goes on after: {type(error).__name__}: {error}")

    def look(self, now: float) -> None:
        """Look once at every process: plan a restart for what died, carry out what is due, then what that entails."""
        stack = self.stack
        engines: list[tuple[str, bool, Callable[[], None]]] = []
        if stack.postgres is not None:
            engines.append(("postgres", stack.postgres.process.alive, self._restart_postgres))
        if stack.broker is not None:
            engines.append(("broker", stack.broker.process.alive, self._restart_broker))
        for name in ("mailbox", *stack.services):
            process = stack.processes[name]
            engines.append((name, process.alive, process.start))
        for name, alive, restart in engines:
            patience = self._patience.setdefault(name, Patience())
            if alive:
                continue
            if patience.due_at is None:
                patience.died(now)
                self.report(
                    f"{name} has died; it is started again in {patience.due_at and patience.due_at - now:.1f} s"
                )
            elif now >= patience.due_at and not self._stopping.is_set():
                self._carry_out(name, restart, patience, now)
        for name, wanted, work in self._aftermath():
            patience = self._patience.setdefault(name, Patience())
            if wanted and now >= (patience.due_at or 0.0) and not self._stopping.is_set():
                self._see_to(name, work, patience, now)

    def _carry_out(self, name: str, restart: Callable[[], None], patience: Patience, now: float) -> None:
        try:
            restart()
        except Exception as error:  # noqa: BLE001 - it is tried again, and the other processes are looked at
            patience.failed(now)
            self.report(f"{name} could not be started again: {error}")
            return
        self.restarts += 1
        patience.restarted(now)
        self.report(f"{name} was started again")

    def _see_to(self, name: str, work: Callable[[], None], patience: Patience, now: float) -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001 - it stays owed and is tried again
            patience.failed(now)
            self.report(f"{name}: not done yet, tried again: {type(error).__name__}: {error}")
            return
        self._patience.pop(name)

    def _restart_postgres(self) -> None:
        assert self.stack.postgres is not None, "PostgreSQL runs elsewhere"
        self.stack.postgres.start()

    def _restart_broker(self) -> None:
        assert self.stack.broker is not None, "the broker runs elsewhere"
        # Owed before the start: a broker whose start failed half-way may run all the same, without any topic.
        self._topics_owed = True
        self.stack.broker.start()

    def _aftermath(self) -> list[tuple[str, bool, Callable[[], None]]]:
        """Return what a restarted engine needs besides itself: a name, whether it is owed now, and how it is done."""
        owed: list[tuple[str, bool, Callable[[], None]]] = []
        if (broker := self.stack.broker) is not None:
            owed.append(("topics", self._topics_owed and broker.process.alive, self._create_topics))
            owed.append(
                ("broker's new port", self._has_moved("broker", broker), partial(self._follow, "broker", broker))
            )
        if (postgres := self.stack.postgres) is not None:
            moved = self._has_moved("postgres", postgres)
            owed.append(("PostgreSQL's new port", moved, partial(self._follow, "postgres", postgres)))
        return owed

    def _create_topics(self) -> None:
        self.stack.create_topics()
        self._topics_owed = False

    def _has_moved(self, name: str, engine: Broker | Postgres) -> bool:
        return engine.process.alive and self.stack.installation.ports[name] != engine.port

    def _follow(self, name: str, engine: Broker | Postgres) -> None:
        """An engine whose port was taken meanwhile listens elsewhere: tell the services, by starting them again."""
        for service in self.stack.services:
            self.stack.processes[service].stop()
            self.stack.start_service(service)
        self.stack.installation.ports[name] = engine.port
        self.stack.installation.save(bootstrap=self.stack.bootstrap, profile=self.stack.profile)
