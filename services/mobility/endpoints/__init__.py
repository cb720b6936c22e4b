"""HTTP in → use case → HTTP out."""

from services.mobility.endpoints import programmes, visits, vouchers

routers = (visits.router, programmes.router, vouchers.router)
