"""What the launcher tells its children through their environment."""

import os

from deploy.local.keys import LASTING, Keys
from deploy.local.process import LOOPBACK
from deploy.local.state import REPOSITORY, Installation

MODELS = REPOSITORY / ".intercluster" / "models"
"""The unpacked models, shared by all installations of this clone."""


def inherited() -> dict[str, str]:
    """Return what every child gets: our own environment without the addresses of engines that run elsewhere."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DATABASE_URL", "KAFKA_"))}
    return {
        **kept,
        "PYTHONPATH": str(REPOSITORY),
        "PYTHONUNBUFFERED": "1",
        # One arena instead of eight per core: 20 to 40 MB less for each service.
        "MALLOC_ARENA_MAX": "2",
        # The models come from wheels; nothing may look for them elsewhere.
        "HF_HUB_OFFLINE": "1",
    }


def for_service(
    service: str, installation: Installation, keys: Keys, bootstrap: str, profile: str, database_url: str
) -> dict[str, str]:
    """Return everything a service is told: addresses, its database, its key. Secrets stay in this process tree."""
    common = {
        "KAFKA_BOOTSTRAP_SERVERS": bootstrap,
        "KAFKA_PROFILE": profile,
        "TRUSTED_KEYS_FILE": str(keys.trusted),
        "PUBLIC_BASE_URL": installation.url("console"),
        **{f"{name.upper()}_URL": url for name, url in installation.urls().items()},
    }
    own = {
        "DATABASE_URL": database_url,
        "SIGNING_KEY_FILE": str(keys.private(service)),
        "HTTP_PORT": str(installation.ports[service]),
        **_particulars(service, installation),
    }
    if lasting := keys.lasting(service):
        own[LASTING[service][0]] = str(lasting)
    return {
        **inherited(),
        **{f"INTERCLUSTER_{name}": value for name, value in common.items()},
        **{f"INTERCLUSTER_{service.upper()}_{name}": value for name, value in own.items()},
    }


def _particulars(service: str, installation: Installation) -> dict[str, str]:
    match service:
        case "matching":
            return {"MODELS_DIRECTORY": str(MODELS)}
        case "console":
            # Everybody signs in from this one machine, and the demo's people do so at every telling.
            return {"SIGN_INS_PER_ADDRESS": "60", "SIGN_INS_PER_CLIENT": "1000"}
        case "notifier":
            return {"SMTP_HOST": LOOPBACK, "SMTP_PORT": str(installation.ports["smtp"])}
        case _:
            return {}
