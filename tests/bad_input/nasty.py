"""Values that have broken services before. What each is there for stands beside it."""

from collections.abc import Mapping
from typing import Any
from zlib import crc32

DEEP = b"[" * 50_000 + b"]" * 50_000
BODIES: dict[str, bytes] = {
    "empty": b"",
    "no JSON": b"hello",
    "cut off": b'{"name": "A',
    "no UTF-8": b'{"name": "\xff\xfe\x80"}',
    "UTF-16": '{"name": "A"}'.encode("utf-16"),
    "latin-1": '{"name": "Müller"}'.encode("latin-1"),
    "NUL bytes": b"\0\0\0\0",
    "deep lists": DEEP,
    "deep objects": b'{"a":' * 20_000 + b"1" + b"}" * 20_000,
    "not a number": b'{"amount": NaN, "limit": Infinity}',
    "a number of 10,000 digits": b'{"amount": ' + b"9" * 10_000 + b"}",
    "a huge exponent": b'{"amount": 1e999999999}',
    "an unknown field that is no text": b'{"\\ud800": 1, "name\\u0000": 2}',
    "a list": b"[]",
    "a string": b'"text"',
    "null": b"null",
    "the same field twice": b'{"reason": "a", "reason": 5}',
    "20 MB in one field": b'{"reason": "' + b"x" * 20_000_000 + b'"}',
}
"""Whole bodies."""

VALUES: dict[str, Any] = {
    "null": None,
    "true": True,
    "a negative number": -1,
    "beyond 64 bits": 2**70,
    "a huge float": 1e308,
    "a fraction": 0.1 + 0.2,
    "a list": [[]],
    "an object": {"a": {}},
    "empty": "",
    "blank": " \t ",
    "no text at all": "\ud800",
    "NUL": "a\0b",
    "another header line": "a\r\nBcc: everybody@evil.example.org",
    "right to left and invisible": "\u202ea\u200b\ufeffb\u2028c",
    "HTML": "<script>alert(1)</script>",
    "a formula": '=HYPERLINK("http://evil.example.org")',
    "SQL": "'; DROP TABLE journal; --",
    "a template": "{{ 7*7 }}${7*7}%s%n",
    "a path": "../../../../etc/passwd",
    "100,000 letters": "ä" * 100_000,
    "an unknown code": "ZZ",
    "an id of nobody": "00000000-0000-4000-8000-000000000000",
    "half an id": "0190",
    "a day that is none": "2026-02-30",
    "the year 9999": "9999-12-31",
    "the year zero": "0000-00-00",
}
"""Values for one field of a body that is good otherwise."""

ALWAYS = ("another header line", "HTML", "a formula", "NUL", "empty", "100,000 letters")
"""Those of them that every text field meets; of the others each field meets some."""

_QUERY = ["", " ", "-1", "0", "1e99", "99999999999999999999", "NaN", "null", "%00", "%ff%fe", "%ed%a0%80", "[]",
    "' OR 1=1 --", "0190", "a" * 5_000, "2_00000000-0000-7000-8000-000000000001",
    "nan_00000000-0000-7000-8000-000000000001",
    "eyJhIjogMX0", "W10=", "////", "=1+1", "%0d%0aX-Evil:%201"]  # fmt: skip
QUERY = {each[:40]: each for each in _QUERY}
"""Values of query parameters, encoded as they stand in an address (cursors among them)."""

_PATHS = ["0190", "null", "%00", "%ff", "..%2f..", "00000000-0000-0000-0000-000000000000", "a" * 3_000, "%0d%0a", "{}"]
PATHS = {each[:40]: each for each in _PATHS}
"""Values in the place of an id."""

HEADERS: dict[str, dict[str, str | bytes]] = {
    "no version": {"If-Match": ""},
    "a star": {"If-Match": "*"},
    "words": {"If-Match": '"hello"'},
    "a list of versions": {"If-Match": '"1.1", "1.2"'},
    "a huge version": {"If-Match": f'"1.{"9" * 5_000}"'},
    "a negative version": {"If-Match": '"-1.-1"'},
    "a stale version": {"If-Match": '"1.0"'},
    "no ASCII in the version": {"If-Match": '"1.²"'.encode()},
    "arabic digits": {"If-Match": '"١.١"'.encode()},
    "a broken trace": {"traceparent": b"00-zz-\xff-01"},
    "a text type": {"Content-Type": "text/plain"},
    "a form": {"Content-Type": "application/x-www-form-urlencoded"},
    "a broken form": {"Content-Type": "multipart/form-data; boundary="},
    "an unknown charset": {"Content-Type": "application/json; charset=klingon"},
    "no length": {"Content-Length": "²".encode("latin-1")},
    "another language": {"Accept": "application/xml", "Accept-Language": b"\xff"},
}
"""Headers beside a good body."""


def some(values: Mapping[str, Any], salt: str, count: int) -> dict[str, Any]:
    """Return ``count`` of the values, others for another salt, the same in every run."""
    names = list(values)
    begin = crc32(salt.encode())
    step = next(each for each in (7, 5, 11) if len(names) % each)
    return {
        names[(begin + step * each) % len(names)]: values[names[(begin + step * each) % len(names)]]
        for each in range(count)
    }


def for_text(salt: str, count: int) -> dict[str, Any]:
    """Return the values that every text field meets, and ``count`` of the others."""
    others = {name: value for name, value in VALUES.items() if name not in ALWAYS}
    return {name: VALUES[name] for name in ALWAYS} | some(others, salt, count)


FORMULAS = ('=HYPERLINK("http://evil.example.org";"x")', "+1+1", "-1+1", "@SUM(A1:A9)", "=cmd|' /C calc'!A0")
"""Names that a spreadsheet would compute."""
