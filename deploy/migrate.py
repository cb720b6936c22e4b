"""Migrate all services' databases in one process, because importing the libraries costs more than migrating.

``python -m deploy.migrate FOLDER`` takes the addresses from ``FOLDER/<service>/database.url``; without a folder from
DATABASE_URL_<SERVICE>. One service alone: ``python -m services.<name> migrate``.
"""

import os
import sys
from pathlib import Path

from shared.contracts.topics import SERVICES
from shared.migrations import upgrade


def main() -> None:
    """Migrate every service that an address is given for."""
    for service in SERVICES:
        if len(sys.argv) > 1:
            upgrade(service, (Path(sys.argv[1]) / service / "database.url").read_text().strip())
        elif url := os.environ.get(f"DATABASE_URL_{service.upper()}"):
            upgrade(service, url)


if __name__ == "__main__":
    main()
