"""The rules of the digest: settling, weekly cap, delivery hour, consent, unsubscribe tokens."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifier.bundling import WEEK, Bundle, Settling, next_delivery_hour, next_under_cap
from services.notifier.consent import Choice, Consent, Rule, Verdict, verdict
from services.notifier.tokens import InvalidUnsubscribeTokenError, UnsubscribeTokens, Unsubscription, address_hash
from shared.reference.countries import EmailRule, email_rule

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


def _ago(**length: float) -> datetime:
    return NOW - timedelta(**length)


@pytest.mark.parametrize(
    ("oldest", "newest", "people", "settled"),
    [
        (0.09, 0.09, 2, False),
        (0.3, 0.05, 2, False),
        (0.3, 0.2, 2, True),
        (0.3, 0.2, 100, False),
        (3.0, 2.1, 100, True),
        (5.1, 0.01, 100, True),
    ],
)
def test_a_bundle_closes_when_its_round_has_come_in(oldest: float, newest: float, people: int, settled: bool) -> None:
    bundle = Bundle(_ago(seconds=oldest), _ago(seconds=newest), whole=False)
    assert Settling().settled(bundle, people, NOW) is settled


@pytest.mark.parametrize(("people", "settled"), [(1, True), (25, True), (26, False)])
def test_a_whole_bundle_closes_at_once_unless_an_import_is_running(people: int, settled: bool) -> None:
    assert Settling().settled(Bundle(NOW, NOW, whole=True), people, NOW) is settled


@given(st.lists(st.integers(0, 40 * 24 * 60), max_size=60), st.integers(1, 5))
def test_no_seven_days_hold_more_suggestion_mails_than_the_cap(wishes: list[int], cap: int) -> None:
    sent: list[datetime] = []
    for minute in sorted(wishes):
        moment = NOW + timedelta(minutes=minute)
        if next_under_cap([each for each in sent if each > moment - WEEK], cap, moment) == moment:
            sent.append(moment)
    for start in sent:
        assert sum(start <= each < start + WEEK for each in sent) <= cap


@given(st.lists(st.integers(1, 7 * 24 * 60 - 1), max_size=20), st.integers(1, 5))
def test_the_moment_promised_under_the_cap_is_one_at_which_a_mail_may_go(minutes: list[int], cap: int) -> None:
    sent = [_ago(minutes=each) for each in minutes]
    moment = next_under_cap(sent, cap, NOW)
    assert moment is not None
    assert moment >= NOW
    assert sum(moment - WEEK < each for each in sent) < cap


def test_a_cap_of_none_lets_nothing_through() -> None:
    assert next_under_cap([], 0, NOW) is None


@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2028, 1, 1)),  # noqa: DTZ001 - made aware below
    st.integers(0, 23),
    st.sampled_from(["Europe/Vienna", "Europe/Lisbon", "UTC", "America/St_Johns"]),
)
def test_a_delivery_hour_is_kept_in_the_readers_own_zone(moment: datetime, hour: int, zone: str) -> None:
    now = moment.replace(tzinfo=UTC)
    chosen = next_delivery_hour(now, hour, zone)
    assert now <= chosen <= now + timedelta(hours=25)
    skipped_by_summer_time = (hour + 1) % 24
    assert chosen.astimezone(ZoneInfo(zone)).hour in (hour, skipped_by_summer_time)
    assert next_delivery_hour(chosen, hour, zone) == chosen, "when it has come, it has come"


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2026-03-29T00:30+00:00", "2026-03-29T01:00+00:00"),  # 1:30; 2:00 is 3:00 that day
        ("2026-03-29T01:00+00:00", "2026-03-29T01:00+00:00"),  # 3:00, the hour that counts
        ("2026-03-29T01:59+00:00", "2026-03-29T01:59+00:00"),
        ("2026-03-29T02:00+00:00", "2026-03-30T00:00+00:00"),  # 4:00: tomorrow, in summer time
        ("2026-10-25T00:30+00:00", "2026-10-25T00:30+00:00"),  # the hour comes twice: both do
        ("2026-10-25T01:30+00:00", "2026-10-25T01:30+00:00"),
    ],
)
def test_on_the_day_the_clock_is_changed_mail_comes_that_day(now: str, expected: str) -> None:
    assert next_delivery_hour(datetime.fromisoformat(now), 2, "Europe/Berlin") == datetime.fromisoformat(expected)


YES = Consent(True, _ago(days=100), "CORDIS")
NO = Consent(False, _ago(days=100))
OFF = Choice(False, _ago(days=10))


@pytest.mark.parametrize(
    ("country", "consent", "choice", "noticed_days_ago", "expected"),
    [
        ("PL", None, None, None, Verdict.NO_CONSENT),
        ("PL", YES, None, None, Verdict.CONSENTED),
        ("PL", NO, None, None, Verdict.REFUSED),
        ("DE", None, None, 50, Verdict.NO_CONSENT),
        ("FR", None, None, None, Verdict.NOTICE_FIRST),
        ("FR", None, None, 1, Verdict.WAIT),
        ("FR", None, None, 4, Verdict.NOTICED),
        ("FR", NO, None, 4, Verdict.REFUSED),
        ("FR", None, OFF, 4, Verdict.REFUSED),
        ("GB", None, None, None, Verdict.NOTICED),
        ("AT", YES, OFF, None, Verdict.REFUSED),
        ("AT", Consent(True, _ago(days=1), by_herself=True), OFF, None, Verdict.CONSENTED),
        ("AT", Consent(True, _ago(days=1), "a colleague"), OFF, None, Verdict.REFUSED),
        ("AT", YES, Choice(True, _ago(days=1)), None, Verdict.CONSENTED),
        ("XX", None, None, None, Verdict.NO_CONSENT),
    ],
)
def test_nobody_gets_a_suggestion_without_her_word_or_her_countrys_rule(
    country: str, consent: Consent | None, choice: Choice | None, noticed_days_ago: int | None, expected: Verdict
) -> None:
    rule = Rule(email_rule(country, NOW.date()))
    noticed = _ago(days=noticed_days_ago) if noticed_days_ago is not None else None
    assert verdict(rule, consent, choice, noticed, NOW) is expected


@given(st.sampled_from(EmailRule), st.none() | st.just(NO), st.booleans())
def test_a_no_is_a_no_in_every_country(rule: EmailRule, consent: Consent | None, noticed: bool) -> None:
    decided = verdict(Rule(rule), consent, OFF, _ago(days=90) if noticed else None, NOW)
    assert not decided.allows


OLD, NEW = b"an old key of 32 bytes, for tests", b"a new key of 32 bytes, for tests"


def test_an_unsubscribe_token_names_person_and_list() -> None:
    person = uuid4()
    tokens = UnsubscribeTokens([NEW])
    assert tokens.read(tokens.make(person, "suggestions")) == Unsubscription(person, "suggestions")


def test_links_in_old_mails_work_after_the_key_was_rotated() -> None:
    person = uuid4()
    old = UnsubscribeTokens([OLD]).make(person, "suggestions")
    assert UnsubscribeTokens([NEW, OLD]).read(old).person_id == person
    with pytest.raises(InvalidUnsubscribeTokenError):
        UnsubscribeTokens([NEW]).read(old)


@given(st.integers(0, 10_000), st.characters(codec="ascii"))
def test_a_token_with_any_changed_character_is_refused(place: int, other: str) -> None:
    tokens = UnsubscribeTokens([NEW])
    person = uuid4()
    token = tokens.make(person, "suggestions")
    place %= len(token)
    changed = token[:place] + other + token[place + 1 :]
    try:
        assert tokens.read(changed) == Unsubscription(person, "suggestions")
    except InvalidUnsubscribeTokenError:
        assert changed != token


@pytest.mark.parametrize("token", ["", "x", "=" * 40, "A" * 5000, "../../etc/passwd", "é", "a b", "\0"])
def test_nonsense_is_no_token(token: str) -> None:
    with pytest.raises(InvalidUnsubscribeTokenError):
        UnsubscribeTokens([NEW]).read(token)


def test_weak_keys_are_refused() -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        UnsubscribeTokens([b"short"])


def test_an_address_is_recognised_by_its_hash_but_not_readable() -> None:
    assert address_hash(NEW, "Anna@Example.org ") == address_hash(NEW, "anna@example.org")
    assert "anna" not in address_hash(NEW, "anna@example.org")
