"""The secrets of devices: issue, rotate with an overlap, revoke."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query, status
from pydantic import Field

from broker.passwords import hash_secret, new_secret
from registry.access import Database, KeptDevice, SignedIn, readable_device
from registry.http.fields import Answer, Body, Number, example
from registry.http.idempotency import Once
from registry.http.pages import Page, PageQuery, by_id
from registry.http.problems import ConflictError, NotFoundError
from storage import credentials
from storage.credentials import MAX_VALID_SECRETS, TooManySecretsError
from storage.rows import Row

router = APIRouter(prefix="/devices/{device_id}/secrets", tags=["device secrets"], route_class=Once)

LONGEST_OVERLAP = timedelta(days=30)
SECRET: dict[str, Any] = {
    "id": 31,
    "device_id": "sunny-roof-1",
    "created_at": "2026-03-01T09:00:00Z",
    "expires_at": None,
    "revoked_at": None,
}


class NewSecret(Body):
    """How long the secrets that the device has by now stay valid beside the new one."""

    model_config = example(overlap_seconds=3600)
    overlap_seconds: int = Field(0, ge=0, le=LONGEST_OVERLAP // timedelta(seconds=1))


class Secret(Answer):
    """When a secret was made and ends; itself it is not shown any more."""

    model_config = example(**SECRET)
    id: int
    device_id: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


class IssuedSecret(Secret):
    """A new secret: keep it now, nobody can show it again."""

    model_config = example(**SECRET, secret="tpd_…")  # noqa: S106
    secret: str


@router.get("", response_model=Page[Secret])
async def list_secrets(
    query: Annotated[PageQuery, Query()], device: KeptDevice, connection: Database
) -> Row:
    """List a device's secrets, without the secrets themselves."""
    rows = await credentials.secrets(connection, device["id"], query.after(int), query.limit + 1)
    return query.page(rows, by_id)


@router.post("", status_code=status.HTTP_201_CREATED, response_model=IssuedSecret)
async def issue_secret(
    body: NewSecret, device: KeptDevice, connection: Database, person: SignedIn
) -> Row:
    """Issue a new secret; older ones end after the overlap."""
    if device["retired_at"]:
        raise ConflictError("this device is retired: it cannot connect any more")
    secret = new_secret()
    try:
        row = await credentials.issue_secret(
            connection, device["id"], hash_secret(secret), timedelta(seconds=body.overlap_seconds)
        )
    except TooManySecretsError as error:
        raise ConflictError(
            f"the device has {MAX_VALID_SECRETS} valid secrets: revoke one, or use no overlap"
        ) from error
    # While this waited for the device's turn, the device may have changed hands.
    person.require("device.secret", await readable_device(device["id"], connection, person))
    return {**row, "secret": secret}


@router.delete("/{secret_id}", status_code=status.HTTP_204_NO_CONTENT)
async def revoke_secret(secret_id: Number, device: KeptDevice, connection: Database) -> None:
    """Make a secret worthless; a device that is connected with it is disconnected."""
    if not await credentials.revoke_secret(connection, device["id"], secret_id):
        raise NotFoundError("there is no such secret")
