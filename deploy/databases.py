"""Make the services' roles and databases: ``python -m deploy.databases FOLDER``; what exists is kept.

Connects as superuser by PostgreSQL's own variables (PGHOST, PGPORT, PGUSER, PGPASSWORD). ``FOLDER/<service>`` takes
each service's ``password`` (made if missing) and ``database.url``.
"""

import asyncio
import os
import secrets
import sys
from pathlib import Path

import asyncpg

from deploy.local.postgres import EXTENSIONS
from shared.contracts.topics import SERVICES


async def ensure(passwords: dict[str, str]) -> None:
    """Make roles, databases and extensions that are missing; set every role's password to the given one."""
    admin = await asyncpg.connect(database="postgres")
    try:
        for service, password in passwords.items():
            if not await admin.fetchval("SELECT true FROM pg_roles WHERE rolname = $1", service):
                await admin.execute(f"CREATE ROLE {service} LOGIN")
            await admin.execute(f"ALTER ROLE {service} PASSWORD '{password}'")
            if not await admin.fetchval("SELECT true FROM pg_database WHERE datname = $1", service):
                await admin.execute(f"CREATE DATABASE {service} OWNER {service}")
                await admin.execute(f"REVOKE ALL ON DATABASE {service} FROM PUBLIC")
            own = await asyncpg.connect(database=service)
            try:
                for extension in EXTENSIONS:
                    await own.execute(f"CREATE EXTENSION IF NOT EXISTS {extension}")
            finally:
                await own.close()
    finally:
        await admin.close()


def password_in(file: Path) -> str:
    """Return the password that the file holds, made if there is none."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        file.touch(mode=0o600)
        file.write_text(secrets.token_hex(24))
    password = file.read_text().strip()
    if not password.isalnum():
        raise SystemExit(f"the password in {file} must consist of letters and digits")
    return password


def main() -> None:
    """Make everything, then write the addresses."""
    folder = Path(sys.argv[1])
    passwords = {service: password_in(folder / service / "password") for service in SERVICES}
    asyncio.run(ensure(passwords))
    place = f"{os.environ.get('PGHOST', '127.0.0.1')}:{os.environ.get('PGPORT', '5432')}"
    for service, password in passwords.items():
        file = folder / service / "database.url"
        file.touch(mode=0o600)
        file.write_text(f"postgresql+asyncpg://{service}:{password}@{place}/{service}")
    print(f"databases of {', '.join(SERVICES)} are there")


if __name__ == "__main__":
    main()
