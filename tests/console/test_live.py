"""The operator's live stream, the shared look behind it, and how lag is computed."""

import asyncio

from services.console.lag import lags
from services.console.live import Live
from services.console.schemas import Streams
from services.console.web import CONTENT_SECURITY_POLICY, identity_of
from tests.console.conftest import Console
from tests.console.town import Town, inhabit, plain

ORGANISATION_CHANGED = "org.intercluster.organisation.changed.v1"


async def test_the_stream_sends_looks_until_the_session_ends(console: Console) -> None:
    town = Town()
    inhabit(console, town)
    console.context.settings.live_seconds = 0.01  # type: ignore[attr-defined]
    otto = console.person(("operator", None))
    async with console.browser() as browser, console.browser() as other:
        await console.sign_in(browser, otto)
        await console.sign_in(other, otto)
        stream = asyncio.create_task(browser.get("/operator/live"))
        while len(console.sisters.asked("mobility")) < 4 and not stream.done():
            await asyncio.sleep(0.01)
        await other.post("/sign-out", data={"everywhere": "true"})
        answer = await asyncio.wait_for(stream, 20)
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    assert answer.text.count("no partition is assigned") >= 2
    assert "<html" not in answer.text


async def test_the_stream_ends_when_the_person_is_no_operator_any_more(console: Console) -> None:
    inhabit(console, Town())
    console.context.settings.live_seconds = 0.01  # type: ignore[attr-defined]
    identity_of(console.context).cards.seconds = 0.0
    otto = console.person(("operator", None))
    async with console.browser() as browser:
        await console.sign_in(browser, otto)
        stream = asyncio.create_task(browser.get("/operator/live"))
        while not console.sisters.asked("mobility") and not stream.done():
            await asyncio.sleep(0.01)
        otto.roles.clear()
        assert (await asyncio.wait_for(stream, 20)).status_code == 200


async def test_many_operators_cost_one_look(console: Console) -> None:
    inhabit(console, Town())
    otto = console.person(("operator", None))
    async with console.browser() as browser:
        await console.sign_in(browser, otto)
        visitor = await identity_of(console.context).visitor(browser.cookies["intercluster_session"])
    assert visitor is not None
    console.sisters.calls.clear()
    watching = Live(console.context, seconds=60.0)
    looks = await asyncio.gather(*(watching.look(visitor) for _ in range(10)))
    assert all(look is looks[0] for look in looks)
    assert len(console.sisters.asked("mobility")) == 2


def streams(service: str, **more: object) -> Streams:
    """What a service says of its streams."""
    return Streams.model_validate(plain({"service": service, **more}))


def head(partition: int, offset: int, epoch: str = "e1") -> dict[str, object]:
    """A producer's head."""
    place = {"topic": "profiles.organisations", "partition": partition, "broker_epoch": epoch}
    return {**place, "offset": offset, "sequence": 1000}


def position(partition: int, offset: int, epoch: str = "e1") -> dict[str, object]:
    """A consumer's position; its sequence says nothing, a row that was tried again stands behind younger ones."""
    return {**head(partition, offset, epoch), "sequence": 7}


def test_lag_is_the_largest_distance_over_the_partitions() -> None:
    producer = streams("profiles", heads=[head(0, 100), head(1, 90)])
    reads = [ORGANISATION_CHANGED]
    consumer = streams("matching", types_consumed=reads, positions=[position(0, 100), position(1, 70)])
    (found,) = lags([producer, consumer])
    assert (found.topic, found.producer, found.consumer) == ("profiles.organisations", "profiles", "matching")
    assert (found.rows, found.partitions_behind) == (20, 1)


def test_a_consumer_that_never_read_is_behind_by_everything() -> None:
    producer = streams("profiles", heads=[head(0, 100)])
    (found,) = lags([producer, streams("matching", types_consumed=[ORGANISATION_CHANGED])])
    assert found.rows == 101


def test_what_was_read_of_a_lost_broker_counts_for_nothing() -> None:
    producer = streams("profiles", heads=[head(0, 9)])
    consumer = streams("matching", types_consumed=[ORGANISATION_CHANGED], positions=[position(0, 50, epoch="lost")])
    assert lags([producer, consumer])[0].rows == 10


def test_a_replayed_position_ahead_of_the_head_is_no_negative_lag() -> None:
    producer = streams("profiles", heads=[head(0, 100)])
    consumer = streams("matching", types_consumed=[ORGANISATION_CHANGED], positions=[position(0, 120)])
    assert lags([producer, consumer])[0].rows == 0


def test_types_this_release_does_not_know_are_no_fault() -> None:
    assert lags([streams("matching", types_consumed=["org.intercluster.future.v9"])]) == []
