"""The deletion of a tenant: requested by its owner, carried out by an administrator."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, status

from registry.access import (
    Administrator,
    Database,
    ReadableTenant,
    found,
    permitted,
    readable_tenant,
)
from registry.http.etags import unless_changed
from registry.http.fields import Answer, Body, Slug, example
from registry.http.idempotency import Once
from registry.http.problems import ConflictError, UnprocessableError, in_body
from storage import deletions
from storage.rows import Row

router = APIRouter(prefix="/tenants/{tenant_id}/deletion", tags=["tenants"], route_class=Once)


class Confirmation(Body):
    """The tenant's own id, typed once more."""

    model_config = example(confirm="sunny")
    confirm: Slug


class Deletion(Answer):
    """A requested deletion; ``devices`` counts those that are left."""

    model_config = example(
        tenant_id="sunny", requested_at="2026-03-01T09:00:00Z", started_at=None, devices=12
    )
    tenant_id: str
    requested_at: datetime
    started_at: datetime | None
    devices: int


class Step(Answer):
    """What a step has deleted, and whether it was the last."""

    model_config = example(rows=20_000, devices=11, done=False)
    rows: int
    devices: int
    done: bool


OwnedTenant = Annotated[Row, Depends(permitted("tenant.delete", readable_tenant))]


async def requested_deletion(tenant: ReadableTenant, connection: Database) -> Row:
    """The deletion of the tenant of the path."""
    return found(await deletions.deletion(connection, tenant["id"]), "deletion of this tenant")


RequestedDeletion = Annotated[Row, Depends(requested_deletion)]


@router.post("", status_code=status.HTTP_201_CREATED, response_model=Deletion)
async def request_deletion(body: Confirmation, tenant: OwnedTenant, connection: Database) -> Row:
    """Ask for the tenant to be deleted with all its data; an administrator carries it out."""
    if body.confirm != tenant["id"]:
        sentence = "type the id of the tenant that is to be deleted"
        raise UnprocessableError(sentence, [in_body("confirm", sentence)])
    await deletions.request(connection, tenant["id"])
    return await requested_deletion(tenant, connection)


@router.get("", response_model=Deletion)
async def show_deletion(deletion: RequestedDeletion) -> Row:
    """Show whether the tenant is to be deleted, and how far that is."""
    return deletion


@router.delete(
    "",
    status_code=status.HTTP_204_NO_CONTENT,
    responses={409: {}},
    dependencies=[unless_changed("tenant_deletions", requested_deletion, Deletion)],
)
async def withdraw_deletion(
    tenant: OwnedTenant, _: RequestedDeletion, connection: Database
) -> None:
    """Keep the tenant after all, as long as its deletion has not begun."""
    if not await deletions.withdraw(connection, tenant["id"]):
        raise ConflictError("the deletion has begun, and cannot be stopped")


@router.post("/step", response_model=Step)
async def continue_deletion(
    deletion: RequestedDeletion, connection: Database, _: Administrator
) -> Row:
    """Delete a part of the tenant's data; call it again until it is done.

    The first step ends the secrets of its devices and the roles of its people, and deletes those
    who have no role elsewhere; the next ones wait five seconds for what was on its way. Nothing
    brings back what is deleted.
    """
    rows, done = await deletions.step(connection, deletion["tenant_id"])
    left = await deletions.deletion(connection, deletion["tenant_id"])
    return {"rows": rows, "devices": left["devices"] if left else 0, "done": done}
