"""HTTP in → use case → HTTP out."""

from services.mobility.endpoints import programmes, state_aid, visits, vouchers

routers = (visits.router, programmes.router, vouchers.router, state_aid.router)
