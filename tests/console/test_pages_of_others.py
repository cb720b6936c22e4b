"""Pages of others are refused in words, and nothing is asked for them."""

from tests.console.conftest import Console
from tests.console.everybody import people
from tests.console.town import Town

FORBIDDEN: list[tuple[str, str]] = [
    ("nobody", "/suggestions"),
    ("nobody", "/connections"),
    ("nobody", "/visits"),
    ("nobody", "/vouchers"),
    ("nobody", "/hub"),
    ("nobody", "/roadmaps"),
    ("nobody", "/operator"),
    ("sme", "/hub"),
    ("sme", "/messages"),
    ("sme", "/roadmaps"),
    ("sme", "/operator"),
    ("sme", "/operator/live"),
    ("sme", "/operator/streams"),
    ("sme", "/operator/parked"),
    ("sme", "/operator/dead-letters"),
    ("sme", "/operator/trace"),
    ("sme", "/operator/messages"),
    ("hub", "/operator"),
    ("administrator", "/suggestions"),
    ("administrator", "/hub"),
    ("administrator", "/operator/dead-letters"),
    ("auditor", "/operator"),
    ("auditor", "/vouchers/new"),
    ("operator", "/suggestions"),
    ("operator", "/hub"),
]


async def test_pages_for_others_are_refused_in_words_and_nothing_is_asked(console: Console, town: Town) -> None:
    everybody = people(console, town)
    for who, path in FORBIDDEN:
        async with console.browser() as browser:
            await console.sign_in(browser, everybody[who])
            await browser.get("/organisations")
            console.sisters.calls.clear()
            answer = await browser.get(path)
        assert answer.status_code == 403, (who, path)
        assert "Not for you" in answer.text
        assert not console.sisters.calls, (who, path)


async def test_nobody_acts_for_a_foreign_organisation(console: Console, town: Town) -> None:
    async with console.browser() as browser:
        await console.sign_in(browser, people(console, town)["sme"])
        for path in ("/suggestions", "/connections", "/visits", "/vouchers/new"):
            answer = await browser.get(path, params={"organisation_id": str(town.partner)})
            assert answer.status_code == 404, path
    assert not console.sisters.asked("matching")
    assert not console.sisters.asked("mobility")


async def test_the_books_of_another_funder_are_not_found(console: Console, town: Town) -> None:
    other = console.person(("voucher_administrator", town.hub))
    async with console.browser() as browser:
        await console.sign_in(browser, other)
        console.sisters.calls.clear()
        for tab in ("applications", "ledger"):
            assert (await browser.get(f"/programmes/{town.programme}/{tab}")).status_code == 404
    assert not console.sisters.asked("mobility")
