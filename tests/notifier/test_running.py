"""The running service: events on a real broker, the durable queue, a real mail server."""

import asyncio
from collections.abc import Callable
from typing import Any

from services.notifier.__main__ import service
from shared.contracts import Version
from shared.contracts.matching import SUGGESTION_PROPOSED
from shared.contracts.profiles import ORGANISATION_CHANGED, PERSON_CHANGED, PersonChanged
from shared.messaging import publish
from tests.notifier.events import organisation, suggestion
from tests.notifier.mail_server import MailServer
from tests.notifier.support import Notifier, Profiles

OURS, THEIRS = organisation("Alpha GmbH"), organisation("Beta SAS", "FR")


class Client(Profiles):
    """The stand-in for profiles where the service's own HTTP client is expected."""

    async def close(self) -> None:
        return


async def _until(condition: Callable[[], bool], seconds: float) -> None:
    for _ in range(int(seconds / 0.02)):
        if condition():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it did not happen")


async def test_events_on_the_streams_become_one_mail_per_side(
    broker: Any, context: Callable[..., Any], mail_server: MailServer
) -> None:
    running = context("notifier", smtp_port=mail_server.port)
    running.http = profiles = Client()
    cards = Notifier(running, mail_server, profiles)
    anna = await cards.person("Anna", (OURS.organisation_id, "sme_contact"), heard=False)
    bruno = await cards.person("Bruno", (THEIRS.organisation_id, "sme_contact"), heard=False)
    first = Version(epoch=1, n=1)

    async with service.running(running, service.runtime(running), "all"):
        # The notifier's own journal stands in for those of profiles and matching: the streams are the same.
        async with running.database.transaction() as session:
            await publish(session, SUGGESTION_PROPOSED, suggestion(OURS.organisation_id, THEIRS.organisation_id))
            for person in (anna, bruno):
                await publish(session, PERSON_CHANGED, _changed(person, profiles, first))
            for each in (OURS, THEIRS):
                await publish(session, ORGANISATION_CHANGED, each)
        await _until(lambda: len(mail_server.mails) == 2, 60)
        (mail,) = mail_server.to(cards.address(anna))
        assert "Beta SAS" in mail["Subject"]

        async def all_told() -> bool:
            return [each.state for each in await cards.deliveries()] == ["sent", "sent"]

        for _ in range(200):
            if await all_told():
                break
            await asyncio.sleep(0.05)
        assert await all_told()


def _changed(person_id: Any, profiles: Profiles, version: Version) -> PersonChanged:
    roles = profiles.cards[person_id]["roles"]
    return PersonChanged(
        version=version, person_id=person_id, organisation_ids=tuple(role["organisation_id"] for role in roles)
    )
