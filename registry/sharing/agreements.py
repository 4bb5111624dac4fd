"""Agreements: a tenant lets another tenant, a park or a person read chosen devices for a time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, status

from registry.access import Database, Person, SignedIn, found, permitted
from registry.http.etags import unless_changed
from registry.http.fields import Number
from registry.http.idempotency import Once
from registry.http.pages import Page, by_id
from registry.http.problems import (
    ConflictError,
    ForbiddenError,
    UnprocessableError,
    in_body,
    no_such,
)
from registry.sharing.agreement_terms import (
    OVER,
    Agreement,
    AgreementChanges,
    AgreementQuery,
    NewAgreement,
)
from storage import agreements, tenants
from storage.agreements import Decision
from storage.rows import Connection, Row

router = APIRouter(prefix="/agreements", tags=["agreements"], route_class=Once)


async def readable_agreement(agreement_id: Number, connection: Database, person: SignedIn) -> Row:
    """The agreement of the path, for both of its sides."""
    row = await agreements.agreement(connection, person.scope, person.email, agreement_id)
    return shown(found(row, "agreement"))


ReadableAgreement = Annotated[Row, Depends(readable_agreement)]


# For the owners of the tenant that lets read.
GivenAgreement = Annotated[Row, Depends(permitted("agreement.give", readable_agreement))]


async def received_agreement(agreement: ReadableAgreement, person: SignedIn) -> Row:
    """The agreement of the path, for those who decide for its reader."""
    email: str | None = agreement["reader_email"]
    if email is None:
        reader = {
            "tenant_id": agreement["reader_tenant_id"],
            "park_id": agreement["reader_park_id"],
        }
        person.require("agreement.answer", reader)
    elif email.lower() != person.email.lower():
        raise ForbiddenError("only the person to whom it is offered may accept or refuse it")
    return agreement


ReceivedAgreement = Annotated[Row, Depends(received_agreement)]


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
        raise UnprocessableError(OVER, [in_body("last_day", OVER)])


@router.post("", status_code=status.HTTP_201_CREATED, response_model=Agreement)
async def offer_agreement(body: NewAgreement, connection: Database, person: SignedIn) -> Row:
    """Offer to let others read devices of a tenant that you own."""
    if await tenants.tenant(connection, person.reach("tenant.read"), body.tenant_id) is None:
        raise no_such("tenant_id", "tenant")
    person.require("agreement.give", {"tenant_id": body.tenant_id})
    require_order(body.model_dump())
    number = await agreements.create_agreement(connection, body.model_dump())
    if number is None:
        raise UnprocessableError(OVER, [in_body("last_day", OVER)])
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


@router.patch(
    "/{agreement_id}",
    response_model=Agreement,
    dependencies=[unless_changed("agreements", readable_agreement, Agreement)],
)
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
