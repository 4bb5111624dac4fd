"""Devices that change hands: offered by their owner, accepted by the receiver."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, status
from pydantic import AfterValidator, Field

from broker.passwords import hash_secret, new_secret
from registry.access import Database, Person, SignedIn, found
from registry.http.fields import Answer, Body, DeviceId, Number, Slug, Text, distinct, example
from registry.http.idempotency import Once
from registry.http.pages import Page, PageQuery, by_id
from registry.http.problems import ConflictError, UnprocessableError, in_body, no_such
from storage import credentials, tenants, transfers
from storage.rows import Connection, Row
from storage.transfers import NotTransferableError

router = APIRouter(prefix="/transfers", tags=["transfers"], route_class=Once)

State = Literal["offered", "accepted", "refused", "withdrawn", "expired"]
OFFER: dict[str, Any] = {
    "from_tenant_id": "sunny",
    "to_tenant_id": "roofs",
    "with_history": True,
    "message": "As agreed on Monday",
}
TRANSFER: dict[str, Any] = {
    "id": 17,
    "from_tenant_name": "Sunny Cells Lda",
    **OFFER,
    "devices": [{"id": "sunny-roof-1", "name": "Roof 1", "model": "PV inverter"}],
    "state": "offered",
    "offered_at": "2026-03-01T09:00:00Z",
    "expires_at": "2026-03-15T09:00:00Z",
    "answered_at": None,
}


class NewTransfer(Body):
    """Devices of a tenant for another one, all of them or none.

    With their history the receiver gets the readings of before too, and the giver keeps none.
    """

    model_config = example(**OFFER, devices=["sunny-roof-1"], days=14)
    from_tenant_id: Slug
    to_tenant_id: Slug
    devices: Annotated[list[DeviceId], AfterValidator(distinct)] = Field(
        min_length=1, max_length=100
    )
    with_history: bool = False
    message: Text = ""
    days: int = Field(14, ge=1, le=90, description="after which the offer expires")


class OfferedDevice(Answer):
    """A device as it was when it was offered."""

    id: str
    name: str
    model: str | None


class Transfer(Answer):
    """An offer of devices, and what became of it."""

    model_config = example(**TRANSFER)
    id: int
    from_tenant_id: str
    from_tenant_name: str
    to_tenant_id: str
    devices: list[OfferedDevice]
    with_history: bool
    message: str
    state: State
    offered_at: datetime
    expires_at: datetime
    answered_at: datetime | None


class NewOwnersSecret(Answer):
    """The only secret by which a device may come in from now on."""

    device_id: str
    secret: str


class AcceptedTransfer(Transfer):
    """What was accepted, with new secrets: keep them now, nobody can show them again."""

    model_config = example(
        **{**TRANSFER, "state": "accepted", "answered_at": "2026-03-02T10:15:00Z"},
        secrets=[{"device_id": "sunny-roof-1", "secret": "tpd_…"}],
    )
    secrets: list[NewOwnersSecret]


class TransferQuery(PageQuery):
    """Which offers."""

    tenant_id: Slug | None = Field(None, description="from or to this tenant")
    state: State | None = None


async def readable_transfer(transfer_id: Number, connection: Database, person: SignedIn) -> Row:
    """The offer of the path."""
    rows = await transfers.transfers(connection, person.scope, {"id": transfer_id}, None, 1)
    return found(next(iter(rows), None), "transfer")


ReadableTransfer = Annotated[Row, Depends(readable_transfer)]


async def received_transfer(transfer: ReadableTransfer, person: SignedIn) -> Row:
    """The offer of the path, for the owners of the receiver."""
    person.require("device.take", {"tenant_id": transfer["to_tenant_id"]})
    return transfer


async def sent_transfer(transfer: ReadableTransfer, person: SignedIn) -> Row:
    """The offer of the path, for the owners of the giver."""
    person.require("device.give", {"tenant_id": transfer["from_tenant_id"]})
    return transfer


ReceivedTransfer = Annotated[Row, Depends(received_transfer)]
SentTransfer = Annotated[Row, Depends(sent_transfer)]


async def require_giver(connection: Connection, person: Person, tenant_id: str) -> None:
    """Return only if the person may give the tenant's devices away."""
    if await tenants.tenant(connection, person.reach("tenant.read"), tenant_id) is None:
        raise no_such("from_tenant_id", "tenant")
    person.require("device.give", {"tenant_id": tenant_id})


