"""Who asks, and what he or she may do. A route's signature says who may call it.

What a role allows is in one table, ``registry/rights.py``. A route names an action of it by an
annotated type, such as ``ManagedDevice``, made by ``permitted``.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from psycopg_pool import AsyncConnectionPool

from registry.http.fields import Number
from registry.http.origin import ORIGIN
from registry.http.problems import ForbiddenError, NotFoundError, UnauthorizedError
from registry.identity.cookies import session_key, session_scheme
from registry.identity.scopes import TokenScope, needed_scope, require_scope
from registry.rights import Action, reach, refusal
from storage import audit, devices, models, parks, people, tenants
from storage.people import Viewer
from storage.rows import Connection, Row, Scope

Pool = AsyncConnectionPool[Connection]


async def pool(request: Request) -> Pool:
    """The connections of the app."""
    opened: Pool = request.app.state.pool
    return opened


async def transaction(request: Request) -> AsyncIterator[Connection]:
    """The transaction of the request: committed before the answer leaves, or not at all.

    What only reads needs none: each statement sees what is committed, with or without, and two
    journeys to the database are saved.
    """
    # Not as dependencies: FastAPI takes each dependency anew wherever it is named, at a hundredth
    # of a short request each. That holds for those below too.
    async with request.app.state.pool.connection() as connection:
        await connection.set_autocommit(request.method == "GET")
        yield connection


# "function": FastAPI's default would commit after the client was told that all is well.
Database = Annotated[Connection, Depends(transaction, scope="function")]

bearer_scheme = HTTPBearer(
    auto_error=False, scheme_name="token", description="an API token, `tpa_…`"
)


@dataclass(frozen=True)
class Shown:
    """What a request shows of who asks.

    Attributes:
        key: a token, or the key of a session at the console.
        needed: the scope that a token needs for it, unless it has all; None: it needs all.
    """

    key: str
    needed: TokenScope | None


Credentials = Shown | None


async def token_scheme(
    request: Request,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer_scheme)],
    _: Annotated[str | None, Depends(session_scheme)],
) -> Credentials:
    """The token of a program, else the session of the console."""
    key = bearer.credentials if bearer else session_key(request)
    return None if key is None else Shown(key, needed_scope(request))


@dataclass(frozen=True)
class Person:
    """The user whom the token stands for.

    Attributes:
        id: the user's number.
        email: as it was given.
        name: as it was given.
        memberships: ``role, park_id, tenant_id, until`` of the roles that count today.
        token_id: of the token that was shown; None: a session's cookie was.
        has_passes: whether an agreement was ever made with the person himself or herself.
    """

    id: int
    email: str
    name: str
    memberships: list[dict[str, Any]]
    token_id: int | None = None
    has_passes: bool = False

    def reach(self, action: Action) -> Scope:
        """Where the person may do this; what agreements give is the reader's, not a role's."""
        reached = reach(self.memberships, action)
        return replace(reached, user_id=self.id, has_passes=self.has_passes)

    def may(self, action: Action, thing: Row) -> bool:
        """Whether the person may do this with a thing.

        Args:
            action: of the table.
            thing: with ``tenant_id``, and ``park_id`` or ``parks``, as far as it has them.
        """
        return self.reach(action).covers(thing)

    def require(self, action: Action, thing: Row) -> None:
        """Return only if the person may do this with a thing that he or she may see."""
        if not self.may(action, thing):
            raise ForbiddenError(refusal(action))

    @property
    def scope(self) -> Scope:
        """Whose devices the person may see."""
        return self.reach("device.read")

    @property
    def viewer(self) -> Viewer:
        """Which people the person may see."""
        return self.among("user.read")

    def among(self, action: Action) -> Viewer:
        """The people with whom the person may do this: always with himself or herself."""
        reached = self.reach(action)
        return Viewer(self.id, reached.everything, reached.tenants)


async def signed_in(
    connection: Database, credentials: Annotated[Credentials, Depends(token_scheme)]
) -> Person:
    """The person who asks."""
    person = await recognised(connection, credentials)
    if ORIGIN.get().changes:
        await note_actor(connection, person.id, person.token_id)
    return person


async def recognised(connection: Connection, credentials: Credentials) -> Person:
    """The person whom a request shows, with the roles of this moment."""
    shown = given(credentials)
    return admitted(shown, await people.person(connection, shown.key))


def given(credentials: Credentials) -> Shown:
    """What the request shows, if it shows anything."""
    if credentials is None:
        raise UnauthorizedError("send your token: `Authorization: Bearer tpa_…`")
    return credentials


def admitted(shown: Shown, row: Row | None) -> Person:
    """The person of a key, if the key is valid and enough for the request."""
    if row is None:
        raise UnauthorizedError("this token is not valid: it is unknown, expired or revoked")
    require_scope(shown.needed, row["scopes"])
    return Person(
        row["id"],
        row["email"],
        row["name"],
        row["memberships"],
        row["token_id"],
        row["has_passes"],
    )


async def note_actor(connection: Connection, user_id: int | None, token_id: int | None) -> None:
    """Tell the audit log who acts in this transaction; None: nobody who is known."""
    origin = ORIGIN.get()
    await audit.act(
        connection,
        user_id=user_id,
        token_id=token_id,
        address=origin.address,
        request_id=origin.request_id,
    )


SignedIn = Annotated[Person, Depends(signed_in)]
Thing = Callable[..., Awaitable[Row]]


def permitted(action: Action, thing: Thing) -> Thing:
    """The dependency that gives a thing to those who may do this with it.

    Args:
        action: of the table.
        thing: the dependency that finds the thing for those who may see it.
    """

    async def checked(found: Row = Depends(thing), person: Person = Depends(signed_in)) -> Row:
        person.require(action, found)
        return found

    return checked


async def administrator(person: SignedIn) -> Person:
    """The person who asks, if that is an administrator."""
    person.require("platform.run", {})
    return person


Administrator = Annotated[Person, Depends(administrator)]


def found(row: Row | None, what: str) -> Row:
    """The row, or the refusal that tells nothing."""
    if row is None:
        raise NotFoundError(f"there is no such {what}")
    return row


async def readable_park(park_id: str, connection: Database, _: SignedIn) -> Row:
    """The park of the path."""
    row = found(await parks.park(connection, park_id), "park")
    return {**row, "park_id": park_id}


managed_park = permitted("park.change", readable_park)
ReadablePark = Annotated[Row, Depends(readable_park)]
ManagedPark = Annotated[Row, Depends(managed_park)]


async def readable_lab(lab_id: str, connection: Database, _: SignedIn) -> Row:
    """The lab of the path."""
    return found(await parks.lab(connection, lab_id), "lab")


managed_lab = permitted("lab.change", readable_lab)
ReadableLab = Annotated[Row, Depends(readable_lab)]
ManagedLab = Annotated[Row, Depends(managed_lab)]


async def readable_tenant(tenant_id: str, connection: Database, person: SignedIn) -> Row:
    """The tenant of the path."""
    scope = person.reach("tenant.read")
    row = found(await tenants.tenant(connection, scope, tenant_id), "tenant")
    return {**row, "tenant_id": tenant_id}


ReadableTenant = Annotated[Row, Depends(readable_tenant)]


async def readable_model(model_id: str, connection: Database, person: SignedIn) -> Row:
    """The model of the path."""
    return found(await models.model(connection, person.reach("model.read"), model_id), "model")


managed_model = permitted("model.change", readable_model)
ReadableModel = Annotated[Row, Depends(readable_model)]
ManagedModel = Annotated[Row, Depends(managed_model)]


async def readable_user(user_id: Number, connection: Database, person: SignedIn) -> Row:
    """The user of the path."""
    return found(await people.user(connection, person.viewer, user_id), "user")


ReadableUser = Annotated[Row, Depends(readable_user)]


async def readable_membership(
    membership_id: Number, user: ReadableUser, connection: Database, person: SignedIn
) -> Row:
    """The role of the path, of the user of the path."""
    row = await people.membership(connection, person.viewer, user["id"], membership_id)
    return found(row, "membership")


ManagedMembership = Annotated[Row, Depends(permitted("membership.give", readable_membership))]


async def visible_device(device_id: str, connection: Database, person: SignedIn) -> Row:
    """The device of the path, for those too whom an agreement lets read it."""
    return found(await devices.device(connection, person.scope, device_id), "device")


VisibleDevice = Annotated[Row, Depends(visible_device)]


async def shown_device(
    request: Request,
    device_id: str,
    credentials: Annotated[Credentials, Depends(token_scheme)],
) -> Row:
    """As ``visible_device``, where nothing else is asked: for what machines read most.

    The person and the device are read in one journey to the database, before it is known whether
    the person may see it. Only what a role shows is decided here; bookings and agreements, and
    what there is not, are for ``visible_device``.
    """
    shown = given(credentials)
    async with asynccontextmanager(transaction)(request) as connection:
        who, device = await people.person_and_device(connection, shown.key, device_id)
        person = admitted(shown, who)
        if device and person.scope.covers(device):
            return device
        return await visible_device(device_id, connection, person)


ShownDevice = Annotated[Row, Depends(shown_device)]


async def readable_device(device_id: str, connection: Database, person: SignedIn) -> Row:
    """The device of the path, for those of its tenant and its park."""
    device = await visible_device(device_id, connection, person)
    if device["shared"]:
        raise ForbiddenError("an agreement lets you read this device and its readings, no more")
    return device


managed_device = permitted("device.change", readable_device)
ReadableDevice = Annotated[Row, Depends(readable_device)]
ManagedDevice = Annotated[Row, Depends(managed_device)]
# Whose secrets one may see the dates of, issue and revoke.
KeptDevice = Annotated[Row, Depends(permitted("device.secret", readable_device))]
