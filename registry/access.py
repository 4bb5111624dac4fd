"""Who asks, and what he or she may do. A route's signature says who may call it.

Roles, and what each may do with what is in its park or tenant:

| role | sees | does |
| --- | --- | --- |
| platform-admin | everything | everything |
| park-manager | home tenants of the park, devices of these or in its labs | park, labs, quotas |
| tenant-owner | the tenant | its people, models, devices and their secrets |
| tenant-member | the tenant | its models, devices and their secrets |
| mentor | the tenant | nothing |
| viewer | the tenant, or what a park-manager sees | nothing |

Parks, labs and the platform's own models are no secrets: everybody with a token sees them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from psycopg_pool import AsyncConnectionPool

from registry.problems import ForbiddenError, NotFoundError, UnauthorizedError
from storage import devices, models, parks, people, tenants
from storage.people import Viewer
from storage.rows import Connection, Row, Scope

Pool = AsyncConnectionPool[Connection]
OWNERS = frozenset({"tenant-owner"})
MAKERS = frozenset({"tenant-owner", "tenant-member"})


async def pool(request: Request) -> Pool:
    """The connections of the app."""
    opened: Pool = request.app.state.pool
    return opened


async def transaction(opened: Annotated[Pool, Depends(pool)]) -> AsyncIterator[Connection]:
    """The transaction of the request: committed before the answer leaves, or not at all."""
    async with opened.connection() as connection:
        yield connection


# "function": FastAPI's default would commit after the client was told that all is well.
Database = Annotated[Connection, Depends(transaction, scope="function")]

token_scheme = HTTPBearer(
    auto_error=False, scheme_name="token", description="an API token, `tpa_…`"
)
Credentials = HTTPAuthorizationCredentials | None


@dataclass(frozen=True)
class Person:
    """The user whom the token stands for.

    Attributes:
        id: the user's number.
        email: as it was given.
        name: as it was given.
        memberships: ``role, park_id, tenant_id, until`` of the roles that count today.
    """

    id: int
    email: str
    name: str
    memberships: list[dict[str, Any]]

    @property
    def is_admin(self) -> bool:
        """Whether he or she runs the whole platform."""
        return any(held["role"] == "platform-admin" for held in self.memberships)

    def tenants(self, roles: frozenset[str] | None = None) -> tuple[str, ...]:
        """The tenants in which the person has one of the roles, or any."""
        return tuple(
            held["tenant_id"]
            for held in self.memberships
            if held["tenant_id"] and (roles is None or held["role"] in roles)
        )

    @property
    def scope(self) -> Scope:
        """What the person may see."""
        places = tuple(held["park_id"] for held in self.memberships if held["park_id"])
        return Scope(self.is_admin, self.tenants(), places, self.id)

    @property
    def viewer(self) -> Viewer:
        """Which people the person may see."""
        return Viewer(self.id, self.is_admin, self.tenants(OWNERS))

    def manages_park(self, park_id: str) -> bool:
        """Whether the person runs the park."""
        return self.is_admin or any(
            held["role"] == "park-manager" and held["park_id"] == park_id
            for held in self.memberships
        )

    def sets_quota_of(self, tenant: Row) -> bool:
        """Whether the person decides how many values the tenant's devices may send."""
        return self.is_admin or (
            tenant["park_id"] is not None and self.manages_park(tenant["park_id"])
        )

    def owns(self, tenant_id: str) -> bool:
        """Whether the person decides who belongs to the tenant."""
        return self.is_admin or tenant_id in self.tenants(OWNERS)

    def makes_for(self, tenant_id: str) -> bool:
        """Whether the person works on the tenant's devices and models."""
        return self.is_admin or tenant_id in self.tenants(MAKERS)


