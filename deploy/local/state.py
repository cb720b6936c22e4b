"""What one installation on this machine remembers: its folder, its ports, and that only one launcher uses it."""

import fcntl
import json
import os
from pathlib import Path
from typing import Any

from deploy.local.process import LOOPBACK, StartError, free_port
from shared.contracts.topics import SERVICES

REPOSITORY = Path(__file__).resolve().parents[2]

DEFAULT_PORTS = {
    "console": 8000,
    "profiles": 8001,
    "matching": 8002,
    "mobility": 8003,
    "notifier": 8004,
    "mailbox": 8025,
    "smtp": 2525,
    "postgres": 54320,
    "broker": 9092,
    "controller": 9093,
}


class AlreadyRunningError(StartError):
    """Another launcher holds this installation."""


class Installation:
    """The folder ``.intercluster``: ``state.json`` (ports), ``keys/``, ``postgres/``, ``kafka/``, ``mails/`` …."""

    def __init__(self, folder: Path, ports: dict[str, int] | None = None) -> None:
        self.folder = folder
        self.logs = folder / "logs"
        self.file = folder / "state.json"
        self.preferred = DEFAULT_PORTS if ports is None else ports
        self.ports: dict[str, int] = {}
        self.moved: dict[str, int] = {}
        """Ports that were busy: name → the port that was wanted."""
        self._lock: int | None = None

    def hold(self) -> None:
        """Make the folder and lock it for this process. Raises :class:`AlreadyRunningError`."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.logs.mkdir(exist_ok=True)
        lock = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            raise AlreadyRunningError(
                f"Intercluster is already running on {self.folder}; stop it there first"
            ) from None
        self._lock = lock

    def release(self) -> None:
        """Let the next launcher in."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def choose_ports(self) -> None:
        """Take the ports of the last run, or the usual ones; for busy ones take others and note it in ``moved``."""
        remembered = self.read().get("ports", {})
        taken: set[int] = set()
        for name in DEFAULT_PORTS:
            wanted = int(remembered.get(name) or self.preferred.get(name, 0))
            chosen = free_port(wanted)
            while chosen in taken:
                chosen = free_port()
            taken.add(chosen)
            self.ports[name] = chosen
            if wanted and chosen != wanted:
                self.moved[name] = wanted

    def save(self, **more: Any) -> None:
        """Remember ports and what else the command line needs to find this installation."""
        scratch = self.file.with_suffix(".new")
        scratch.write_text(json.dumps({"ports": self.ports, **more}, indent=1) + "\n")
        scratch.replace(self.file)

    def read(self) -> dict[str, Any]:
        """Return what the last start remembered, empty if there was none."""
        try:
            found: dict[str, Any] = json.loads(self.file.read_text())
        except (OSError, ValueError):
            return {}
        return found

    def url(self, name: str) -> str:
        """Return the HTTP address of a service or of the mailbox."""
        ports = self.ports or self.read().get("ports", {})
        if name not in ports:
            raise StartError(f"nothing has run in {self.folder} yet: start with `intercluster up` or `make demo`")
        return f"http://{LOOPBACK}:{ports[name]}"

    def urls(self) -> dict[str, str]:
        """Return the HTTP addresses of the five services."""
        return {service: self.url(service) for service in SERVICES}


def default_folder() -> Path:
    """Return ``.intercluster`` in the clone, or what INTERCLUSTER_FOLDER names."""
    return Path(os.environ.get("INTERCLUSTER_FOLDER") or REPOSITORY / ".intercluster").absolute()
