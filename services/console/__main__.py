"""The console's composition root: ``python -m services.console [migrate] [--role http|worker|all]``."""

from services.console.consumers import handlers
from services.console.endpoints import ROUTERS, friendly_not_found
from services.console.endpoints.imports import LARGEST_UPLOAD
from services.console.settings import Settings
from services.console.work import PERIODIC, begin, end
from shared.service import Service

service = Service(
    name="console",
    settings=Settings,
    routers=ROUTERS,
    handlers=handlers,
    periodic=PERIODIC,
    start=(begin,),
    stop=(end,),
    customise=friendly_not_found,
    body_limits={"/imports": LARGEST_UPLOAD},
)

if __name__ == "__main__":
    service.main()
