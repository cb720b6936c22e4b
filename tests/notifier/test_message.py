"""Headers: nothing from outside can add one; bulk mail carries RFC 8058; DKIM covers what it must."""

from email import message_from_bytes, policy
from uuid import UUID, uuid4

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from services.notifier.message import DkimKey, Envelope, Sender, UnmailableError, as_bytes, build, message_id
from services.notifier.rendering import Rendered, render
from shared.clock import now
from tests.notifier.samples import BASE, reader, suggestions

SENDER = Sender("Intercluster", "no-reply@intercluster.example.org")
DELIVERY = UUID("0192f3a4-0000-7000-8000-000000000001")


def _envelope(**overrides: object) -> Envelope:
    values: dict[str, object] = {
        "delivery_id": DELIVERY,
        "name": "Anna Gruber",
        "address": "anna@example.org",
        "date": now(),
        "occasions": [f"suggestion:{uuid4()}:{uuid4()}" for _ in range(4)],
        "unsubscribe_url": f"{BASE}/unsubscribe/token",
        "list_name": "suggestions",
    }
    return Envelope(**(values | overrides))  # type: ignore[arg-type]


def _rendered(subject: str = "A subject") -> Rendered:
    return Rendered(subject, "<p>hé</p>", "hé\n.\nlast", "en")


BREAKS = ["\r\nBcc: x@example.org", "\nBcc: x@example.org", "\rX: y", "\0", "\x0b", "\u2028X: y", "\x85X: y"]


@pytest.mark.parametrize("attack", BREAKS)
@pytest.mark.parametrize("field", ["name", "address", "unsubscribe_url", "list_name", "occasions", "subject"])
def test_a_control_character_in_any_header_is_refused(field: str, attack: str) -> None:
    value: object = [f"a{attack}"] if field == "occasions" else f"a{attack}"
    rendered = _rendered(str(value)) if field == "subject" else _rendered()
    envelope = _envelope() if field == "subject" else _envelope(**{field: value})
    with pytest.raises(UnmailableError):
        build(SENDER, envelope, rendered)


@pytest.mark.parametrize(
    "address",
    ["", "anna", "anna@", "@example.org", "a b@example.org", "a@example.org, b@example.org", "<a@example.org>",
     'a@example.org"', "a@exa mple.org", "ä@example.org", "a@b_c.org"],
)  # fmt: skip
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(UnmailableError):
        build(SENDER, _envelope(address=address), _rendered())


@pytest.mark.parametrize(
    "name", ['Anna "x" <evil@example.org>', "Anna, Bruno", "Łukasz Żółć", "=?utf-8?q?x?=", "a" * 300, "", "(comment)"]
)
def test_a_strange_name_stays_a_name(name: str) -> None:
    raw = as_bytes(build(SENDER, _envelope(name=name), _rendered()))
    parsed = message_from_bytes(raw, policy=policy.default)
    (address,) = parsed["To"].addresses
    assert address.addr_spec == "anna@example.org"
    assert parsed["Bcc"] is None


def test_bulk_mail_can_be_unsubscribed_with_one_click() -> None:
    message = build(SENDER, _envelope(), _rendered())
    assert message["List-Unsubscribe"] == f"<{BASE}/unsubscribe/token>"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Content-Language"] == "en"


def test_other_mail_is_on_no_list() -> None:
    message = build(SENDER, _envelope(unsubscribe_url=None, list_name=None), _rendered())
    assert message["List-Unsubscribe"] is None
    assert message["List-Id"] is None


def test_the_message_id_belongs_to_the_delivery() -> None:
    first, second = (build(SENDER, _envelope(), _rendered()) for _ in range(2))
    assert first["Message-ID"] == second["Message-ID"] == message_id(DELIVERY, SENDER)


def test_a_mail_is_seven_bit_with_crlf_and_says_both_parts() -> None:
    page = suggestions("pl")
    raw = as_bytes(build(SENDER, _envelope(), render(page, reader("pl"))))
    assert raw.isascii()
    assert b"\n" not in raw.replace(b"\r\n", b"")
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    parsed = message_from_bytes(raw, policy=policy.default)
    assert [part.get_content_type() for part in parsed.iter_parts()] == ["text/plain", "text/html"]
    assert "Szegedi Lézer" in parsed.get_body(("plain",)).get_content()  # type: ignore[union-attr]


def test_a_long_unsubscribe_link_survives_folding() -> None:
    url = f"{BASE}/unsubscribe/{'t' * 180}"
    raw = as_bytes(build(SENDER, _envelope(unsubscribe_url=url), _rendered()))
    assert f"<{url}>".encode() in raw


@pytest.fixture(scope="module")
def key() -> tuple[DkimKey, bytes]:
    """A DKIM key and the public record of its domain."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    public = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    body = b"".join(public.splitlines()[1:-1])
    return DkimKey("s1", "intercluster.example.org", pem), b"v=DKIM1; k=rsa; p=" + body


def test_dkim_covers_both_unsubscribe_headers_and_verifies(key: tuple[DkimKey, bytes]) -> None:
    signing, record = key
    raw = as_bytes(build(SENDER, _envelope(), _rendered()), signing)
    signature = raw.split(b"\r\nFrom:")[0].replace(b"\r\n ", b" ").lower()
    assert b"list-unsubscribe" in signature
    assert b"list-unsubscribe-post" in signature
    assert dkim.verify(raw, dnsfunc=lambda *_arguments, **_options: record)

    changed = raw.replace(b"/unsubscribe/token", b"/unsubscribe/other")
    assert not dkim.verify(changed, dnsfunc=lambda *_arguments, **_options: record)
