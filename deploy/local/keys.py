"""The keys of one installation: a private signing key per service and for the command line, one set of public keys.

And the secrets that must outlive a signing key: links to unsubscribe and voucher codes stay good when that is rotated.
"""

import json
import secrets
from pathlib import Path

from joserfc.jwk import OKPKey

from shared.auth import new_key
from shared.contracts.topics import SERVICES

OWNERS = (*SERVICES, "cli")
LASTING = {
    "notifier": ("UNSUBSCRIBE_KEYS_FILE", "unsubscribe.keys"),
    "mobility": ("VOUCHER_CODE_KEY_FILE", "voucher-code.key"),
}
"""The setting and the file of a service's lasting secret."""


class Keys:
    """Keys in ``folder``: ``<owner>.jwk`` and lasting secrets (0600), ``trusted.jwks`` (public, for all services).

    ``retired/`` holds the public halves of former keys, which are trusted until their files are removed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.trusted = folder / "trusted.jwks"
        self.retired = folder / "retired"

    def private(self, owner: str) -> Path:
        """Return the file of an owner's private key."""
        return self.folder / f"{owner}.jwk"

    def lasting(self, service: str) -> Path | None:
        """Return the file of a service's lasting secret, if it has one."""
        return self.folder / LASTING[service][1] if service in LASTING else None

    def rotate(self, owner: str) -> Path:
        """Retire an owner's key; :meth:`ensure` then makes another. Returns the file of the retired public key."""
        former = OKPKey.import_key(json.loads(self.private(owner).read_text()))
        self.retired.mkdir(exist_ok=True, mode=0o700)
        file = self.retired / f"{former.as_dict(private=False)['kid']}.jwk"
        file.write_text(json.dumps(former.as_dict(private=False)))
        self.private(owner).unlink()
        return file

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
        for service in LASTING:
            file = self.folder / LASTING[service][1]
            if not file.exists():
                file.touch(mode=0o600)
                file.write_text(secrets.token_urlsafe(48))
        public += [json.loads(file.read_text()) for file in sorted(self.retired.glob("*.jwk"))]
        wanted = json.dumps({"keys": public}, indent=1)
        if not self.trusted.exists() or self.trusted.read_text() != wanted:
            self.trusted.write_text(wanted)
