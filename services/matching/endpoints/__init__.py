"""HTTP in → use case → HTTP out."""

from services.matching.endpoints import calls, explanations, rankers, roadmaps, statements, suggestions

routers = (
    suggestions.router,
    explanations.router,
    roadmaps.router,
    statements.router,
    calls.router,
    rankers.router,
)
