"""Rules of imported rows: each fault has row, field and rule, and costs its row only."""

from typing import Any

import pytest

from tests.profiles.files import a_row, faults, jsonl, names, read


@pytest.mark.parametrize(
    ("said", "field", "rule"),
    [
        ({"country": "XX"}, "country", "unknown-country"),
        ({"country": None}, "country", "required"),
        ({"region": "AT99"}, "region", "unknown-region"),
        ({"region": "DE111"}, "region", "region-outside-country"),
        ({"region": "NL33"}, "region", "unknown-region"),
        ({"sectors": ["28.99", "0.0"]}, "sectors.1", "unknown-sector"),
        ({"sectors": "28.99"}, "sectors", "malformed"),
        ({"languages": ["english"]}, "languages.0", "unknown-language"),
        ({"kind": "company"}, "kind", "unknown-word"),
        ({"name": "   "}, "name", "required"),
        ({"name": "Evil\r\nBcc: x@y.example.org"}, "name", "control-character"),
        ({"name": "Bell\x07"}, "name", "control-character"),
        ({"name": "Line\u2028separator"}, "name", "control-character"),
        ({"name": "x" * 301}, "name", "too-long"),
        ({"name": {"a": 1}}, "name", "malformed"),
        ({"website": "javascript:alert(1)"}, "website", "malformed-website"),
        ({"website": "http://[broken"}, "website", "malformed-website"),
        ({"offers": [{"text": "x" * 5001, "language": "en"}]}, "offers.0.text", "too-long"),
        ({"offers": [{"text": "x", "language": "en"}] * 51}, "offers", "too-many"),
        ({"needs": [{"text": "x"}]}, "needs.0.language", "required"),
        ({"supplied_id": None}, "supplied_id", "id-required"),
        ({"contacts": [{"name": "E", "email": "e@x"}]}, "contacts.0.email", "malformed-email"),
        ({"contacts": [{"name": "E", "email": "e@x.example.org\nBcc: y"}]}, "contacts.0.email", "control-character"),
        ({"contacts": [{"name": "E\nF", "email": "e@x.example.org"}]}, "contacts.0.name", "control-character"),
        ({"contacts": [{"email": "e@x.example.org"}]}, "contacts.0.name", "required"),
        (
            {"contacts": [{"name": "E", "email": "e@x.example.org", "role": "king"}]},
            "contacts.0.role",
            "unknown-word",
        ),
        (
            {"contacts": [{"name": "E", "email": "e@x.example.org", "time_zone": "Mars/North"}]},
            "contacts.0.time_zone",
            "unknown-time-zone",
        ),
        (
            {
                "contacts": [
                    {
                        "name": "E",
                        "email": "e@x.example.org",
                        "consent": {"given": True, "at": "2026-01-01T00:00:00", "wording": "w", "source": "s"},
                    }
                ]
            },
            "contacts.0.consent.at",
            "time-without-zone",
        ),
        (
            {
                "contacts": [
                    {
                        "name": "E",
                        "email": "e@x.example.org",
                        "consent": {"given": True, "at": "2999-01-01T00:00:00Z", "wording": "w", "source": "s"},
                    }
                ]
            },
            "contacts.0.consent.at",
            "time-in-future",
        ),
    ],
)
def test_a_bad_field_is_named_and_the_next_row_is_kept(said: dict[str, Any], field: str, rule: str) -> None:
    rows, _ = read(jsonl(a_row(1, **said), a_row(2)))
    assert (1, field, rule) in faults(rows)
    assert names(rows) == ["Firm 2"]


def test_a_code_of_nuts_2021_is_answered_with_its_successor() -> None:
    rows, _ = read(jsonl(a_row(country="NL", region="NL332")))
    assert "NL361" in rows[0].errors[0].message


def test_messages_never_repeat_what_was_written() -> None:
    contact = {"name": "Eva Secret\n", "email": "eva.secret@", "language": "secret", "role": "secret"}
    rows, _ = read(jsonl(a_row(country="secret", contacts=[contact])))
    assert len(rows[0].errors) >= 3
    assert not any("ecret" in each.message for each in rows[0].errors)
