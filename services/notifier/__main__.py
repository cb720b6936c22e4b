"""The composition root: ``python -m services.notifier``."""

from services.notifier.consumers import handlers
from services.notifier.endpoints import router
from services.notifier.jobs import jobs
from services.notifier.settings import Settings
from services.notifier.work import close_post, open_post, periodic
from shared.service import Service

service = Service(
    name="notifier",
    settings=Settings,
    routers=[router],
    handlers=handlers,
    jobs=jobs,
    periodic=periodic,
    start=[open_post],
    stop=[close_post],
)

if __name__ == "__main__":
    service.main()
