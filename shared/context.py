"""What a running service hands to its endpoints, handlers and jobs."""

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING

from shared.auth import TokenIssuer, TokenVerifier
from shared.database import Database
from shared.settings import ServiceSettings

if TYPE_CHECKING:
    from shared.client import ServiceClient


@dataclass
class Context:
    """The service's name, settings, database, HTTP client and its own long-lived ``state``."""

    name: str
    settings: ServiceSettings
    database: Database
    http: "ServiceClient"
    issuer: TokenIssuer
    verifier: TokenVerifier
    state: SimpleNamespace = field(default_factory=SimpleNamespace)
