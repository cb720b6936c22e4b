"""Bodies of requests and responses, and the record that imports read (the same fields, the same rules)."""

from datetime import datetime
from typing import Annotated, Any, Generic, Literal, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator

from services.profiles.rules import (
    MAX_LIST,
    Country,
    Email,
    Language,
    Languages,
    Line,
    Optional,
    PastMoment,
    Region,
    Sectors,
    StatementText,
    SuppliedId,
    Tags,
    TimeZone,
    Website,
    check_region_in_country,
    check_statements_fit,
)
from shared.auth import RoleName
from shared.contracts.profiles import OrganisationKind, OrganisationStatus, Statement

ItemT = TypeVar("ItemT")


class StatementIn(BaseModel):
    """One offer or need as written by its organisation."""

    text: StatementText
    language: Language
    illustrative: bool = False


class ConsentIn(BaseModel):
    """A recorded yes or no: when, to which words, and where it was given."""

    purpose: Literal["suggestions"] = "suggestions"
    given: bool
    at: PastMoment
    wording: Annotated[StatementText, Field(max_length=2_000)]
    source: Line


class ContactIn(BaseModel):
    """A person with her role in one organisation. Language and time zone default to the country's."""

    supplied_id: Annotated[SuppliedId | None, Optional] = None
    name: Line
    email: Email
    role: RoleName = RoleName.SME_CONTACT
    language: Annotated[Language | None, Optional] = None
    time_zone: Annotated[TimeZone | None, Optional] = None
    consent: ConsentIn | None = None


class OrganisationFields(BaseModel):
    """What an organisation says of itself."""

    model_config = ConfigDict(extra="ignore")

    kind: OrganisationKind
    name: Line
    country: Country
    region: Annotated[Region | None, Optional] = None
    city: Annotated[Line | None, Optional] = None
    website: Annotated[Website | None, Optional] = None
    sectors: Sectors = []
    languages: Languages = []
    tags: Tags = []
    undertaking_group: Annotated[Line | None, Optional] = None
    offers: Annotated[list[StatementIn], Field(max_length=MAX_LIST)] = []
    needs: Annotated[list[StatementIn], Field(max_length=MAX_LIST)] = []
    national_id: Annotated[SuppliedId | None, Optional] = None
    supplied_id: Annotated[SuppliedId | None, Optional] = None
    source: Annotated[Line | None, Optional] = None

    @model_validator(mode="after")
    def _region_lies_in_country(self) -> "OrganisationFields":
        check_region_in_country(self.region, self.country)
        return self

    @model_validator(mode="after")
    def _statements_fit(self) -> "OrganisationFields":
        check_statements_fit(each.text for each in (*self.offers, *self.needs))
        return self


class OrganisationIn(OrganisationFields):
    """Body of POST and PUT; ``clusters`` are the ids of the clusters it is a member of. PUT replaces all fields."""

    clusters: Annotated[list[UUID], Field(max_length=MAX_LIST)] = []


class Record(OrganisationFields):
    """One imported organisation. A field that is absent keeps what is stored; ``member_of`` names supplied ids."""

    member_of: Annotated[list[SuppliedId], Field(max_length=MAX_LIST)] = []
    contacts: Annotated[list[ContactIn], Field(max_length=MAX_LIST)] = []


class PersonIn(BaseModel):
    """Body of ``PUT /people/{id}``: only what is given changes."""

    language: Language | None = None
    time_zone: TimeZone | None = None
    consent: ConsentIn | None = None


class RoleOut(BaseModel):
    """A role; only ``operator`` may be without an organisation."""

    role: RoleName
    organisation_id: UUID | None = None


class ConsentOut(BaseModel):
    """The newest recorded answer for a purpose; ``by_herself``: not recorded for her by somebody else."""

    purpose: str
    given: bool
    at: datetime
    wording: str
    source: str
    by_herself: bool


class ContactCard(BaseModel):
    """Who a person is and how to write to her; for services and for those who may see her."""

    person_id: UUID
    version: str
    name: str
    email: str
    language: str
    time_zone: str
    roles: list[RoleOut]
    consents: list[ConsentOut]
    status: str


class ContactOut(BaseModel):
    """A contact as shown beside her organisation."""

    person_id: UUID
    name: str
    email: str
    language: str
    roles: list[RoleName]


class OrganisationOut(BaseModel):
    """The public profile; ``contacts`` only for those who may see them, ``may_edit`` for this caller."""

    id: UUID
    version: str
    kind: OrganisationKind
    name: str
    country: str
    region: str | None
    city: str | None
    website: str | None
    sectors: list[str]
    languages: list[str]
    tags: list[str]
    clusters: list[UUID]
    undertaking_group: str | None
    status: OrganisationStatus
    statements: list[Statement]
    national_id: str | None
    supplied_id: str | None
    source: str | None
    updated_at: datetime
    may_edit: bool = False
    contacts: list[ContactOut] | None = None


class OrganisationLine(BaseModel):
    """One line of a list."""

    id: UUID
    version: str
    kind: OrganisationKind
    name: str
    country: str
    region: str | None
    city: str | None
    website: str | None
    sectors: list[str]
    languages: list[str]
    tags: list[str]
    clusters: list[UUID]
    status: OrganisationStatus
    offers: int
    needs: int
    updated_at: datetime


class Page(BaseModel, Generic[ItemT]):
    """One page of a list; ``next_cursor`` leads to the next, ``None`` at the end."""

    items: list[ItemT]
    next_cursor: str | None = None


class RowErrorOut(BaseModel):
    """Why a row was not taken. ``row`` is the line in the file (a table's header is line 1), 0 the file itself."""

    row: int
    field: str
    rule: str
    message: str


class ImportOut(BaseModel):
    """The row-by-row report. ``accepted`` = created + updated + unchanged."""

    id: UUID
    source: str | None
    format: str
    accepted: int
    created: int
    updated: int
    unchanged: int
    rejected: int
    errors: list[RowErrorOut]
    errors_omitted: int
    ignored_fields: list[str]
    started_at: datetime
    finished_at: datetime | None


class EmailIn(BaseModel):
    """Body of the sign-in look-up."""

    email: Annotated[str, Field(max_length=320)]


class OrganisationIds(BaseModel):
    """Body of the look-up of contacts by organisation."""

    organisation_ids: Annotated[list[UUID], Field(max_length=500)]


class PersonExport(BaseModel):
    """All that profiles holds about a person."""

    card: ContactCard
    supplied_id: str | None
    organisations: list[dict[str, Any]]
    consent_history: list[ConsentOut]
    exported_at: datetime
