"""Agreements: what a tenant lets others read, and the warnings before an agreement ends."""

from __future__ import annotations

from typing import Literal

from psycopg.types.json import Jsonb

from storage import queries
from storage.rows import Connection, Row, Scope, every, first, only

QUERIES = queries.load("registry_agreements")
FILTERS = ("tenant_id", "reader_tenant_id", "reader_park_id", "state")
# How many days before its last one both sides are warned.
WARNING_DAYS = (30, 7)

Decision = Literal["accepted", "refused", "withdrawn", "revoked"]


async def create_agreement(connection: Connection, agreement: Row) -> int | None:
    """Offer an agreement.

    Returns:
        Its number; None where its last day is over.
    """
    row = await first(connection, QUERIES["create_agreement"], agreement)
    return None if row is None else row["id"]


async def not_of_tenant(
    connection: Connection, tenant_id: str, device_ids: list[str], model_ids: list[str]
) -> Row:
    """Which of the devices and models the tenant cannot let others read.

    Returns:
        ``devices, models``: the ids, both empty where all is well.
    """
    parameters = {"tenant_id": tenant_id, "device_ids": device_ids, "model_ids": model_ids}
    return await only(connection, QUERIES["not_of_tenant"], parameters)


async def agreements(
    connection: Connection, scope: Scope, email: str, filters: Row, after: int | None, limit: int
) -> list[Row]:
    """The agreements of which the scope is a side, the newest first.

    Args:
        connection: where.
        scope: whose.
        email: the person's, by which offers find him or her.
        filters: those of ``FILTERS`` that are set, the others None or left out.
        after: the number before the first one.
        limit: how many at most.
    """
    wanted = {name: filters.get(name) for name in FILTERS}
    page = {"email": email, "id": None, "after": after, "limit": limit}
    return await every(connection, QUERIES["agreements"], {**scope.parameters(), **wanted, **page})


async def agreement(connection: Connection, scope: Scope, email: str, number: int) -> Row | None:
    """One agreement, if the scope is a side of it."""
    page = {"email": email, "id": number, "after": None, "limit": 1}
    nothing = dict.fromkeys(FILTERS)
    return await first(connection, QUERIES["agreements"], {**scope.parameters(), **nothing, **page})


async def change_agreement(connection: Connection, number: int, changes: Row) -> bool:
    """Set the columns that ``changes`` names. False where it is no offer any more."""
    parameters = {"id": number, "changes": Jsonb(changes)}
    return await first(connection, QUERIES["change_agreement"], parameters) is not None


async def decide(
    connection: Connection, number: int, decision: Decision, before: str, user_id: int
) -> bool:
    """Accept or refuse, withdraw or revoke.

    Args:
        connection: where.
        number: of the agreement.
        decision: what it is to be.
        before: the decision that it must have.
        user_id: who decides; an offer to an e-mail address becomes this person's.

    Returns:
        Whether it was as it must be.
    """
    parameters = {"id": number, "decision": decision, "before": before, "user_id": user_id}
    return await first(connection, QUERIES["decide"], parameters) is not None


async def warn(connection: Connection) -> list[Row]:
    """Store the warnings that are due; those that are there already stay as they are.

    Returns:
        The new ones, with ``expires_at``, when nobody has to be warned any more.
    """
    return await every(connection, QUERIES["warn"], {"days": list(WARNING_DAYS)})


async def warned(connection: Connection, agreement_id: int) -> list[Row]:
    """Whom a warning concerns: ``email, language`` of those who decide on both sides."""
    return await every(connection, QUERIES["warned"], {"agreement_id": agreement_id})


async def notices(connection: Connection, scope: Scope, after: int | None, limit: int) -> list[Row]:
    """The warnings to both sides of the scope's agreements, the newest first."""
    parameters = {**scope.parameters(), "after": after, "limit": limit}
    return await every(connection, QUERIES["notices"], parameters)
