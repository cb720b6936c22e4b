"""Unsubscribe tokens: they name a purpose, a recipient and a list, and only we can make them. Pure.

They never expire (RFC 8058 mails may be years old) and do no more than unsubscribe, so they are kept apart from the
signed capabilities of the answer links: an HMAC key is rotated by putting a new one in front of the old ones.
"""

import base64
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

PURPOSE = b"intercluster.unsubscribe.v1"
_TAG_BYTES = 32
_LONGEST_TOKEN = 200


class InvalidUnsubscribeTokenError(ValueError):
    """The token was not made by us, or not with a key we still hold."""


@dataclass(frozen=True)
class Unsubscription:
    """Who does not want which list any more."""

    person_id: UUID
    list_name: str


class UnsubscribeTokens:
    """Makes tokens with the first key and accepts those of every key."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        if not keys or any(len(key) < 16 for key in keys):
            raise ValueError("unsubscribe keys must have at least 16 bytes")
        self._keys = tuple(keys)

    def make(self, person_id: UUID, list_name: str) -> str:
        """Return the token, safe in a URL path."""
        message = person_id.bytes + list_name.encode("ascii")
        return _encode(message + _tag(self._keys[0], message))

    def read(self, token: str) -> Unsubscription:
        """Return what a token says; raises :class:`InvalidUnsubscribeTokenError`. Compares in constant time."""
        try:
            if len(token) > _LONGEST_TOKEN:
                raise ValueError("too long")
            decoded = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
            message, tag = decoded[:-_TAG_BYTES], decoded[-_TAG_BYTES:]
            # Every key is tried, so the time taken does not tell which one matched.
            genuine = [hmac.compare_digest(_tag(key, message), tag) for key in self._keys]
            if not any(genuine) or len(message) <= 16:
                raise ValueError("not ours")
            return Unsubscription(UUID(bytes=message[:16]), message[16:].decode("ascii"))
        except ValueError as error:
            raise InvalidUnsubscribeTokenError("this is not an unsubscribe link of ours") from error


def derived_key(secret: bytes) -> bytes:
    """Derive a token key from another secret, for a site that sets no key of its own."""
    return hmac.digest(secret, PURPOSE, hashlib.sha256)


def address_hash(key: bytes, address: str) -> str:
    """Return a keyed hash of an address: recognisable but not readable, so it may outlive the person's data."""
    return hmac.new(key, b"address:" + address.strip().lower().encode(), hashlib.sha256).hexdigest()


def _tag(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, PURPOSE + b"\0" + message, hashlib.sha256)


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
