"""Small state aid over HTTP: no award without room and declaration, one ceiling for linked firms, no way past it."""

import asyncio
import random
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from services.mobility.repository import aid, organisations
from shared.clock import now
from shared.contracts import Version
from shared.contracts.profiles import OrganisationErased
from tests.mobility.aid import agrees_with_the_ledger, applied, declare, headroom, join, programme, room
from tests.mobility.conftest import Town

EVIDENCE = [{"kind": "invoice", "reference": "R-1.pdf"}]


async def test_a_programme_without_state_aid_asks_for_nothing(town: Town) -> None:
    made = await town.innovation_programme()
    assert (made["state_aid"], made["granting_country"]) == ("none", None)
    path = await applied(town, made["programme_id"])
    await town.done("clerk", f"{path}/issue")
    assert await room(town) == "300000.00"


async def test_the_granting_country_is_the_funders_own_and_stays_when_a_form_does_not_name_it(town: Town) -> None:
    made = await town.innovation_programme(state_aid="de_minimis")
    assert (made["state_aid"], made["granting_country"]) == ("de_minimis", "AT")
    terms = {"If-Match": f'"{made["terms_version"]}"'}
    body = town.programme_body(kind="innovation", name="New", budget=made["budget"])
    changed = (await town.call("clerk", "PUT", f"/programmes/{made['programme_id']}", body, **terms)).json()
    assert (changed["state_aid"], changed["granting_country"]) == ("de_minimis", "AT")
    assert await town.events(made["programme_id"]) == ["programme.changed"] * 2


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"granting_country": "CH"}, "state-aid-jurisdiction"),
        ({"budget": {"amount": "1000.00", "currency": "SEK"}}, "aid-currency"),
        ({"granting_country": "GB"}, "aid-currency"),
    ],
)
async def test_a_programme_whose_aid_can_not_be_counted_is_refused(
    town: Town, changes: dict[str, Any], rule: str
) -> None:
    answer = await town.post("clerk", "/programmes", town.programme_body(state_aid="de_minimis", **changes))
    assert (answer.status_code, answer.json()["rule"]) == (422, rule)


async def test_without_a_declaration_nothing_is_granted_and_the_verdict_says_so(town: Town) -> None:
    made = await programme(town)
    body = {
        "programme_id": made,
        "beneficiary_id": str(town.visitor),
        "provider_id": str(town.provider),
        "amount": "1000.00",
    }
    answer = await town.post("visitor", "/vouchers", body)
    assert (answer.status_code, answer.json()["rule"]) == (422, "state-aid-declaration")
    assert (await headroom(town))["declaration"]["needed"]
    await declare(town)
    assert not (await headroom(town))["declaration"]["needed"]
    path = await applied(town, made)
    verdict = (await town.get("visitor", path)).json()["verdict"]
    assert [each["rule"] for each in verdict if each["rule"].startswith("state-aid")] == [
        "state-aid-declaration",
        *["state-aid-ceiling"] * 2,
    ]


async def test_what_is_declared_leaves_less_and_what_exceeds_is_refused_whole(town: Town) -> None:
    await declare(town, "299000.00", "600.00")
    assert await room(town) == "400.00"
    made = await programme(town)
    body = {"programme_id": made, "beneficiary_id": str(town.visitor), "provider_id": str(town.provider)}
    refused = await town.post("visitor", "/vouchers", {**body, "amount": "800.02"})
    assert (refused.status_code, refused.json()["rule"]) == (422, "state-aid-ceiling")
    path = await applied(town, made, "800.00")
    await town.done("clerk", f"{path}/issue")
    assert await room(town) == "0.00"
    assert await room(town, regulation="sgei") == "450000.00"
    assert await room(town, country="DE") == "300000.00", "each country has a ceiling of its own"


async def test_what_is_released_or_cancelled_counts_no_more(town: Town) -> None:
    await declare(town)
    made = await programme(town)
    kept, gone = [await applied(town, made) for _ in range(2)]
    for path in (kept, gone):
        await town.done("clerk", f"{path}/issue")
    assert await room(town) == "299000.00"
    invoice = {"number": "R-1", "amount": "700.00", "evidence": EVIDENCE}
    await town.done("visitor", f"{kept}/invoice", invoice)
    assert await room(town) == "299150.00", "350 of the 500 are left"
    await town.done("clerk", f"{gone}/cancel", {"reason": "Withdrawn."})
    assert await room(town) == "299650.00"
    (award,) = (await town.get("clerk", "/state-aid/queue")).json()["items"]
    assert award["amount"]["amount"] == "350.00", "what was cancelled before it was reported is not reported"
    await agrees_with_the_ledger(town, made)


async def test_linked_firms_share_one_ceiling_and_a_firm_that_leaves_takes_its_aid_along(town: Town) -> None:
    await declare(town, "200000.00")
    await join(town, town.visitor, "Alpen Sensorik", "Alpine  Holding")
    await join(town, town.provider, "Sister", "alpine holding")
    assert await room(town, who="operator", organisation_id=town.provider) == "100000.00"
    both = (await headroom(town))["undertaking"]
    assert both == {str(town.visitor): "Alpen Sensorik", str(town.provider): "Sister"}
    await join(town, town.provider, "Sister", None, n=3)
    assert await room(town, who="operator", organisation_id=town.provider) == "300000.00"


