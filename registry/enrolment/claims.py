"""Claim codes: one is printed on a device, and who has it takes the device over."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Request, status
from pydantic import Field

from broker.passwords import hash_secret, new_secret
from registry.access import Database, SignedIn, permitted, readable_device
from registry.devices import CreatedDevice, require_maker
from registry.enrolment.claim_code import ClaimCode, digest, new_code
from registry.enrolment.tries import Tries
from registry.http.fields import Answer, Body, Slug, example
from registry.http.idempotency import Once
from registry.http.problems import ConflictError, NotFoundError
from storage import bookings, claims, credentials, transfers
from storage.rows import Row

router = APIRouter(tags=["claims"], route_class=Once)

CODE = "K7QD-9M2X-4HVP-0TWA6"
# Only failures count, and 80 random bits are not to be guessed at any speed.
TRIES = 10


class NewCode(Body):
    """How long the code is good: printed labels lie in boxes for a while."""

    model_config = example(days=365)
    days: int = Field(365, ge=1, le=3650)


class IssuedCode(Answer):
    """A new code; print it now, nobody can show it again. The code before is worthless."""

    model_config = example(device_id="sunny-roof-1", code=CODE, expires_at="2027-03-01T09:00:00Z")
    device_id: str
    code: str
    expires_at: datetime


class Claim(Body):
    """A code, and the tenant that shall own the device."""

    model_config = example(code=CODE, tenant_id="moon")
    code: ClaimCode
    tenant_id: Slug


OwnedDevice = Annotated[Row, Depends(permitted("device.give", readable_device))]


async def tries(request: Request) -> Tries:
    """Who tried codes in vain."""
    known: Tries = request.app.state.claim_tries
    return known


@router.post(
    "/devices/{device_id}/claim-code",
    status_code=status.HTTP_201_CREATED,
    response_model=IssuedCode,
)
async def issue_claim_code(body: NewCode, device: OwnedDevice, connection: Database) -> Row:
    """Make a code with which another tenant takes the device over, once."""
    if device["retired_at"]:
        raise ConflictError("this device is retired: nobody can take it over")
    code = new_code()
    issued = await claims.issue_code(connection, device, digest(code), timedelta(days=body.days))
    return {**issued, "code": code}


@router.delete("/devices/{device_id}/claim-code", status_code=status.HTTP_204_NO_CONTENT)
async def withdraw_claim_code(device: OwnedDevice, connection: Database) -> None:
    """Make the device's code worthless."""
    if not await claims.withdraw_code(connection, device["id"]):
        raise NotFoundError("this device has no claim code")


@router.post("/claims", status_code=status.HTTP_201_CREATED, response_model=CreatedDevice)
async def claim_device(
    body: Claim,
    connection: Database,
    person: SignedIn,
    failures: Annotated[Tries, Depends(tries)],
) -> Row:
    """Take a device over by its code. Its secret is a new one, shown in this answer only."""
    await require_maker(connection, person, body.tenant_id)
    failures.require(person.id)
    device = await claims.use_code(connection, digest(body.code))
    if device is None:
        failures.count(person.id)
        raise NotFoundError("there is no device to be had by this code: it is unknown, used or old")
    if device["tenant_id"] == body.tenant_id:
        raise ConflictError("this device is the tenant's own already")
    await claims.move_device(connection, device["id"], body.tenant_id)
    await bookings.end_bookings(connection, [device["id"]])
    await transfers.withdraw_offers(connection, device["id"])
    secret = new_secret()
    await credentials.issue_secret(connection, device["id"], hash_secret(secret))
    return {**await readable_device(device["id"], connection, person), "secret": secret}
