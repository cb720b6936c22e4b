"""Signing in by a link in a mail: uniform answers, single use, cookies, limits."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import col

from services.console import repository
from services.console.models import BrowserSession, RateCount, SignInToken
from services.console.opaque import digest
from services.console.web import identity_of
from shared.auth import TokenVerifier
from shared.clock import now
from shared.ids import new_id
from tests.console.conftest import PUBLIC, Console


async def test_a_known_address_gets_a_link_that_signs_in(console: Console) -> None:
    anna = console.person(("sme_contact", new_id()))
    async with console.browser() as browser:
        answer = await browser.post("/sign-in", data={"email": anna.email})
        assert answer.status_code == 200
        await identity_of(console.context).sent()
        call = console.sisters.asked("notifier")[0]
        assert call.body["person_id"] == str(anna.person_id)
        link = call.body["link"]
        assert link.startswith(f"{PUBLIC}/sign-in/")
        shown = await browser.get(link)
        assert shown.status_code == 200
        assert "Sign in" in shown.text
        signed = await browser.post(link)
        assert (signed.status_code, signed.headers["location"]) == (303, "/")
        start = await browser.get("/")
        assert start.headers["location"] == "/suggestions"


async def test_an_unknown_address_gets_the_same_answer_and_no_mail(console: Console) -> None:
    anna = console.person(("sme_contact", new_id()))
    async with console.browser() as browser:
        known = await browser.post("/sign-in", data={"email": anna.email})
        unknown = await browser.post("/sign-in", data={"email": "nobody@firm.example"})
    await identity_of(console.context).sent()
    assert (known.status_code, known.text) == (unknown.status_code, unknown.text)
    assert dict(known.headers) == dict(unknown.headers)
    assert len(console.sisters.asked("notifier")) == 1


async def test_the_answer_does_not_wait_for_profiles(console: Console) -> None:
    """The timing of the answer would otherwise tell who is known."""
    release = asyncio.Event()
    asked = asyncio.Event()

    async def slow(*_: Any, **__: Any) -> None:
        asked.set()
        await release.wait()

    console.context.http.post = slow  # type: ignore[method-assign,assignment]
    async with console.browser() as browser:
        answer = await browser.post("/sign-in", data={"email": "anna@firm.example"})
    assert answer.status_code == 200
    await asked.wait()
    release.set()


async def test_looking_at_a_link_does_not_use_it(console: Console) -> None:
    anna = console.person(("sme_contact", new_id()))
    link = await console.link_for(anna)
    async with console.browser() as scanner:
        for _ in range(3):
            assert (await scanner.get(link)).status_code == 200
            assert (await scanner.head(link)).status_code in (200, 405)
    async with console.browser() as browser:
        assert (await browser.post(link)).status_code == 303


async def test_a_link_works_once(console: Console) -> None:
    anna = console.person(("sme_contact", new_id()))
    link = await console.link_for(anna)
    async with console.browser() as browser:
        assert (await browser.post(link)).status_code == 303
    async with console.browser() as other:
        assert (await other.post(link)).status_code == 410
        assert not other.cookies


async def click_at_once(console: Console, link: str, clicks: int) -> int:
    """Click a link that often at the same time; return how many clicks signed in."""

    async def click() -> int:
        async with console.browser() as browser:
            return (await browser.post(link)).status_code

    answers = await asyncio.gather(*(click() for _ in range(clicks)))
    assert set(answers) <= {303, 410}
    return answers.count(303)


async def test_of_many_clicks_at_once_one_signs_in(console: Console) -> None:
    for _ in range(5):
        link = await console.link_for(console.person(("sme_contact", new_id())))
        assert await click_at_once(console, link, 4) == 1


async def test_control_looking_before_writing_lets_several_clicks_in(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: with a read and a later write, as careless code does it, the link works more than once."""
    all_read = asyncio.Barrier(4)

    async def look_then_write(session: Any, token_hash: str, moment: Any) -> SignInToken | None:
        found = await repository.usable_sign_in_token(session, token_hash, moment)
        await all_read.wait()
        await session.execute(
            sa.update(SignInToken).where(col(SignInToken.token_hash) == token_hash).values(used_at=moment)
        )
        return found

    monkeypatch.setattr(repository, "use_sign_in_token", look_then_write)
    link = await console.link_for(console.person(("sme_contact", new_id())))
    assert await click_at_once(console, link, 4) == 4


