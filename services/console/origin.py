"""Which requests may change something: the guard against cross-site request forgery, and safe redirect targets.

A browser always says where an unsafe request comes from: ``Sec-Fetch-Site`` (secure contexts and loopback) or
``Origin``. A client that sends neither is not a browser, so nobody can have lured it: it may act if it carries no
session cookie (the secret in its URL is its only authority) or if it says ``X-Requested-With``, a header that a foreign
page cannot set without a CORS preflight, which the console never grants.
"""

from collections.abc import Mapping
from urllib.parse import urlsplit

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
LONGEST_PATH = 2_000
"""A longer target is none of our pages; it is kept with every sign-in link."""
TRUSTED_SITES = frozenset({"same-origin", "none"})


def origin_of(url: str) -> str:
    """Return scheme, host and port of ``url`` the way browsers write an ``Origin`` (default ports left out)."""
    parts = urlsplit(url)
    default = {"http": 80, "https": 443}.get(parts.scheme)
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    port = f":{parts.port}" if parts.port and parts.port != default else ""
    return f"{parts.scheme}://{host}{port}"


def may_act(method: str, headers: Mapping[str, str], *, public_base_url: str, has_cookie: bool) -> bool:
    """Say whether a request may reach its handler; ``headers`` has lower-case names or ignores case."""
    if method.upper() in SAFE_METHODS:
        return True
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site in TRUSTED_SITES
    origin = headers.get("origin")
    if origin is not None:
        return origin != "null" and origin == origin_of(public_base_url)
    return not has_cookie or bool(headers.get("x-requested-with"))


def local_path(target: str | None, fallback: str = "/") -> str:
    """Return ``target`` if it is a path of this site, else ``fallback``: no redirect leaves the site.

    Browsers read ``//host`` and ``/\\host`` as another host and skip tabs and line breaks, so all of these are refused.
    So is what is longer than :data:`LONGEST_PATH`.
    """
    if not target or len(target) > LONGEST_PATH or not target.startswith("/") or target.startswith(("//", "/\\")):
        return fallback
    if "\\" in target or any(ord(character) < 0x21 or ord(character) == 0x7F for character in target):
        return fallback
    parts = urlsplit(target)
    return target if not parts.scheme and not parts.netloc else fallback
