"""HTTP in → use case → HTTP out."""

from services.matching.endpoints import calls, roadmaps, statements, suggestions

routers = (suggestions.router, roadmaps.router, statements.router, calls.router)
