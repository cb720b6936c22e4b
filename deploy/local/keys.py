"""The signing keys of one installation: a private key per service and for the command line, one set of public keys."""

import json
from pathlib import Path

from joserfc.jwk import OKPKey

from shared.auth import new_key
from shared.contracts.topics import SERVICES

OWNERS = (*SERVICES, "cli")


class Keys:
    """Keys in ``folder``: ``<owner>.jwk`` (private, 0600) and ``trusted.jwks`` (public, for all services)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.trusted = folder / "trusted.jwks"

    def private(self, owner: str) -> Path:
        """Return the file of an owner's private key."""
        return self.folder / f"{owner}.jwk"

    def ensure(self) -> None:
        """Make the keys that are missing and write the public set."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        public = []
        for owner in OWNERS:
            file = self.private(owner)
            if not file.exists():
                file.touch(mode=0o600)
                file.write_text(json.dumps(new_key(owner).as_dict(private=True)))
            public.append(OKPKey.import_key(json.loads(file.read_text())).as_dict(private=False))
        wanted = json.dumps({"keys": public}, indent=1)
        if not self.trusted.exists() or self.trusted.read_text() != wanted:
            self.trusted.write_text(wanted)
