"""Make the keys of an installation: ``python -m deploy.keys KEYS FOLDER``; keys that exist are kept.

``KEYS`` holds all of them and is for this program alone; ``FOLDER/<service>`` gets that service's ``signing.jwk``, its
lasting secret if it has one, and the public ``trusted.jwks``.
"""

import shutil
import sys
from pathlib import Path

from deploy.local.keys import Keys
from shared.contracts.topics import SERVICES


def main() -> None:
    """Make what is missing and hand it out."""
    keys, folder = Keys(Path(sys.argv[1])), Path(sys.argv[2])
    keys.ensure()
    for service in SERVICES:
        own = folder / service
        own.mkdir(parents=True, exist_ok=True, mode=0o700)
        private = {"signing.jwk": keys.private(service)}
        if lasting := keys.lasting(service):
            private[lasting.name] = lasting
        for name, file in private.items():
            (own / name).touch(mode=0o600)
            shutil.copyfile(file, own / name)
        shutil.copyfile(keys.trusted, own / "trusted.jwks")
    print(f"keys of {', '.join(SERVICES)} are there")


if __name__ == "__main__":
    main()
