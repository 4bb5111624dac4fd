"""Who may read what a device sent: those who have, or had, a time of it that is theirs.

That is another question than who may see the device itself: a tenant that gave a device away, or
booked it for a day, keeps its own readings. The database's function `sight` answers it.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends

from registry.access import Database, SignedIn
from registry.http.problems import ForbiddenError, NotFoundError
from storage import telemetry_queries


async def seen_device(device_id: str, connection: Database, person: SignedIn) -> str:
    """The id of the path, for those who may read something of the device."""
    if not await telemetry_queries.sees(connection, person.scope, device_id):
        raise NotFoundError("there is no such device")
    return device_id


SeenDevice = Annotated[str, Depends(seen_device)]


async def held_device(device_id: SeenDevice, connection: Database, person: SignedIn) -> str:
    """The id of the path, for those of whom a time of the device is or was, not just shown."""
    if not await telemetry_queries.holds(connection, person.scope, device_id):
        raise ForbiddenError("an agreement lets you read this device and its readings, no more")
    return device_id


HeldDevice = Annotated[str, Depends(held_device)]
