"""HTTP to the running services as the operator at this machine, with the command line's own key."""

import json
from types import TracebackType
from typing import Any, Self

import httpx

from deploy.local.keys import Keys
from deploy.local.state import Installation
from shared.auth import Role, RoleName, TokenIssuer

TIMEOUT_SECONDS = 120.0


class ServiceError(RuntimeError):
    """A service refused or did not answer; the message is for people."""

    def __init__(self, message: str, status: int | None = None, rule: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.rule = rule


class Caller:
    """HTTP client that turns every problem document into :class:`ServiceError`."""

    def __init__(self) -> None:
        self._client = httpx.Client(timeout=TIMEOUT_SECONDS, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def send(self, method: str, url: str, token: str | None = None, **extra: Any) -> httpx.Response:
        """Send a request; 4xx and 5xx answers raise, redirects are not followed."""
        headers = {**extra.pop("headers", {}), **({"Authorization": f"Bearer {token}"} if token else {})}
        try:
            response = self._client.request(method, url, headers=headers, **extra)
        except httpx.HTTPError as error:
            raise ServiceError(f"{url} does not answer ({type(error).__name__}); is Intercluster running?") from error
        if response.is_error:
            raise _error_of(method, url, response)
        return response


class OperatorClient(Caller):
    """Calls services by name, with a fresh service token that carries the operator's role."""

    def __init__(self, installation: Installation) -> None:
        super().__init__()
        self.installation = installation
        key = Keys(installation.folder / "keys").private("cli")
        installation.url("profiles")  # raises in words if nothing ever ran here
        self._issuer = TokenIssuer.from_file("cli", key)

    def call(self, service: str, method: str, path: str, **extra: Any) -> Any:
        """Return the decoded answer of a service."""
        token = self._issuer.service_token(service, [Role(RoleName.OPERATOR)])
        response = self.send(method, self.installation.url(service) + path, token, **extra)
        return response.json() if response.content else None


def _error_of(method: str, url: str, response: httpx.Response) -> ServiceError:
    try:
        problem = dict(response.json())
    except (json.JSONDecodeError, ValueError, TypeError):
        problem = {}
    detail = problem.get("detail") or response.text[:300]
    return ServiceError(f"{method} {url}: {response.status_code} {detail}", response.status_code, problem.get("rule"))