@router.post("", status_code=status.HTTP_201_CREATED, response_model=Transfer)
async def offer_transfer(body: NewTransfer, connection: Database, person: SignedIn) -> Row:
    """Offer devices to another tenant.

    Nobody is told whether there is a tenant of that id: an offer to none waits until it expires.
    """
    await require_giver(connection, person, body.from_tenant_id)
    if body.to_tenant_id == body.from_tenant_id:
        sentence = "the devices are this tenant's already"
        raise UnprocessableError(sentence, [in_body("to_tenant_id", sentence)])
    try:
        transfer_id = await transfers.offer(
            connection, body.model_dump(), timedelta(days=body.days)
        )
    except NotTransferableError as error:
        raise ConflictError(str(error), [in_body("devices", str(error))]) from error
    return await readable_transfer(transfer_id, connection, person)


@router.get("", response_model=Page[Transfer])
async def list_transfers(
    query: Annotated[TransferQuery, Query()], connection: Database, person: SignedIn
) -> Row:
    """List the offers from and to your tenants."""
    rows = await transfers.transfers(
        connection, person.scope, query.model_dump(), query.after(int), query.limit + 1
    )
    return query.page(rows, by_id)


@router.get("/{transfer_id}", response_model=Transfer)
async def show_transfer(transfer: ReadableTransfer) -> Row:
    """Show an offer."""
    return transfer


@router.post("/{transfer_id}/accept", response_model=AcceptedTransfer, responses={409: {}})
async def accept_transfer(
    transfer: ReceivedTransfer, connection: Database, person: SignedIn
) -> Row:
    """Take the devices: they are yours from now on, each with a new secret, shown only here."""
    await close(connection, transfer, "accepted")
    try:
        await transfers.move(connection, transfer)
    except NotTransferableError as error:
        raise ConflictError(f"this offer cannot be accepted any more: {error}") from error
    secrets = {device["id"]: new_secret() for device in transfer["devices"]}
    for device_id, secret in secrets.items():
        await credentials.issue_secret(connection, device_id, hash_secret(secret))
    return {
        **await readable_transfer(transfer["id"], connection, person),
        "secrets": [{"device_id": id_, "secret": secret} for id_, secret in secrets.items()],
    }


@router.post("/{transfer_id}/refuse", response_model=Transfer, responses={409: {}})
async def refuse_transfer(
    transfer: ReceivedTransfer, connection: Database, person: SignedIn
) -> Row:
    """Refuse the devices: nothing changes for them."""
    await close(connection, transfer, "refused")
    return await readable_transfer(transfer["id"], connection, person)


@router.post("/{transfer_id}/withdraw", response_model=Transfer, responses={409: {}})
async def withdraw_transfer(transfer: SentTransfer, connection: Database, person: SignedIn) -> Row:
    """Take an offer back."""
    await close(connection, transfer, "withdrawn")
    return await readable_transfer(transfer["id"], connection, person)


async def close(
    connection: Connection, transfer: Row, state: Literal["accepted", "refused", "withdrawn"]
) -> None:
    """Close an open offer.

    Raises:
        ConflictError: it is not open any more.
    """
    if not await transfers.answer(connection, transfer["id"], state):
        ended = "was answered" if transfer["state"] == "offered" else f"is {transfer['state']}"
        raise ConflictError(f"this offer {ended}: ask for a new one")
