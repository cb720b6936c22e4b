"""HTTP routes of the profiles service."""

from services.profiles.endpoints import cards, imports, organisations, people

ROUTERS = (organisations.router, people.router, cards.router, imports.router)

__all__ = ["ROUTERS"]