async def test_a_link_ends_after_fifteen_minutes(console: Console) -> None:
    anna = console.person(("sme_contact", new_id()))
    link = await console.link_for(anna)
    secret = link.rsplit("/", 1)[1]
    async with console.context.database.transaction() as session:
        row = await session.get(SignInToken, digest(secret))
        assert row is not None
        assert row.expires_at - row.created_at == timedelta(minutes=15)
        row.expires_at = now() - timedelta(seconds=1)
    async with console.browser() as browser:
        assert (await browser.get(link)).status_code == 410
        assert (await browser.post(link)).status_code == 410


async def test_the_database_holds_neither_links_nor_cookies_nor_addresses(console: Console) -> None:
    anna = console.person(("sme_contact", new_id()))
    async with console.browser() as browser:
        await browser.post("/sign-in", data={"email": anna.email})
        await identity_of(console.context).sent()
        link = console.sisters.asked("notifier")[0].body["link"]
        await browser.post(link)
        cookie = browser.cookies["intercluster_session"]
    stored = ""
    async with console.context.database.session() as session:
        for table in (BrowserSession, SignInToken, RateCount):
            stored += str([row._mapping for row in await session.execute(sa.select(sa.inspect(table).local_table))])
    assert digest(cookie) in stored
    for secret in (cookie, link.rsplit("/", 1)[1], anna.email, anna.email.split("@")[0], "127.0.0.1"):
        assert secret not in stored


async def test_the_cookie_is_http_only_and_lax(console: Console) -> None:
    link = await console.link_for(console.person(("sme_contact", new_id())))
    async with console.browser() as browser:
        cookie = (await browser.post(link)).headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "samesite=lax" in cookie.lower()
    assert "Path=/" in cookie
    assert "Domain" not in cookie


async def test_with_https_the_cookie_is_secure_and_bound_to_the_host(console: Console) -> None:
    console.context.settings.public_base_url = "https://intercluster.example"
    link = await console.link_for(console.person(("sme_contact", new_id())))
    async with console.browser() as browser:
        answer = await browser.post(link)
    assert answer.headers["set-cookie"].startswith("__Host-intercluster_session=")
    assert "Secure" in answer.headers["set-cookie"]
    assert "max-age" in answer.headers["strict-transport-security"]


async def test_signing_out_ends_the_session_on_the_server(console: Console) -> None:
    anna = console.person(("sme_contact", new_id()))
    async with console.browser() as browser:
        await console.sign_in(browser, anna)
        stolen = browser.cookies["intercluster_session"]
        await browser.post("/sign-out")
        assert not browser.cookies
    async with console.browser(cookies={"intercluster_session": stolen}) as thief:
        assert (await thief.get("/organisations")).headers["location"].startswith("/sign-in")


async def test_signing_out_everywhere_ends_the_other_browsers_too(console: Console) -> None:
    anna = console.person(("sme_contact", new_id()))
    async with console.browser() as one, console.browser() as two:
        await console.sign_in(one, anna)
        await console.sign_in(two, anna)
        await one.post("/sign-out", data={"everywhere": "true"})
        assert (await two.get("/organisations")).headers["location"].startswith("/sign-in")


async def test_a_person_who_was_erased_is_signed_out_within_the_cards_minute(console: Console) -> None:
    anna = console.person(("sme_contact", new_id()))
    async with console.browser() as browser:
        await console.sign_in(browser, anna)
        assert (await browser.post("/token")).status_code == 200
        del console.people[anna.email]
        identity_of(console.context).cards.seconds = 0.0
        assert (await browser.get("/organisations")).headers["location"].startswith("/sign-in")


