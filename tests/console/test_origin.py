"""Which requests may change something, as a table; and where a redirect may lead."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.console.origin import local_path, may_act, origin_of

BASE = "https://intercluster.example"

TABLE = [
    # method, headers, has cookie, may act
    ("GET", {}, True, True),
    ("HEAD", {"sec-fetch-site": "cross-site"}, True, True),
    ("POST", {"sec-fetch-site": "same-origin"}, True, True),
    ("POST", {"sec-fetch-site": "none"}, True, True),
    ("POST", {"sec-fetch-site": "same-site"}, True, False),
    ("POST", {"sec-fetch-site": "cross-site"}, True, False),
    ("POST", {"sec-fetch-site": "cross-site"}, False, False),
    ("POST", {"sec-fetch-site": "cross-site", "x-requested-with": "me"}, True, False),
    ("POST", {"sec-fetch-site": "cross-site", "origin": BASE}, True, False),
    ("POST", {"origin": BASE}, True, True),
    ("POST", {"origin": "https://evil.example"}, True, False),
    ("POST", {"origin": "https://intercluster.example.evil.example"}, True, False),
    ("POST", {"origin": "http://intercluster.example"}, True, False),
    ("POST", {"origin": "https://intercluster.example:8443"}, True, False),
    ("POST", {"origin": "null"}, True, False),
    ("POST", {"origin": "null"}, False, False),
    ("POST", {}, True, False),
    ("POST", {"x-requested-with": "intercluster-demo"}, True, True),
    ("POST", {}, False, True),
    ("DELETE", {}, True, False),
    ("PUT", {"origin": BASE}, True, True),
]


@pytest.mark.parametrize(("method", "headers", "has_cookie", "expected"), TABLE)
def test_requests_that_may_act(method: str, headers: dict[str, str], has_cookie: bool, expected: bool) -> None:
    assert may_act(method, headers, public_base_url=f"{BASE}/", has_cookie=has_cookie) is expected


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://a.example", "https://a.example"),
        ("https://a.example:443/x", "https://a.example"),
        ("http://127.0.0.1:8000/x?y", "http://127.0.0.1:8000"),
        ("http://[::1]:8000/", "http://[::1]:8000"),
    ],
)
def test_origins_are_written_as_browsers_write_them(url: str, origin: str) -> None:
    assert origin_of(url) == origin


@pytest.mark.parametrize(
    "target",
    [
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "https://evil.example",
        "http:evil.example",
        "javascript:alert(1)",
        "data:text/html,x",
        "/\t/evil.example",
        "/\n/evil.example",
        "/a\\b",
        " /x",
        "evil.example",
        "",
        None,
    ],
)
def test_no_redirect_leaves_the_site(target: str | None) -> None:
    assert local_path(target) == "/"


def test_a_target_longer_than_any_page_is_not_kept_with_a_link() -> None:
    assert local_path("/" + "x" * 1_999) != "/"
    assert local_path("/" + "x" * 2_000) == "/"


@pytest.mark.parametrize("target", ["/", "/visits", "/organisations?q=pump&country=AT", "/visits/0190#approvals"])
def test_a_path_of_ours_is_kept(target: str) -> None:
    assert local_path(target) == target


@given(st.text(alphabet="/\\:.?#@ \t\nahtps", max_size=12))
def test_what_is_kept_is_always_a_path(target: str) -> None:
    kept = local_path(target)
    assert kept.startswith("/")
    assert not kept.startswith(("//", "/\\"))
    assert not set(kept) & set("\t\n \\")
