"""What the functions for the registry share: a connection whose rows are dictionaries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg

Row = dict[str, Any]
Connection = psycopg.AsyncConnection[Row]


@dataclass(frozen=True)
class Scope:
    """Whose things a query may show; every list query filters by it.

    Attributes:
        everything: for administrators.
        tenants: the tenants in which the person has a role.
        parks: the parks in which the person has a role: with their home tenants and with the
            devices in their labs.
        user_id: the person, who may read by agreements of his or her own; 0: nobody.
        has_passes: whether there ever was such an agreement; without one, lists need not look.
    """

    everything: bool = False
    tenants: tuple[str, ...] = ()
    parks: tuple[str, ...] = ()
    user_id: int = 0
    has_passes: bool = False

    def covers(self, thing: Row) -> bool:
        """Whether a thing is in the scope, by its ``tenant_id``, ``park_id`` and ``parks``."""
        places = {thing.get("park_id"), *thing.get("parks", ())}
        return (
            self.everything
            or thing.get("tenant_id") in self.tenants
            or not places.isdisjoint(self.parks)
        )

    def parameters(self) -> Row:
        """The parameters by which the queries know the scope."""
        return {
            "everything": self.everything,
            "tenants": [*self.tenants, *self.person],
            "parks": list(self.parks),
            "kinds": [kind for kind, _ in self.viewers],
            "viewers": [viewer for _, viewer in self.viewers],
        }

    @property
    def viewers(self) -> list[tuple[str, str]]:
        """Kind and viewer of each way in which the person looks, as in the viewers' views."""
        if self.everything:
            return [("platform", "")]
        person = self.person if self.has_passes else ()
        tenants = [("tenant", tenant) for tenant in (*self.tenants, *person)]
        return tenants + [("park", park) for park in self.parks]

    @property
    def person(self) -> tuple[str, ...]:
        """The person as one more name among the tenants; no tenant's id has a colon."""
        return (f"user:{self.user_id}",) if self.user_id else ()


async def first(connection: Connection, query: bytes, parameters: Row) -> Row | None:
    """The first row; None where there is none."""
    return await (await connection.execute(query, parameters)).fetchone()


async def only(connection: Connection, query: bytes, parameters: Row) -> Row:
    """The row of a statement that always gives one.

    Raises:
        LookupError: it gave none after all.
    """
    row = await first(connection, query, parameters)
    if row is None:
        raise LookupError("the statement gave no row")
    return row


async def every(connection: Connection, query: bytes, parameters: Row) -> list[Row]:
    """All rows."""
    return await (await connection.execute(query, parameters)).fetchall()


async def planned(connection: Connection, query: bytes, parameters: Row) -> list[Row]:
    """All rows of a query with filters that may be null: planned anew for those that are not.

    A prepared plan would have to serve every filter at once, and use the index of none.
    """
    return await (await connection.execute(query, parameters, prepare=False)).fetchall()


async def seen(connection: Connection, query: bytes, scope: Scope, parameters: Row) -> list[Row]:
    """The first rows, in the order of ids, of what the viewers of a scope see.

    A person has few viewers; each has a plan of its own, from which nobody else's rows can be read.

    Args:
        connection: where.
        query: with the parameters ``kind``, ``viewer`` and ``limit``; its rows are in order.
        scope: whose.
        parameters: the others.
    """
    rows: dict[str, Row] = {}
    for kind, viewer in scope.viewers:
        page = {**parameters, "kind": kind, "viewer": viewer}
        rows |= {row["id"]: row for row in await planned(connection, query, page)}
    return [rows[id_] for id_ in sorted(rows)[: parameters["limit"]]]
