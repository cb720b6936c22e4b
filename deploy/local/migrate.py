"""Migrate all services' databases in one process: ``python -m deploy.local.migrate`` with DATABASE_URL_<SERVICE> set.

One process, because importing the libraries costs more than migrating.
"""

import os

from shared.contracts.topics import SERVICES
from shared.migrations import upgrade


def main() -> None:
    """Migrate every service that an address is given for."""
    for service in SERVICES:
        if url := os.environ.get(f"DATABASE_URL_{service.upper()}"):
            upgrade(service, url)


if __name__ == "__main__":
    main()
