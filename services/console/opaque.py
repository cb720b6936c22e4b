"""Opaque secrets (session ids, sign-in tokens) and the hashes that stand for them in the database."""

import hashlib
import hmac
import ipaddress
import secrets
from dataclasses import dataclass

SECRET_BYTES = 32


def new_secret() -> str:
    """Return a new URL-safe secret of 256 random bits."""
    return secrets.token_urlsafe(SECRET_BYTES)


def digest(secret: str) -> str:
    """Return the SHA-256 of a secret in hex. No key is needed: 256 random bits cannot be guessed from their hash."""
    return hashlib.sha256(secret.encode()).hexdigest()


def subscriber(client: str) -> str:
    """Return what stands for one subscriber: an IPv4 address, or the /64 in which she picks IPv6 addresses at will."""
    try:
        address = ipaddress.ip_address(client)
    except ValueError:
        return client
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((int(address), 64), strict=False))


@dataclass(frozen=True)
class Pseudonyms:
    """Keyed hashes of things that *can* be guessed (e-mail addresses, IP addresses), so that no address is stored."""

    key: bytes

    def of(self, purpose: str, value: str) -> str:
        """Return the pseudonym of ``value`` for one ``purpose``; case and surrounding blanks do not matter."""
        normal = value.strip().casefold()
        return hmac.new(self.key, f"{purpose}\0{normal}".encode(), hashlib.sha256).hexdigest()
