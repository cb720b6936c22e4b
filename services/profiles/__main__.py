"""Composition root: ``python -m services.profiles [migrate] [--role all|http|worker]``."""

from services.profiles.consumers import handlers
from services.profiles.endpoints import ROUTERS
from services.profiles.settings import Settings
from services.profiles.work import make_first_operator
from shared.service import Service

service = Service(name="profiles", settings=Settings, routers=ROUTERS, handlers=handlers, start=[make_first_operator])

if __name__ == "__main__":
    service.main()
