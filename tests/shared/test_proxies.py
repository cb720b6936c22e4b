"""Who asks: believed from a trusted reverse proxy, from nobody else."""

import httpx
import pytest
from fastapi import FastAPI, Request

from services.console.opaque import subscriber
from shared.service import server_config
from shared.settings import ServiceSettings

VISITOR, PROXY, INVENTED = "192.0.2.7", "10.1.2.3", "203.0.113.9"


@pytest.mark.parametrize(
    ("trusted", "told", "believed"),
    [
        ("10.1.0.0/16", VISITOR, VISITOR),
        (PROXY, f"{INVENTED}, {VISITOR}", VISITOR),
        ("127.0.0.1", VISITOR, PROXY),
        (f"127.0.0.1,{PROXY}", None, PROXY),
    ],
)
async def test_only_a_trusted_proxy_says_who_asks(trusted: str, told: str | None, believed: str) -> None:
    app = FastAPI()

    @app.get("/")
    async def who(request: Request) -> str:
        assert request.client
        return request.client.host

    config = server_config(app, ServiceSettings(trusted_proxies=trusted))
    config.load()
    transport = httpx.ASGITransport(config.loaded_app, client=(PROXY, 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
        headers = {"X-Forwarded-For": told} if told else {}
        assert (await client.get("/", headers=headers)).json() == believed


def test_one_subscriber_counts_once_whatever_address_she_picks() -> None:
    assert subscriber("2001:db8:1:2::1") == subscriber("2001:db8:1:2:ffff::9") == "2001:db8:1:2::/64"
    assert subscriber("2001:db8:1:3::1") != subscriber("2001:db8:1:2::1")
    assert subscriber("::ffff:192.0.2.7") == subscriber("192.0.2.7") == "192.0.2.7"
    assert subscriber("fe80::1%eth0") == "fe80::/64"
    assert subscriber("unknown") == "unknown"
