"""Who calls: signed tokens (EdDSA), roles and organisations.

The console signs the tokens of people, each service signs its own service tokens; nobody else can. A key's id
starts with its owner's name, and a token is accepted only from the owner of the key that signed it.
"""

import json
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any
from uuid import UUID

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, OKPKey

from shared.ids import new_id

AUDIENCE = "intercluster"
TOKEN_LIFETIME = timedelta(minutes=5)
CLOCK_SKEW_SECONDS = 10
ALGORITHMS = ["Ed25519"]
PERSON_TOKEN_ISSUERS = frozenset({"console"})
ROLE_CARRYING_SERVICES = frozenset({"cli"})
"""The command line acts as an operator with a key of its own; no other service token carries roles."""


class RoleName(StrEnum):
    """What a person may be; every role but ``operator`` belongs to an organisation."""

    SME_CONTACT = "sme_contact"
    HUB_MANAGER = "hub_manager"
    VOUCHER_ADMINISTRATOR = "voucher_administrator"
    OPERATOR = "operator"
    AUDITOR = "auditor"


@dataclass(frozen=True)
class Role:
    """A role, for one organisation where it has one."""

    name: str
    organisation_id: UUID | None = None


@dataclass(frozen=True)
class Principal:
    """The authenticated caller: a person with roles, or a service."""

    subject: str
    roles: frozenset[Role] = frozenset()
    actions: frozenset[str] = frozenset()
    service: str | None = None

    @property
    def is_service(self) -> bool:
        return self.service is not None

    @property
    def person_id(self) -> UUID | None:
        """Id of the person, ``None`` for a service."""
        return None if self.is_service else UUID(self.subject)

    def has(self, role: str, organisation_id: UUID | None = None) -> bool:
        """Whether the caller holds the role (for that organisation, when one is given)."""
        return any(
            each.name == role and (organisation_id is None or each.organisation_id == organisation_id)
            for each in self.roles
        )

    def organisations(self, *roles: str) -> set[UUID]:
        """Organisations for which the caller holds one of the roles (any role when none is named)."""
        return {r.organisation_id for r in self.roles if r.organisation_id and (not roles or r.name in roles)}


class InvalidTokenError(Exception):
    """The token is missing, malformed, expired, or signed by somebody who may not say this."""


class TokenIssuer:
    """Signs tokens with one service's private key."""

    def __init__(self, name: str, key: OKPKey) -> None:
        self.name = name
        self._key = key

    @classmethod
    def from_file(cls, name: str, path: Path) -> "TokenIssuer":
        return cls(name, OKPKey.import_key(json.loads(path.read_text(encoding="utf-8"))))

    def _sign(self, claims: dict[str, Any], audience: str, lifetime: timedelta) -> str:
        issued = int(time.time())
        registered = {
            "iss": self.name,
            "aud": audience,
            "iat": issued,
            "nbf": issued,
            "exp": issued + int(lifetime.total_seconds()),
            "jti": str(new_id()),
        }
        header = {"alg": "Ed25519", "kid": self._key.kid}
        return jwt.encode(header, {**claims, **registered}, self._key, algorithms=ALGORITHMS)

    def person_token(
        self, person_id: UUID, roles: Iterable[Role] = (), actions: Iterable[str] = (), audience: str = AUDIENCE
    ) -> str:
        """Sign a person's 5-minute token. ``actions`` are one-action capabilities taken from a link in a mail."""
        claims = {
            "sub": str(person_id),
            "kind": "person",
            "roles": [{"role": r.name, "organisation": str(r.organisation_id or "")} for r in roles],
            "actions": list(actions),
        }
        return self._sign(claims, audience, TOKEN_LIFETIME)

    def service_token(self, audience: str, roles: Iterable[Role] = ()) -> str:
        """Sign a token with which this service calls the service ``audience``."""
        claims = {
            "sub": f"service:{self.name}",
            "kind": "service",
            "roles": [{"role": r.name, "organisation": str(r.organisation_id or "")} for r in roles],
        }
        return self._sign(claims, audience, TOKEN_LIFETIME)

    def capability(self, purpose: str, claims: dict[str, Any], lifetime: timedelta) -> str:
        """Sign a one-action link for a mail; only the console accepts it."""
        return self._sign({**claims, "kind": "capability", "purpose": purpose}, "console", lifetime)


@dataclass
class TokenVerifier:
    """Checks tokens against the trusted public keys, re-reading their file when it changes."""

    audience: str
    keys_file: Path | None = None
    keys: KeySet = field(default_factory=lambda: KeySet([]))
    _read_at: float = 0.0

    def _current_keys(self) -> KeySet:
        if self.keys_file:
            changed = self.keys_file.stat().st_mtime
            if changed != self._read_at:
                self.keys = KeySet.import_key_set(json.loads(self.keys_file.read_text(encoding="utf-8")))
                self._read_at = changed
        return self.keys

    def claims(self, token: str, kind: str) -> dict[str, Any]:
        """Return the verified claims of a token of that kind, or raise :class:`InvalidTokenError`."""
        try:
            decoded = jwt.decode(token, self._current_keys(), algorithms=ALGORITHMS)
            required: Any = {"essential": True}
            jwt.JWTClaimsRegistry(
                leeway=CLOCK_SKEW_SECONDS,
                iss=required,
                sub=required,
                exp=required,
                nbf=required,
                aud={"essential": True, "values": [self.audience, AUDIENCE]},
            ).validate(decoded.claims)
        except (JoseError, ValueError, KeyError, TypeError) as error:
            raise InvalidTokenError(type(error).__name__) from error
        issuer = decoded.claims["iss"]
        if str(decoded.header.get("kid", "")).split(".")[0] != issuer:
            raise InvalidTokenError("key does not belong to the issuer")
        if decoded.claims.get("kind") != kind:
            raise InvalidTokenError(f"not a {kind} token")
        return dict(decoded.claims)

    def principal(self, token: str) -> Principal:
        """Return the caller named by a person or service token, or raise :class:`InvalidTokenError`."""
        try:
            claims = self.claims(token, "person")
        except InvalidTokenError:
            return self._service(self.claims(token, "service"))
        if claims["iss"] not in PERSON_TOKEN_ISSUERS:
            raise InvalidTokenError("this issuer may not speak for people")
        try:
            UUID(claims["sub"])
            return Principal(claims["sub"], _roles(claims), frozenset(claims.get("actions", ())))
        except (ValueError, KeyError, TypeError) as error:
            raise InvalidTokenError("malformed claims") from error

    def _service(self, claims: dict[str, Any]) -> Principal:
        if claims["sub"] != f"service:{claims['iss']}" or claims["aud"] != self.audience:
            raise InvalidTokenError("a service speaks for itself, to one audience")
        roles = _roles(claims) if claims["iss"] in ROLE_CARRYING_SERVICES else frozenset()
        return Principal(claims["sub"], roles, service=claims["iss"])


def _roles(claims: dict[str, Any]) -> frozenset[Role]:
    return frozenset(
        Role(str(each["role"]), UUID(each["organisation"]) if each.get("organisation") else None)
        for each in claims.get("roles", ())
    )


def new_key(owner: str) -> OKPKey:
    """Make an Ed25519 key pair whose id starts with its owner's name."""
    return OKPKey.generate_key("Ed25519", {"kid": f"{owner}.{new_id()}", "use": "sig"})
