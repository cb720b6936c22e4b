"""Make the keys of an installation: ``python -m deploy.keys KEYS [FOLDER]``; keys that exist are kept.

With ``--rotate SERVICE`` that service gets a new signing key. The former one stays trusted until its file in
``KEYS/retired`` is removed and this program has run again.

``KEYS`` holds all of them and is for this program alone; ``FOLDER/<service>`` gets that service's ``signing.jwk``, its
lasting secret if it has one, and the public ``trusted.jwks``.
"""

import argparse
import shutil
from pathlib import Path

from deploy.local.keys import Keys
from shared.contracts.topics import SERVICES


def main() -> None:
    """Make what is missing and hand it out."""
    parser = argparse.ArgumentParser(prog="python -m deploy.keys", description=__doc__)
    parser.add_argument("keys", type=Path)
    parser.add_argument("folder", type=Path, nargs="?", help="where each service gets what it may know")
    parser.add_argument("--rotate", choices=SERVICES, help="give this service a new signing key")
    options = parser.parse_args()
    keys, folder = Keys(options.keys), options.folder
    if options.rotate:
        print(f"trusted until it is removed: {keys.rotate(options.rotate)}")
    keys.ensure()
    for service in SERVICES if folder else ():
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
