"""HTTP in → use case → HTTP out."""

from services.matching.endpoints import roadmaps, statements, suggestions

routers = (suggestions.router, roadmaps.router, statements.router)
