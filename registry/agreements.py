"""Agreements: a tenant lets another tenant, a park or a person read chosen devices for a time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Any, Literal, Self

from fastapi import APIRouter, Depends, Query, status
from pydantic import AfterValidator, Field, model_validator

from registry.access import Database, Person, SignedIn, found
from registry.fields import (
    Answer,
    Body,
    DeviceId,
    Email,
    MetricName,
    Slug,
    Tags,
    Text,
    distinct,
    example,
    unset,
)
from registry.pages import Page, PageQuery, by_id
from registry.problems import ConflictError, ForbiddenError, UnprocessableError, in_body, no_such
from storage import agreements, tenants
from storage.agreements import Decision
from storage.rows import Connection, Row

router = APIRouter(prefix="/agreements", tags=["agreements"])

State = Literal[
    "offered", "accepted", "running", "ending", "ended", "refused", "withdrawn", "revoked"
]
READERS = ("reader_tenant_id", "reader_park_id", "reader_email")
DeviceIds = Annotated[
    list[DeviceId], Field(min_length=1, max_length=1000), AfterValidator(distinct)
]
ModelIds = Annotated[list[Slug], Field(min_length=1, max_length=100), AfterValidator(distinct)]
SomeTags = Annotated[Tags, Field(min_length=1)]
Metrics = Annotated[list[MetricName], Field(min_length=1, max_length=500), AfterValidator(distinct)]

TERMS: dict[str, Any] = {
    "device_ids": None,
    "tags": ["roof"],
    "model_ids": None,
    "metrics": ["dc_power"],
    "include_metadata": False,
    "message": "for the study of soiling",
    "first_day": "2026-03-01",
    "last_day": "2026-12-31",
    "history_from": "2026-01-01",
}
SIDES: dict[str, Any] = {
    "tenant_id": "sunny",
    "reader_tenant_id": "itb",
    "reader_park_id": None,
    "reader_email": None,
}


class NewAgreement(Body):
    """An offer to one reader: a tenant, a park, or the person who has an e-mail address.

    It is about the devices that are named, have one of the tags or are of one of the models; where
    all three are null, about every device. Without ``metrics`` it is about all of them. Days are
    those of the tenant's home park, the last one included; the first is today if it is left out.
    Readings are shown from the first day on, or from ``history_from``.
    """

    model_config = example(**SIDES, **TERMS)
    tenant_id: Slug
    reader_tenant_id: Slug | None = None
    reader_park_id: Slug | None = None
    reader_email: Email | None = None
    device_ids: DeviceIds | None = None
    tags: SomeTags | None = None
    model_ids: ModelIds | None = None
    metrics: Metrics | None = None
    include_metadata: bool = False
    message: Text = ""
    first_day: date | None = None
    last_day: date
    history_from: date | None = None

    @model_validator(mode="after")
    def has_one_reader(self) -> Self:
        """Refuse an offer to nobody, to several, or to oneself."""
        if sum(getattr(self, reader) is not None for reader in READERS) != 1:
            raise ValueError(f"give one of {', '.join(READERS)}")
        if self.reader_tenant_id == self.tenant_id:
            raise ValueError("the reader is another than the tenant itself")
        return self


class AgreementChanges(Body):
    """What is to be another; the rest stays. Only while it is offered."""

    model_config = example(last_day="2027-06-30", metrics=None)
    device_ids: DeviceIds | None = None
    tags: SomeTags | None = None
    model_ids: ModelIds | None = None
    metrics: Metrics | None = None
    include_metadata: bool = unset()
    message: Text = unset()
    first_day: date = unset()
    last_day: date = unset()
    history_from: date = unset()


class Agreement(Answer):
    """An agreement and its state at this moment.

    ``warning`` is null, but for the last 30 days of an agreement.
    """

    model_config = example(
        id=3,
        **SIDES,
        **TERMS,
        state="ending",
        warning="ends in 6 days: its last day is 2026-12-31",
        starts_at="2026-02-28T17:00:00Z",
        ends_at="2026-12-31T17:00:00Z",
        created_at="2026-02-20T08:00:00Z",
        decided_at="2026-02-21T09:30:00Z",
    )
    id: int
    tenant_id: str
    reader_tenant_id: str | None
    reader_park_id: str | None
    reader_email: str | None
    device_ids: list[str] | None
    tags: list[str] | None
    model_ids: list[str] | None
    metrics: list[str] | None
    include_metadata: bool
    message: str
    first_day: date
    last_day: date
    history_from: date
    state: State
    warning: str | None
    starts_at: datetime
    ends_at: datetime
    created_at: datetime
    decided_at: datetime | None


class AgreementQuery(PageQuery):
    """Which agreements."""

    tenant_id: str | None = None
    reader_tenant_id: str | None = None
    reader_park_id: str | None = None
    state: State | None = None


async def readable_agreement(agreement_id: int, connection: Database, person: SignedIn) -> Row:
    """The agreement of the path, for both of its sides."""
    row = await agreements.agreement(connection, person.scope, person.email, agreement_id)
    return shown(found(row, "agreement"))


ReadableAgreement = Annotated[Row, Depends(readable_agreement)]


async def given_agreement(agreement: ReadableAgreement, person: SignedIn) -> Row:
    """The agreement of the path, for the owners of the tenant that lets read."""
    if not person.owns(agreement["tenant_id"]):
        raise ForbiddenError("only an owner of the tenant that lets read may do this")
    return agreement


GivenAgreement = Annotated[Row, Depends(given_agreement)]


async def received_agreement(agreement: ReadableAgreement, person: SignedIn) -> Row:
    """The agreement of the path, for those who decide for its reader."""
    if not decides_for_reader(person, agreement):
        raise ForbiddenError(
            "only an owner of the tenant that may read, the manager of the park, or the person "
            "to whom it is offered may do this"
        )
    return agreement


ReceivedAgreement = Annotated[Row, Depends(received_agreement)]


def decides_for_reader(person: Person, agreement: Row) -> bool:
    """Whether the person may accept or refuse an offer; that to a person nobody else may."""
    if agreement["reader_tenant_id"]:
        return person.owns(agreement["reader_tenant_id"])
    if agreement["reader_park_id"]:
        return person.manages_park(agreement["reader_park_id"])
    email: str = agreement["reader_email"]
    return person.email.lower() == email.lower()


def shown(agreement: Row) -> Row:
    """The agreement with its warning, if it is time for one."""
    return {**agreement, "warning": warning(agreement) if agreement["state"] == "ending" else None}


def warning(agreement: Row) -> str:
    """When an agreement ends, in a sentence."""
    left, last = agreement["days_left"], agreement["last_day"]
    when = {0: "today", 1: "tomorrow"}.get(left, f"in {left} days")
    return f"ends {when}: its last day is {last}"


def require_order(terms: Mapping[str, Any]) -> None:
    """Return only if the last day is the last."""
    for field in ("first_day", "history_from"):
        if terms[field] and terms[field] > terms["last_day"]:
            sentence = f"this is before {field}, {terms[field]}: give a later day"
            raise UnprocessableError(sentence, [in_body("last_day", sentence)])


async def require_sound(connection: Connection, agreement: Row) -> None:
    """Return only if the agreement is about what the tenant may let read, and not over yet."""
    strange = await agreements.not_of_tenant(
        connection,
        agreement["tenant_id"],
        agreement["device_ids"] or [],
        agreement["model_ids"] or [],
    )
    for field, what in (("devices", "device"), ("models", "model")):
        if strange[field]:
            sentence = f"the tenant has no {what} {min(strange[field])}"
            raise UnprocessableError(sentence, [in_body(f"{what}_ids", sentence)])
    if agreement["state"] == "ended":
        sentence = "this day is over: give today or a later one"
        raise UnprocessableError(sentence, [in_body("last_day", sentence)])


@router.post("", status_code=status.HTTP_201_CREATED, response_model=Agreement)
async def offer_agreement(body: NewAgreement, connection: Database, person: SignedIn) -> Row:
    """Offer to let others read devices of a tenant that you own."""
    if await tenants.tenant(connection, person.scope, body.tenant_id) is None:
        raise no_such("tenant_id", "tenant")
    if not person.owns(body.tenant_id):
        raise ForbiddenError("only an owner of the tenant may let others read its devices")
    require_order(body.model_dump())
    number = await agreements.create_agreement(connection, body.model_dump())
    agreement = await readable_agreement(number, connection, person)
    await require_sound(connection, agreement)
    return agreement


@router.get("", response_model=Page[Agreement])
async def list_agreements(
    query: Annotated[AgreementQuery, Query()], connection: Database, person: SignedIn
) -> Row:
    """List the agreements of your tenants and parks, on either side, and those offered to you.

    The newest come first.
    """
    rows = await agreements.agreements(
        connection,
        person.scope,
        person.email,
        query.model_dump(),
        query.after(int),
        query.limit + 1,
    )
    return query.page([shown(row) for row in rows], by_id)


@router.get("/{agreement_id}", response_model=Agreement)
async def show_agreement(agreement: ReadableAgreement) -> Row:
    """Show an agreement."""
    return agreement


@router.patch("/{agreement_id}", response_model=Agreement)
async def change_agreement(
    body: AgreementChanges, agreement: GivenAgreement, connection: Database, person: SignedIn
) -> Row:
    """Change an offer. What was accepted stays as it is: revoke it and offer another."""
    require_order({**agreement, **body.model_dump(include=body.model_fields_set)})
    if not await agreements.change_agreement(connection, agreement["id"], body.changes()):
        raise ConflictError("this is no offer any more: revoke it and offer another")
    changed = await readable_agreement(agreement["id"], connection, person)
    await require_sound(connection, changed)
    return changed


@router.post("/{agreement_id}/accept", response_model=Agreement)
async def accept_agreement(
    agreement: ReceivedAgreement, connection: Database, person: SignedIn
) -> Row:
    """Accept an offer."""
    if agreement["state"] == "ended":
        raise ConflictError("its last day is over: ask for a new offer")
    return await decide(connection, person, agreement, "accepted", before="offered")


@router.post("/{agreement_id}/refuse", response_model=Agreement)
async def refuse_agreement(
    agreement: ReceivedAgreement, connection: Database, person: SignedIn
) -> Row:
    """Refuse an offer."""
    return await decide(connection, person, agreement, "refused", before="offered")


@router.post("/{agreement_id}/withdraw", response_model=Agreement)
async def withdraw_agreement(
    agreement: GivenAgreement, connection: Database, person: SignedIn
) -> Row:
    """Take an offer back that was not accepted yet."""
    return await decide(connection, person, agreement, "withdrawn", before="offered")


@router.post("/{agreement_id}/revoke", response_model=Agreement)
async def revoke_agreement(
    agreement: GivenAgreement, connection: Database, person: SignedIn
) -> Row:
    """End an agreement that was accepted, at once."""
    return await decide(connection, person, agreement, "revoked", before="accepted")


async def decide(
    connection: Connection, person: Person, agreement: Row, decision: Decision, before: str
) -> Row:
    """Make the decision, and show the agreement as it is then.

    Raises:
        ConflictError: it was decided otherwise before.
    """
    if not await agreements.decide(connection, agreement["id"], decision, before, person.id):
        state = agreement["state"]
        raise ConflictError(f"only what is {before} can be {decision}: this agreement is {state}")
    return await readable_agreement(agreement["id"], connection, person)