async def signed_in(
    connection: Database, credentials: Annotated[Credentials, Depends(token_scheme)]
) -> Person:
    """The person who asks."""
    if credentials is None:
        raise UnauthorizedError("send your token: `Authorization: Bearer tpa_…`")
    row = await people.person(connection, credentials.credentials)
    if row is None:
        raise UnauthorizedError("this token is not valid: it is unknown, expired or revoked")
    return Person(row["id"], row["email"], row["name"], row["memberships"])


SignedIn = Annotated[Person, Depends(signed_in)]


async def administrator(person: SignedIn) -> Person:
    """The person who asks, if that is an administrator."""
    if not person.is_admin:
        raise ForbiddenError("only an administrator of the platform may do this")
    return person


Administrator = Annotated[Person, Depends(administrator)]


def found(row: Row | None, what: str) -> Row:
    """The row, or the refusal that tells nothing."""
    if row is None:
        raise NotFoundError(f"there is no such {what}")
    return row


async def readable_park(park_id: str, connection: Database, _: SignedIn) -> Row:
    """The park of the path."""
    return found(await parks.park(connection, park_id), "park")


ReadablePark = Annotated[Row, Depends(readable_park)]


async def managed_park(park: ReadablePark, person: SignedIn) -> Row:
    """The park of the path, for those who run it."""
    if not person.manages_park(park["id"]):
        raise ForbiddenError("only the park's manager may change it")
    return park


ManagedPark = Annotated[Row, Depends(managed_park)]


async def readable_lab(lab_id: str, connection: Database, _: SignedIn) -> Row:
    """The lab of the path."""
    return found(await parks.lab(connection, lab_id), "lab")


ReadableLab = Annotated[Row, Depends(readable_lab)]


async def managed_lab(lab: ReadableLab, person: SignedIn) -> Row:
    """The lab of the path, for those who run its park."""
    if not person.manages_park(lab["park_id"]):
        raise ForbiddenError("only the park's manager may change its labs")
    return lab


ManagedLab = Annotated[Row, Depends(managed_lab)]


async def readable_tenant(tenant_id: str, connection: Database, person: SignedIn) -> Row:
    """The tenant of the path."""
    return found(await tenants.tenant(connection, person.scope, tenant_id), "tenant")


ReadableTenant = Annotated[Row, Depends(readable_tenant)]


async def readable_model(model_id: str, connection: Database, person: SignedIn) -> Row:
    """The model of the path."""
    return found(await models.model(connection, person.scope, model_id), "model")


ReadableModel = Annotated[Row, Depends(readable_model)]


async def managed_model(model: ReadableModel, person: SignedIn) -> Row:
    """The model of the path, for the people of its tenant."""
    allowed = person.makes_for(model["tenant_id"]) if model["tenant_id"] else person.is_admin
    if not allowed:
        raise ForbiddenError("only those who work for the model's tenant may change it")
    return model


ManagedModel = Annotated[Row, Depends(managed_model)]


async def readable_user(user_id: int, connection: Database, person: SignedIn) -> Row:
    """The user of the path."""
    return found(await people.user(connection, person.viewer, user_id), "user")


ReadableUser = Annotated[Row, Depends(readable_user)]


async def visible_device(device_id: str, connection: Database, person: SignedIn) -> Row:
    """The device of the path, for those too whom an agreement lets read it."""
    return found(await devices.device(connection, person.scope, device_id), "device")


VisibleDevice = Annotated[Row, Depends(visible_device)]


async def readable_device(device_id: str, connection: Database, person: SignedIn) -> Row:
    """The device of the path, for those of its tenant and its park."""
    device = await visible_device(device_id, connection, person)
    if device["shared"]:
        raise ForbiddenError("an agreement lets you read this device and its readings, no more")
    return device


ReadableDevice = Annotated[Row, Depends(readable_device)]


async def managed_device(device: ReadableDevice, person: SignedIn) -> Row:
    """The device of the path, for those who work on it."""
    if not person.makes_for(device["tenant_id"]):
        raise ForbiddenError("only those who work for the device's tenant may do this")
    return device


ManagedDevice = Annotated[Row, Depends(managed_device)]
