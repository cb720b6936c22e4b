"""HTTP between services: fresh service token, trace context, bounded time, problems passed on."""

import time
from typing import Any

import httpx

from shared.auth import TOKEN_LIFETIME, TokenIssuer
from shared.observability import current_traceparent
from shared.problems import Problem
from shared.settings import ServiceSettings

TIMEOUT = httpx.Timeout(10.0, connect=3.0)


class ServiceClient:
    """Calls sister services by name at the addresses in the settings, and nothing else."""

    def __init__(self, settings: ServiceSettings, issuer: TokenIssuer) -> None:
        self._urls = {
            "profiles": settings.profiles_url,
            "matching": settings.matching_url,
            "mobility": settings.mobility_url,
            "notifier": settings.notifier_url,
            "console": settings.console_url,
        }
        self._issuer = issuer
        self._tokens: dict[str, tuple[float, str]] = {}
        self._client = httpx.AsyncClient(timeout=TIMEOUT, follow_redirects=False, trust_env=False)

    def _service_token(self, service: str) -> str:
        made, token = self._tokens.get(service, (0.0, ""))
        if time.monotonic() - made > TOKEN_LIFETIME.total_seconds() / 2 or not token:
            token = self._issuer.service_token(service)
            self._tokens[service] = (time.monotonic(), token)
        return token

    async def request(self, service: str, method: str, path: str, *, token: str | None = None, **extra: Any) -> Any:
        """Call a service and return its decoded JSON (``None`` for an empty body).

        ``token`` acts on behalf of a person; without it the call is the service's own.
        Raises :class:`Problem`: the other side's own problem, or 503 when it does not answer.
        """
        response = await self._send(service, method, path, token=token, **extra)
        return response.json() if response.content else None

    async def download(self, service: str, path: str, *, token: str | None = None) -> bytes:
        """GET a file (such as an export) and return its bytes."""
        return (await self._send(service, "GET", path, token=token)).content

    async def _send(
        self, service: str, method: str, path: str, *, token: str | None = None, **extra: Any
    ) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token or self._service_token(service)}", **extra.pop("headers", {})}
        if traceparent := current_traceparent():
            headers["traceparent"] = traceparent
        try:
            response = await self._client.request(
                method, self._urls[service].rstrip("/") + path, headers=headers, **extra
            )
        except httpx.HTTPError as error:
            raise Problem(503, "service-away", f"The {service} service does not answer just now.") from error
        if response.is_success:
            return response
        raise _problem_of(service, response)

    async def get(self, service: str, path: str, *, token: str | None = None, **extra: Any) -> Any:
        """GET and decode."""
        return await self.request(service, "GET", path, token=token, **extra)

    async def post(self, service: str, path: str, *, token: str | None = None, **extra: Any) -> Any:
        """POST and decode."""
        return await self.request(service, "POST", path, token=token, **extra)

    async def put(self, service: str, path: str, *, token: str | None = None, **extra: Any) -> Any:
        """PUT and decode."""
        return await self.request(service, "PUT", path, token=token, **extra)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()


def _problem_of(service: str, response: httpx.Response) -> Problem:
    try:
        body = dict(response.json())
    except ValueError:
        body = {}
    known = {"type", "title", "status", "detail", "rule"}
    extra = {key: value for key, value in body.items() if key not in known}
    detail = body.get("detail") or f"The {service} service answered {response.status_code}."
    return Problem(response.status_code, body.get("rule", "service-error"), detail, **extra)
