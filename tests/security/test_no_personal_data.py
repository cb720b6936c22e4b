"""Names and addresses of people lie in the one table made for them: in no event, audit entry, dead letter or log."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest

from services.console.web import identity_of
from services.notifier.work import close_post
from services.profiles.__main__ import service as profiles_service
from shared.clock import now
from shared.context import Context
from shared.contracts import Version
from shared.contracts.profiles import ORGANISATION_CHANGED, OrganisationKind, OrganisationSnapshot
from shared.ids import new_id
from shared.messaging import publish
from shared.observability import fault_of
from tests.console.conftest import Console
from tests.notifier.events import organisation, suggestion
from tests.notifier.mail_server import MailServer
from tests.notifier.support import make_notifier
from tests.security.searching import found_in, seed, seed_file, tables_with, words_of

FIRST = "Eva Surprise"
ADDRESS = "eva.surprise@firm.example.org"


@pytest.fixture
async def profiles(context: Callable[..., Context]) -> AsyncIterator[tuple[Context, httpx.AsyncClient]]:
    """The profiles service with the demo's organisations."""
    made = context("profiles", import_batch=500)
    transport = httpx.ASGITransport(profiles_service.http_app(made), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://profiles") as client:
        yield made, client


class Operator:
    """Calls profiles as an operator."""

    def __init__(self, client: httpx.AsyncClient, token: str) -> None:
        self.client = client
        self.headers = {"Authorization": f"Bearer {token}"}

    async def call(self, method: str, path: str, **extra: Any) -> httpx.Response:
        return await self.client.request(method, path, headers=self.headers, **extra)

    async def done(self, method: str, path: str, **extra: Any) -> Any:
        answer = await self.call(method, path, **extra)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None


async def test_profiles_keeps_people_in_their_table_alone(
    profiles: tuple[Context, httpx.AsyncClient],
    token: Callable[..., str],
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    context, client = profiles
    operator = Operator(client, token("operator"))
    report = await operator.done("POST", "/imports?source=seed", content=seed_file())
    assert report["rejected"] == 0
    words = words_of(seed()) | {FIRST, ADDRESS}

    firms = (await operator.done("GET", "/organisations?kind=sme&limit=3"))["items"]
    anna, bert = [
        (await operator.done("GET", f"/organisations/{firm['id']}"))["contacts"][0]["person_id"] for firm in firms[:2]
    ]
    consent = {"given": False, "at": now().isoformat(), "wording": "no", "source": "test"}
    await operator.done("PUT", f"/people/{anna}", json={"language": "fr", "consent": consent})
    contact = {"name": FIRST, "email": ADDRESS, "role": "sme_contact", "supplied_id": "eva"}
    await operator.done("POST", f"/organisations/{firms[0]['id']}/people", json=contact)
    await operator.done("POST", f"/organisations/{firms[1]['id']}/withdraw")
    taken = await operator.call("POST", f"/organisations/{firms[0]['id']}/people", json=contact | {"email": _of(anna)})
    assert taken.status_code == 409 or taken.is_success
    for bad in ({"email": f"{ADDRESS} "}, {"email": f"<{ADDRESS}>", "role": ADDRESS}, {"name": [FIRST]}):
        await operator.call("POST", f"/organisations/{firms[0]['id']}/people", json=contact | bad)
    broken = '{"supplied_id": "x", "kind": "sme", "contacts": [{"name": "%s", "email": "%s", "role": "king"}]}'
    await operator.done("POST", "/imports", content=(broken % (FIRST, ADDRESS)).encode())

    async def break_down(*_: Any) -> None:
        raise RuntimeError(f"something about {ADDRESS}")

    monkeypatch.setattr("services.profiles.people.export", break_down)
    assert (await operator.call("GET", f"/people/{anna}/export")).status_code == 500
    await operator.done("DELETE", f"/people/{bert}")
    await operator.done("DELETE", f"/organisations/{firms[2]['id']}")

    assert set(await tables_with(context, words)) == {"person"}
    logged = "".join(capfd.readouterr())
    assert "something about (address)" in logged, "the fault itself is logged"
    assert found_in(logged, words) == []


def _of(person_id: str) -> str:
    return f"{person_id}@firm.example.org"


async def test_control_an_address_in_an_event_is_found(context: Callable[..., Context]) -> None:
    made = context("profiles")
    planted = OrganisationSnapshot(
        version=Version(epoch=1, n=1),
        organisation_id=new_id(),
        kind=OrganisationKind.SME,
        name=f"Ask {ADDRESS.upper()}",
        country="AT",
        updated_at=now(),
    )
    async with made.database.transaction() as session:
        await publish(session, ORGANISATION_CHANGED, planted)
    assert set(await tables_with(made, words_of(seed()) | {ADDRESS})) == {"journal"}


async def test_notifier_keeps_people_in_their_table_alone(
    context: Callable[..., Any], capfd: pytest.CaptureFixture[str]
) -> None:
    server = MailServer()
    server.start()
    made = context("notifier", smtp_port=server.port, settle_seconds=0, settle_crowd_seconds=0)
    notifier = await make_notifier(made, server)
    try:
        ours, theirs = organisation("Alpen Sensorik", "AT"), organisation("Pomorska Energia", "PL")
        await notifier.knows(ours, theirs)
        eva = await notifier.person(FIRST, (ours.organisation_id, "sme_contact"))
        jan = await notifier.person("Jan Refused", (theirs.organisation_id, "sme_contact"))
        refused = notifier.address(jan)
        server.on_recipient = lambda to: f"550 5.1.1 <{to}>: no {to} here" if to == refused else None
        proposed = suggestion(ours.organisation_id, theirs.organisation_id)
        await notifier.proposes(proposed)
        await notifier.connects(proposed)
        await notifier.works()
        assert server.to(notifier.address(eva)), "a mail was sent"
        assert "failed" in {each.state for each in await notifier.deliveries()}, "another was refused"
        words = {FIRST, "Jan Refused", notifier.address(eva), refused}
        assert set(await tables_with(made, words)) == {"person"}
    finally:
        await close_post(made)
        server.stop()
    assert found_in("".join(capfd.readouterr()), words) == []


async def test_console_keeps_nobody(console: Console, capfd: pytest.CaptureFixture[str]) -> None:
    anna = console.person(("sme_contact", new_id()), name=FIRST)
    async with console.browser() as browser:
        for email in (anna.email, ADDRESS):
            assert (await browser.post("/sign-in", data={"email": email})).status_code == 200
        await identity_of(console.context).sent()
        await console.sign_in(browser, anna)
        await browser.get("/account")
    words = {FIRST, anna.email, ADDRESS}
    assert await tables_with(console.context, words) == {}
    assert found_in("".join(capfd.readouterr()), words) == []


async def test_a_link_that_meets_a_fault_is_not_logged(
    console: Console, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def break_down(*_: Any) -> None:
        raise RuntimeError("no database")

    monkeypatch.setattr("services.console.identity.Identity.link_works", break_down)
    async with console.browser() as browser:
        assert (await browser.get("/sign-in/a-secret-of-somebody")).status_code == 500
    logged = "".join(capfd.readouterr())
    assert "/sign-in/{secret}" in logged
    assert "a-secret-of-somebody" not in logged


def test_a_fault_is_named_without_the_address_it_quotes() -> None:
    assert ADDRESS not in fault_of(ValueError(f"550 <{ADDRESS}>: user unknown; '{ADDRESS}',{ADDRESS}"))
