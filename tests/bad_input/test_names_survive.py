"""HTML, formulas and odd characters in names: verbatim as data, text on pages, harmless in spreadsheets and mails."""

import csv
import io
from collections.abc import AsyncIterator, Callable
from html.parser import HTMLParser
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from deploy.local.keys import Keys
from services.mobility.repository import organisations
from services.notifier.work import close_post
from shared.context import Context
from shared.contracts.profiles import OrganisationKind
from shared.ids import new_id
from shared.messaging.tables import journal
from tests.bad_input.nasty import FORMULAS
from tests.console.conftest import Console
from tests.console.everybody import pages, people
from tests.console.town import Town as Pages
from tests.console.town import inhabit, populate
from tests.mobility.conftest import Town, organisation, settle
from tests.notifier.events import organisation as profile
from tests.notifier.events import suggestion
from tests.notifier.mail_server import MailServer
from tests.notifier.support import make_notifier
from tests.security.checking import World
from tests.security.worlds import application, world

EVIL = '<script>alert(1)</script><img src=x onerror="alert(1)">{{70707*7}}'
NAMES = (
    EVIL,
    *FORMULAS,
    'O\'Brien & Söhne "GmbH"',
    "Robert'); DROP TABLE organisation;--",
    "Ωmega 会社 🚀",
    "${7*7}%s%n",
)


@pytest.fixture
async def profiles(context: Callable[..., Context], keys: Keys, token: Callable[..., str]) -> AsyncIterator[World]:
    """The profiles service, furnished."""
    async with world("profiles", context("profiles"), keys, token) as made:
        yield made


async def test_a_name_is_stored_told_and_answered_letter_by_letter(profiles: World) -> None:
    for name in NAMES:
        made = await profiles.done("ope", "POST", "/organisations", {"kind": "sme", "name": name, "country": "AT"})
        assert made["name"] == name
        assert (await profiles.done("ope", "GET", f"/organisations/{made['id']}"))["name"] == name
        async with profiles.context.database.session() as session:
            body = await session.scalar(sa.select(journal.c.body).where(journal.c.key == made["id"]))
        assert body["name"] == name


async def test_a_name_that_is_a_formula_does_nothing_in_the_exported_ledger(
    context: Callable[..., Context], token: Callable[..., str]
) -> None:
    made = context("mobility")
    transport = httpx.ASGITransport(application("mobility", made))
    async with httpx.AsyncClient(transport=transport, base_url="http://mobility") as client:
        town = Town(made, client, token)
        await settle(town)
        for number, formula in enumerate(FORMULAS):
            async with made.database.transaction() as session:
                renamed = organisation(town.visitor, formula, OrganisationKind.SME, "AT", n=number + 2)
                await organisations.put_organisation(session, renamed)
            programme = (await town.innovation_programme(name=formula))["programme_id"]
            voucher = (await town.innovation_voucher(programme))["voucher_id"]
            await town.done("clerk", f"/vouchers/{voucher}/issue")
            exported = await town.get("auditor", f"/programmes/{programme}/ledger.csv")
            rows = list(csv.DictReader(io.StringIO(exported.text)))
            assert rows
            for row in rows:
                assert not [cell for cell in (row["programme"], row["beneficiary"]) if cell[:1] in "=+-@\t\r" and cell]
            assert formula in rows[-1]["beneficiary"].replace("\\|", "|"), "the name is still there, behind the guard"


class Elements(HTMLParser):
    """Collects what a browser would run: scripts without a source of ours, handlers, addresses that are scripts."""

    def __init__(self) -> None:
        super().__init__()
        self.alive: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag in ("script", "img", "iframe") and not (given.get("src") or "").startswith("/static/"):
            self.alive.append(tag)
        for name, value in attrs:
            if name.startswith("on") or (value or "").strip().lower().startswith(("javascript:", "data:text")):
                self.alive.append(f"{tag} {name}")


def alive_in(html: str) -> list[str]:
    """Return what a page would run that is not ours."""
    found = Elements()
    found.feed(html)
    return found.alive


FREE_TEXT = frozenset(
    {"name", "title", "reason", "need_text", "offer_text", "text", "label", "first_name", "second_name", "city",
     "detail", "programme_name", "funder_name", "number", "reference", "bank_reference", "source", "error", "wording",
     "website", "rule", "occasion", "key", "refusal_rule"}
)  # fmt: skip


