"""A table of bad tokens: each is refused, and the good ones beside them are not."""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, OctKey, OKPKey

from shared.auth import InvalidTokenError, Role, TokenIssuer, TokenVerifier, new_key
from shared.ids import new_id

CONSOLE, NOTIFIER, CLI, STRANGER = (new_key(each) for each in ("console", "notifier", "cli", "console"))
TRUSTED = KeySet.import_key_set(KeySet([CONSOLE, NOTIFIER, CLI]).as_dict(private=False))
PERSON = new_id()


def verifier() -> TokenVerifier:
    return TokenVerifier("matching", keys=TRUSTED)


def signed(
    key: OKPKey | OctKey = CONSOLE, alg: str = "Ed25519", header: dict[str, Any] | None = None, **claims: Any
) -> str:
    at = int(time.time())
    good = {
        "iss": "console",
        "sub": str(PERSON),
        "aud": "intercluster",
        "kind": "person",
        "iat": at,
        "nbf": at,
        "exp": at + 300,
        "roles": [],
    }
    wanted = {name: value for name, value in {**good, **claims}.items() if value is not None}
    head = {"alg": alg, "kid": key.kid, **(header or {})}
    return jwt.encode(head, wanted, key, algorithms=[alg])


def tampered() -> str:
    head, body, signature = signed().split(".")
    other = signed(roles=[{"role": "operator", "organisation": ""}]).split(".")[1]
    assert body != other
    return f"{head}.{other}.{signature}"


def with_public_key_as_secret() -> str:
    public = OctKey.import_key(CONSOLE.as_dict(private=False)["x"])
    return signed(public, alg="HS256", header={"kid": CONSOLE.kid})


def unsigned() -> str:
    import base64
    import json

    def part(value: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    claims = {"iss": "console", "sub": str(PERSON), "aud": "intercluster", "kind": "person", "exp": 9e9, "nbf": 0}
    return f"{part({'alg': 'none', 'kid': CONSOLE.kid})}.{part(claims)}."


AT = int(time.time())
BAD: dict[str, Callable[[], str]] = {
    "empty": lambda: "",
    "no token at all": lambda: "hello",
    "signed by a stranger": lambda: signed(STRANGER),
    "changed after signing": tampered,
    "algorithm none": unsigned,
    "public key used as a secret": with_public_key_as_secret,
    "expired": lambda: signed(exp=AT - 3600, nbf=AT - 7200),
    "not valid yet": lambda: signed(nbf=AT + 3600),
    "without expiry": lambda: signed(exp=None),
    "without issuer": lambda: signed(iss=None),
    "without subject": lambda: signed(sub=None),
    "without audience": lambda: signed(aud=None),
    "for another audience": lambda: signed(aud="somebody-else"),
    "issuer is not the key's owner": lambda: signed(iss="profiles"),
    "another service speaks for a person": lambda: signed(NOTIFIER, iss="notifier"),
    "subject is no id": lambda: signed(sub="admin"),
    "roles are nonsense": lambda: signed(roles=["operator"]),
    "kind is unknown": lambda: signed(kind="god"),
    "a capability is no sign-in": lambda: TokenIssuer("notifier", NOTIFIER).capability(
        "answer-suggestion", {"sub": str(PERSON)}, timedelta(days=1)
    ),
    "a service token for another service": lambda: TokenIssuer("notifier", NOTIFIER).service_token("profiles"),
    "a service token for everybody": lambda: TokenIssuer("notifier", NOTIFIER).service_token("intercluster"),
    "a service speaks for another": lambda: signed(NOTIFIER, iss="notifier", kind="service", sub="service:profiles"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_token_is_refused(name: str) -> None:
    with pytest.raises(InvalidTokenError):
        verifier().principal(BAD[name]())


def test_a_persons_token_carries_roles_and_organisations() -> None:
    organisation = new_id()
    token = TokenIssuer("console", CONSOLE).person_token(PERSON, [Role("hub_manager", organisation)], ["answer:x"])
    caller = verifier().principal(token)
    assert caller.person_id == PERSON
    assert caller.has("hub_manager", organisation)
    assert not caller.has("hub_manager", new_id())
    assert not caller.has("operator")
    assert caller.organisations() == {organisation}
    assert caller.actions == {"answer:x"}


def test_a_service_has_no_roles_but_the_command_line_may_operate() -> None:
    operator = [Role("operator")]
    assert verifier().principal(TokenIssuer("cli", CLI).service_token("matching", operator)).has("operator")
    caller = verifier().principal(TokenIssuer("notifier", NOTIFIER).service_token("matching", operator))
    assert caller.service == "notifier"
    assert not caller.roles


def test_keys_are_read_again_when_their_file_changes(tmp_path: Any) -> None:
    import json
    import os

    file = tmp_path / "trusted.jwks"
    file.write_text(json.dumps(KeySet([NOTIFIER]).as_dict(private=False)))
    checking = TokenVerifier("matching", file)
    with pytest.raises(InvalidTokenError):
        checking.principal(signed())
    file.write_text(json.dumps(KeySet([NOTIFIER, CONSOLE]).as_dict(private=False)))
    os.utime(file, (1, 1))
    assert checking.principal(signed()).person_id == PERSON
