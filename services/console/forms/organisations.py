"""The form of an organisation's profile, with its offers and needs as numbered rows."""

from dataclasses import dataclass, field, replace
from typing import Any

from services.console.forms.filled import Filled, listed, rows, text, texts
from services.console.schemas import Organisation
from shared.contracts.profiles import OrganisationKind, StatementRole
from shared.reference import COUNTRIES, LANGUAGES, regions_of

ROLES = {"offers": StatementRole.OFFER, "needs": StatementRole.NEED}
SPARE_SECTORS = 2
SIMPLE = ("kind", "name", "country", "region", "city", "website", "undertaking_group", "national_id")
EUROPEAN_LANGUAGES = tuple(
    sorted(
        {language for code, each in COUNTRIES.items() if regions_of(code) for language in each.languages}
        & set(LANGUAGES),
        key=lambda code: LANGUAGES[code],
    )
)
"""Languages of the countries whose regions are known: those that are offered first."""


@dataclass(frozen=True)
class StatementRow:
    """One offer or need as typed."""

    text: str = ""
    language: str = "en"
    illustrative: bool = False


@dataclass(frozen=True)
class OrganisationForm:
    """An organisation as typed; everything is text. ``offered`` are the clusters whose boxes are shown."""

    kind: str = OrganisationKind.SME
    name: str = ""
    country: str = ""
    region: str = ""
    city: str = ""
    website: str = ""
    undertaking_group: str = ""
    national_id: str = ""
    tags: str = ""
    sectors: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    more_languages: str = ""
    clusters: tuple[str, ...] = ()
    offered: tuple[str, ...] = ()
    offers: tuple[StatementRow, ...] = ()
    needs: tuple[StatementRow, ...] = ()
    version: str = ""
    stored_kind: str = field(default="")

    @classmethod
    def of_organisation(cls, organisation: Organisation, admitting: list[str]) -> "OrganisationForm":
        """Return the form of an organisation that exists; ``admitting``: clusters that the person may add it to."""
        stored: dict[str, Any] = {name: getattr(organisation, name) or "" for name in SIMPLE if name != "national_id"}
        member_of = tuple(str(each) for each in organisation.clusters)
        said: dict[str, Any] = {
            name: tuple(
                StatementRow(each.text, each.language, each.illustrative)
                for each in organisation.statements
                if each.role == role
            )
            for name, role in ROLES.items()
        }
        return cls(
            **stored,
            tags=", ".join(organisation.tags),
            sectors=organisation.sectors,
            languages=organisation.languages,
            clusters=member_of,
            offered=tuple(dict.fromkeys([*member_of, *admitting])),
            version=organisation.version,
            stored_kind=organisation.kind,
            **said,
        )

    @classmethod
    def of_filled(cls, filled: Filled) -> "OrganisationForm":
        """Return the form as it was typed."""
        simple = (*SIMPLE, "tags", "more_languages", "version", "stored_kind")
        return cls(
            **{name: text(filled, name) for name in simple},
            sectors=tuple(dict.fromkeys(_code(each) for each in texts(filled, "sectors"))),
            languages=tuple(texts(filled, "languages")),
            clusters=tuple(texts(filled, "clusters")),
            offered=tuple(texts(filled, "offered")),
            offers=_statements(filled, "offers"),
            needs=_statements(filled, "needs"),
        )

    def without_empty(self) -> "OrganisationForm":
        """Return the form without statements that say nothing, as it is saved: refusals count without them."""
        said: dict[str, Any] = {name: tuple(each for each in getattr(self, name) if each.text) for name in ROLES}
        return replace(self, **said)

    def body(self) -> dict[str, Any]:
        """Return the organisation as profiles reads it."""
        simple = {name: getattr(self, name) or None for name in SIMPLE}
        return {
            **simple,
            "name": self.name,
            "country": self.country,
            "sectors": list(self.sectors),
            "languages": list(
                dict.fromkeys([*self.languages, *(_language(each) for each in listed(self.more_languages))])
            ),
            "tags": listed(self.tags),
            "clusters": list(self.clusters),
            **{name: [_said(each) for each in getattr(self, name)] for name in ROLES},
        }

    def keys(self) -> set[str]:
        """Return the names of all fields."""
        found = {*SIMPLE, "tags", "languages", "clusters", "sectors"}
        found |= {f"sectors-{at}" for at in range(len(self.sectors))}
        for name in ROLES:
            found |= {f"{name}-{at}-{part}" for at in range(len(getattr(self, name))) for part in ("text", "language")}
        return found

    def after(self, do: str) -> tuple["OrganisationForm", str] | None:
        """Return the form after a statement was added or taken away, and the field to go on with; ``None``: save it.

        ``do``: ``add:offers``, ``add:needs``, ``remove:offers:<row>`` or ``remove:needs:<row>``.
        """
        word, name, at = (*do.split(":"), "", "")[:3]
        if word not in ("add", "remove") or name not in ROLES:
            return None
        stored = list(getattr(self, name))
        if word == "add":
            language = stored[-1].language if stored else next(iter(self.languages), "en")
            stored.append(StatementRow(language=language))
            focus = f"{name}-{len(stored) - 1}-text"
        else:
            stored = [each for number, each in enumerate(stored) if str(number) != at]
            focus = f"add-{name}"
        rows_after: dict[str, Any] = {name: tuple(stored)}
        return replace(self, **rows_after), focus


def _statements(filled: Filled, name: str) -> tuple[StatementRow, ...]:
    return tuple(
        StatementRow(text(each, "text"), text(each, "language"), text(each, "illustrative") == "true")
        for each in rows(filled, name)
    )


def _said(row: StatementRow) -> dict[str, Any]:
    return {"text": row.text, "language": row.language, "illustrative": row.illustrative}


def _code(typed: str) -> str:
    """Return the code at the beginning: browsers propose ``28.13`` with its title, and people copy both."""
    return typed.split()[0] if typed[:1].isdigit() else typed


def _language(typed: str) -> str:
    """Return the code of a language given by its code or its English name; anything else is for profiles to refuse."""
    wanted = typed.casefold()
    return next((code for code, name in LANGUAGES.items() if wanted in (code, name.casefold())), typed)