def poisoned(value: Any, key: str = "") -> Any:
    """Return an answer whose every free text ends in HTML."""
    if isinstance(value, dict):
        free = key == "names"
        return {name: poisoned(each, "name" if free else name) for name, each in value.items()}
    if isinstance(value, list):
        return [poisoned(each, key) for each in value]
    return value + EVIL if isinstance(value, str) and key in FREE_TEXT else value


async def test_no_text_of_others_becomes_html_on_any_page(console: Console) -> None:
    town = Pages()
    inhabit(console, town)
    await populate(console, town)
    async with console.context.database.transaction() as session:
        for statement in ("organisation SET name = name || :evil", "suggestion SET reason = reason || :evil"):
            await session.execute(sa.text(f"UPDATE {statement}"), {"evil": EVIL})
    sisters = console.sisters

    async def answer(request: httpx.Request) -> httpx.Response:
        given = await sisters(request)
        if request.url.path.endswith("/contact-card") or request.url.path == "/contact-cards/by-email":
            return given
        return httpx.Response(given.status_code, json=poisoned(given.json()))

    everybody = people(console, town)
    browsers = {}
    shown_escaped = 0
    for who, path, _ in pages(town):
        async with console.browser() as browser:
            if who in browsers:
                browser.cookies = browsers[who]
            else:
                await console.sign_in(browser, everybody[who])
                browsers[who] = browser.cookies
            console.context.http._client = httpx.AsyncClient(transport=httpx.MockTransport(answer))
            shown = await browser.get(path)
            await console.context.http._client.aclose()
            console.context.http._client = httpx.AsyncClient(transport=httpx.MockTransport(sisters))
        assert shown.status_code == 200, (who, path, shown.text[:500])
        assert alive_in(shown.text) == [], (who, path)
        assert "494949" not in shown.text, (who, path)
        shown_escaped += shown.text.count("&lt;script&gt;alert(1)")
    assert shown_escaped > 50


def test_control_html_that_is_alive_is_found() -> None:
    assert alive_in(f"<p>{EVIL}</p>") == ["script", "img", "img onerror"]
    assert alive_in('<a href=" JavaScript:alert(1)">x</a>') == ["a href"]
    assert alive_in('<script src="/static/abc/htmx.js"></script>') == []


@pytest.mark.parametrize(
    "name", [EVIL, "Firm\r\nBcc: everybody@evil.example.org\r\n\r\nBuy!", "Firm\u2028\x85\x0bX-Evil: 1"]
)
async def test_a_name_is_no_html_and_no_header_of_a_mail(context: Callable[..., Any], name: str) -> None:
    server = MailServer()
    server.start()
    made = context("notifier", smtp_port=server.port, settle_seconds=0, settle_crowd_seconds=0)
    notifier = await make_notifier(made, server)
    try:
        ours, theirs = profile("Alpen Sensorik", "AT"), profile(name, "PL")
        await notifier.knows(ours, theirs)
        anna = await notifier.person("Anna", (ours.organisation_id, "sme_contact"))
        broken = await notifier.person(f"{name}\r\n", (ours.organisation_id, "sme_contact"), email="b@firm.example.org")
        await notifier.proposes(suggestion(ours.organisation_id, theirs.organisation_id, suggestion_id=new_id()))
        await notifier.works()
        (mail,) = server.to(notifier.address(anna))
        (refused,) = [each for each in await notifier.deliveries() if each.person_id == broken]
    finally:
        await close_post(made)
        server.stop()
    assert (refused.state, refused.reason) == ("failed", "name or address is not one"), "a person's name is one line"
    assert mail["Bcc"] is None
    assert mail["X-Evil"] is None
    assert [address for address in mail["To"].addresses if "evil" in address.domain] == []
    assert not set("\r\n\x0b\x85\u2028") & set(str(mail["Subject"]))
    html = mail.get_body(("html",))
    assert html is not None
    assert [each for each in alive_in(html.get_content()) if not each.startswith("img")] == []
    assert "onerror=" not in html.get_content().replace("onerror=&#34;", "").replace("onerror=&quot;", "")
