"""Voucher codes: made to be read over the telephone, never stored in clear."""

import hashlib
import hmac
import secrets

ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Digits and capital letters without those that look alike (0 O, 1 I L, U beside V)."""

LENGTH = 20
"""Symbols of a code: 20 × log2(30) ≈ 98 bits."""


def new_code() -> str:
    """Return a fresh random code in groups of five, e.g. ``7KQ2M-...``."""
    symbols = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
    return "-".join(symbols[i : i + 5] for i in range(0, LENGTH, 5))


def fingerprint(code: str, key: bytes) -> str:
    """Return the keyed hash that is stored; the way people type a code (case, spaces, hyphens) does not matter."""
    symbols = "".join(symbol for symbol in code.upper() if symbol.isalnum())
    return hmac.new(key, b"voucher-code:" + symbols.encode(), hashlib.sha256).hexdigest()


def matches(code: str, stored: str, key: bytes) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(fingerprint(code, key), stored)
