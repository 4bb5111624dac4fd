"""Users and their roles."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Self

from fastapi import APIRouter, Query, status
from pydantic import Field, model_validator

from registry.access import (
    Administrator,
    Database,
    ManagedMembership,
    ReadableUser,
    SignedIn,
    readable_user,
)
from registry.http.etags import unless_changed
from registry.http.fields import Answer, Body, Day, Email, Name, Slug, Words, example
from registry.http.idempotency import Once
from registry.http.pages import Page, PageQuery, SearchQuery, by_id
from registry.http.problems import ConflictError
from registry.mail.texts import Language
from registry.rights import Role
from storage import people
from storage.rows import Row

router = APIRouter(tags=["people"], route_class=Once)

USER = {"email": "maria@sunny.example", "name": "Maria Sousa", "language": "id"}
MEMBERSHIP: dict[str, Any] = {
    "role": "tenant-member",
    "park_id": None,
    "tenant_id": "sunny",
    "until": "2026-12-31",
}
MailLanguage = Annotated[
    Language | None, Field(description="of mails to the person; null: not known, English")
]


class NewUser(Body):
    """A person or a program."""

    model_config = example(**USER)
    email: Email
    name: Name
    language: MailLanguage = None


class User(Answer):
    """A person or a program."""

    model_config = example(id=2, **USER, created_at="2026-03-01T09:00:00Z")
    id: int
    email: str
    name: str
    language: str | None
    created_at: datetime


class UserQuery(SearchQuery):
    """Which users."""

    email: Words | None = None


class NewMembership(Body):
    """A role in a park or in a tenant; ``until`` is its last day, by the clock of the park."""

    model_config = example(**MEMBERSHIP)
    role: Role
    park_id: Slug | None = None
    tenant_id: Slug | None = None
    until: Day | None = None

    @model_validator(mode="after")
    def role_has_its_place(self) -> Self:
        """Refuse a role without what it is a role in."""
        given = {name for name in ("park_id", "tenant_id") if getattr(self, name)}
        if given not in PLACES[self.role]:
            raise ValueError(f"the role {self.role} {PLACE_RULES[self.role]}")
        return self


IN_TENANT = [{"tenant_id"}]
PLACES: dict[str, list[set[str]]] = {
    "platform-admin": [set()],
    "park-manager": [{"park_id"}],
    "tenant-owner": IN_TENANT,
    "tenant-member": IN_TENANT,
    "mentor": IN_TENANT,
    "viewer": [{"park_id"}, {"tenant_id"}],
}
TENANT_RULE = "is in a tenant: give tenant_id and no park_id"
PLACE_RULES = {
    "platform-admin": "is in the whole platform: give no park_id and no tenant_id",
    "park-manager": "is in a park: give park_id and no tenant_id",
    "tenant-owner": TENANT_RULE,
    "tenant-member": TENANT_RULE,
    "mentor": TENANT_RULE,
    "viewer": "is in a park or in a tenant: give one of park_id and tenant_id",
}


class Membership(Answer):
    """A role of a user."""

    model_config = example(id=7, user_id=2, **MEMBERSHIP, created_at="2026-03-01T09:00:00Z")
    id: int
    user_id: int
    role: Role
    park_id: str | None
    tenant_id: str | None
    until: date | None
    created_at: datetime


@router.post("/users", status_code=status.HTTP_201_CREATED, response_model=User)
async def create_user(body: NewUser, connection: Database, _: Administrator) -> Row:
    """Add a user, who has no role yet."""
    return await people.create_user(connection, body.model_dump())


@router.get("/users", response_model=Page[User])
async def list_users(
    query: Annotated[UserQuery, Query()], connection: Database, person: SignedIn
) -> Row:
    """List the users whom you may see: yourself and the people of tenants that you own."""
    rows = await people.users(
        connection, person.viewer, query.email, query.q, query.after(int), query.limit + 1
    )
    return query.page(rows, by_id)


@router.get("/users/{user_id}", response_model=User)
async def show_user(user: ReadableUser) -> Row:
    """Show a user."""
    return user


@router.delete(
    "/users/{user_id}",
    status_code=status.HTTP_204_NO_CONTENT,
    responses={409: {}},
    dependencies=[unless_changed("users", readable_user, User)],
)
async def delete_user(user: ReadableUser, connection: Database, person: Administrator) -> None:
    """Delete a user with all that is personal: roles, tokens, sessions, and what the log tells of.

    What he or she did to things of others stays in the log, under a number that is nobody's.
    """
    if user["id"] == person.id:
        raise ConflictError("you cannot delete yourself: another administrator can")
    await people.forget_person(connection, user["id"])


@router.post(
    "/users/{user_id}/memberships", status_code=status.HTTP_201_CREATED, response_model=Membership
)
async def create_membership(
    body: NewMembership, user: ReadableUser, connection: Database, person: SignedIn
) -> Row:
    """Give a user a role."""
    person.require("membership.give", body.model_dump())
    return await people.create_membership(connection, user["id"], body.model_dump())


@router.get("/users/{user_id}/memberships", response_model=Page[Membership])
async def list_memberships(
    query: Annotated[PageQuery, Query()],
    user: ReadableUser,
    connection: Database,
    person: SignedIn,
) -> Row:
    """List the roles of a user that you may see, ended ones too."""
    rows = await people.memberships(
        connection, person.viewer, user["id"], query.after(int), query.limit + 1
    )
    return query.page(rows, by_id)


@router.delete(
    "/users/{user_id}/memberships/{membership_id}", status_code=status.HTTP_204_NO_CONTENT
)
async def end_membership(membership: ManagedMembership, connection: Database) -> None:
    """Take a role away."""
    await people.end_membership(connection, membership["id"])