async def test_what_an_erased_sister_was_granted_still_counts(town: Town) -> None:
    await join(town, town.visitor, "Alpen Sensorik", "Alpine Holding")
    await join(town, town.provider, "Sister", "Alpine Holding")
    await declare(town, "200000.00")
    gone = OrganisationErased(version=Version(epoch=1, n=9), organisation_id=town.visitor, erased_at=now())
    async with town.context.database.transaction() as session:
        await organisations.erase_organisation(session, gone)
    assert await room(town, who="operator", organisation_id=town.provider) == "100000.00"


async def two_claims(town: Town) -> list[str]:
    """Two pots of one country, two linked firms with 600 EUR of room, a claim of 500 EUR each: what issues them."""
    await join(town, town.visitor, "Alpen Sensorik", "Alpine Holding")
    await join(town, town.provider, "Sister", "Alpine Holding")
    await declare(town, "299400.00")
    await declare(town, by="provider")
    firms = ("visitor", "provider")
    return [f"{await applied(town, await programme(town), by=firm)}/issue" for firm in firms]


async def both(town: Town, paths: list[str]) -> list[int]:
    """Have two clerks issue at the same moment; return the sorted statuses."""
    answers = await asyncio.gather(town.post("clerk", paths[0]), town.post("second_clerk", paths[1]))
    return sorted(each.status_code for each in answers)


async def test_two_awards_at_the_same_moment_can_not_break_the_ceiling(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = await two_claims(town)
    both_wait, lock = asyncio.Barrier(2), aid.lock

    async def wait_then_lock(*arguments: Any) -> None:
        await both_wait.wait()
        await lock(*arguments)

    monkeypatch.setattr(aid, "lock", wait_then_lock)
    assert await both(town, paths) == [200, 409]
    assert await room(town) == "100.00"


async def test_control_without_the_lock_on_the_undertaking_the_ceiling_is_broken(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = await two_claims(town)
    both_counted, count = asyncio.Barrier(2), aid.counted

    async def nothing(*_: Any) -> None: ...

    async def count_together(*arguments: Any) -> Any:
        found = await count(*arguments)
        await both_counted.wait()
        return found

    monkeypatch.setattr(aid, "lock", nothing)
    monkeypatch.setattr(aid, "counted", count_together)
    assert await both(town, paths) == [200, 200]
    monkeypatch.setattr(aid, "counted", count)
    assert (await headroom(town))["ceilings"][0]["used"]["amount"] == "300400.00"


STEPS = {
    "issue": ("clerk", None),
    "cancel": ("visitor", None),
    "refuse": ("second_clerk", {"reason": "No."}),
    "invoice": ("visitor", {"number": "R-1", "amount": "700.00", "evidence": EVIDENCE}),
    "approve": ("clerk", None),
}


async def test_whatever_is_done_to_vouchers_at_once_the_register_counts_what_the_ledger_holds(town: Town) -> None:
    dice = random.Random(7)
    await declare(town, "298600.00")
    made = await programme(town)
    paths = [await applied(town, made) for _ in range(5)]
    for _ in range(5):
        calls = []
        for _ in range(6):
            step = dice.choice(list(STEPS))
            who, body = STEPS[step]
            calls.append(town.post(who, f"{dice.choice(paths)}/{step}", body))
        for answer in await asyncio.gather(*calls):
            assert answer.status_code in (200, 409), answer.text
        await agrees_with_the_ledger(town, made)
        assert Decimal((await headroom(town))["ceilings"][0]["used"]["amount"]) <= 300_000


async def test_strangers_and_funders_without_a_claim_do_not_see_a_firms_aid(town: Town) -> None:
    path = f"/state-aid/headroom?organisation_id={town.visitor}&country=AT"
    for who in ("stranger", "host", "clerk", "foreign_clerk"):
        assert (await town.get(who, path)).status_code == 403, who
    await applied(town, str((await town.innovation_programme())["programme_id"]))
    assert (await town.get("clerk", path)).status_code == 200
    assert (await town.get("foreign_clerk", path)).status_code == 403


async def test_the_books_say_when_the_register_does_not_count_what_the_ledger_holds(town: Town) -> None:
    await declare(town)
    made = await programme(town)
    await town.done("clerk", f"{await applied(town, made)}/issue")
    assert (await town.ledger(made))["balanced"]
    async with town.context.database.transaction() as session:
        await session.execute(
            sa.text(
                "INSERT INTO aid_line (award_id, amount, counted, occasion, made_at) "
                "SELECT award_id, -100, -100, 'released', now() FROM aid_award"
            )
        )
    books = await town.ledger(made)
    assert not books["balanced"]
    assert "400.00" in books["problems"][0]