async def test_too_many_wishes_for_one_address_are_refused_from_everywhere(console: Console) -> None:
    limit = console.context.settings.sign_ins_per_address  # type: ignore[attr-defined]
    async with console.browser() as browser:
        answers = [
            (await browser.post("/sign-in", data={"email": email})).status_code
            for email in ["Bob@firm.example", "bob@firm.example ", *["bob@firm.example"] * limit]
        ]
        assert answers[:limit] == [200] * limit
        assert set(answers[limit:]) == {429}
        assert (await browser.post("/sign-in", data={"email": "eve@firm.example"})).status_code == 200


async def test_too_many_wishes_from_one_client_are_refused(console: Console) -> None:
    console.context.settings.sign_ins_per_client = 3  # type: ignore[attr-defined]
    async with console.browser() as browser:
        answers = [(await browser.post("/sign-in", data={"email": f"p{n}@firm.example"})).status_code for n in range(5)]
    assert answers == [200, 200, 200, 429, 429]


async def test_wishes_at_the_same_moment_are_all_counted(console: Console) -> None:
    """The count stands in PostgreSQL, so it holds over all replicas."""
    limit = console.context.settings.sign_ins_per_address  # type: ignore[attr-defined]

    async def wish() -> int:
        async with console.browser() as browser:
            return (await browser.post("/sign-in", data={"email": "bob@firm.example"})).status_code

    answers = await asyncio.gather(*(wish() for _ in range(limit + 5)))
    assert answers.count(200) == limit
    assert answers.count(429) == 5


async def test_control_counts_read_before_they_are_written_admit_too_many(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: reading the count first and writing it later lets all wishes of one moment pass."""
    limit = console.context.settings.sign_ins_per_address  # type: ignore[attr-defined]
    wishes = 3
    all_read = asyncio.Barrier(wishes)

    async def read_then_write(session: Any, key: str, start: Any) -> int:
        query = sa.select(RateCount.seen).where(col(RateCount.key) == key, col(RateCount.window_start) == start)
        seen = (await session.scalar(query) or 0) + 1
        await all_read.wait()
        return int(seen)

    async def wish() -> int:
        async with console.browser() as browser:
            return (await browser.post("/sign-in", data={"email": "bob@firm.example"})).status_code

    async with console.browser() as browser:
        for _ in range(limit - 1):
            await browser.post("/sign-in", data={"email": "bob@firm.example"})
    monkeypatch.setattr(repository, "count", read_then_write)
    assert await asyncio.gather(*(wish() for _ in range(wishes))) == [200] * wishes


async def test_the_token_for_programs_carries_the_present_roles(console: Console) -> None:
    organisation = new_id()
    anna = console.person(("sme_contact", organisation))
    verifier = TokenVerifier("matching", console.context.settings.trusted_keys_file)
    async with console.browser() as browser:
        await console.sign_in(browser, anna)
        token = (await browser.post("/token")).json()["token"]
        principal = verifier.principal(token)
        assert principal.person_id == anna.person_id
        assert principal.has("sme_contact", organisation)
        claims = verifier.claims(token, "person")
        assert claims["exp"] - claims["iat"] == 300
        anna.roles.clear()
        identity_of(console.context).cards.seconds = 0.0
        token = (await browser.post("/token")).json()["token"]
        assert not verifier.principal(token).roles


async def test_without_a_session_there_is_no_token(console: Console) -> None:
    async with console.browser(headers={"Accept": "application/json"}) as program:
        assert (await program.post("/token")).status_code == 401


async def test_what_is_no_address_is_said_to_be_none(console: Console) -> None:
    async with console.browser() as browser:
        for bad in ("", "no-at-sign", "a" * 250 + "@x.example"):
            assert (await browser.post("/sign-in", data={"email": bad})).status_code == 422


async def test_a_sign_in_leads_back_to_the_page_that_asked_for_it(console: Console) -> None:
    anna = console.person(("sme_contact", new_id()))
    async with console.browser() as browser:
        refused = await browser.get("/organisations?q=pump")
        assert refused.headers["location"] == "/sign-in?next=%2Forganisations%3Fq%3Dpump"
        signed = await browser.post(await console.link_for(anna, "/organisations?q=pump"))
        assert signed.headers["location"] == "/organisations?q=pump"
