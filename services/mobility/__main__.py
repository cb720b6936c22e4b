"""The composition root of mobility: ``python -m services.mobility``."""

from services.mobility.consumers import handlers
from services.mobility.endpoints import routers
from services.mobility.settings import Settings
from services.mobility.work import expire_vouchers
from shared.service import Periodic, Service

service = Service(
    name="mobility",
    settings=Settings,
    routers=routers,
    handlers=handlers,
    periodic=[Periodic("expire-vouchers", seconds=300.0, run=expire_vouchers)],
)

if __name__ == "__main__":
    service.main()
