"""Composition root: ``python -m services.profiles [migrate] [--role all|http|worker]``."""

from services.profiles.consumers import handlers
from services.profiles.endpoints import ROUTERS
from services.profiles.importing.parsing import MAX_FILE_BYTES
from services.profiles.settings import Settings
from services.profiles.work import make_first_operator
from shared.service import Service

service = Service(
    name="profiles",
    settings=Settings,
    routers=ROUTERS,
    handlers=handlers,
    start=[make_first_operator],
    body_limits={"/imports": MAX_FILE_BYTES + 1_000_000},
)

if __name__ == "__main__":
    service.main()
