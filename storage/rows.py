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
    """

    everything: bool = False
    tenants: tuple[str, ...] = ()
    parks: tuple[str, ...] = ()
    user_id: int = 0

    def parameters(self) -> Row:
        """The parameters by which the queries know the scope.

        A person is one more name among the tenants; no tenant's id has a colon.
        """
        return {
            "everything": self.everything,
            "tenants": [*self.tenants, f"user:{self.user_id}"],
            "parks": list(self.parks),
        }


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
