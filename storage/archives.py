"""Tenants as a whole: what an archive takes along, and the storing of one. Not for asyncio.

Each piece of work has a connection of its own, in autocommit mode; ``opened`` gives it.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from typing import Any

import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from storage import exports, queries
from storage.rows import Row
from storage.streams import Table
from storage.telemetry_queries import BEGINNING, END

QUERIES = queries.load("archives")
Connection = psycopg.Connection
PORTION = 1000


@contextmanager
def opened(url: str, actor: Row) -> Iterator[Connection]:
    """A connection on which somebody acts, whom the audit log names: see ``storage.audit.act``."""
    with psycopg.connect(
        url,
        autocommit=True,
        options="-c timezone=UTC",
        application_name="technopark-archive",
    ) as connection:
        connection.execute(QUERIES["act"], {"actor": json.dumps(actor)})
        yield connection


def begin_archive(connection: Connection, tenant_id: str) -> Row:
    """Note that the tenant's data leave: ``id, made_at``."""
    return only(connection, "begin_archive", {"tenant_id": tenant_id})


def tenant(connection: Connection, tenant_id: str) -> Row:
    """``id, name, kind, park``; the park is None, or has ``id, name, time_zone``."""
    return only(connection, "tenant", {"tenant_id": tenant_id})


def models(connection: Connection, tenant_id: str) -> list[Row]:
    """``id, platform, name, description, metrics`` of the models that belong to the tenant."""
    return every(connection, "models", {"tenant_id": tenant_id})


def devices(connection: Connection, tenant_id: str) -> Iterator[Row]:
    """``id, owned, held, device`` of each device of which a time is the tenant's, by id.

    ``held`` are pairs of a beginning and an end; ``device`` is None where it is another's now.
    """
    after = ""
    while True:
        page = {"tenant_id": tenant_id, "after": after, "limit": PORTION}
        rows = every(connection, "devices", page)
        yield from rows
        if len(rows) < PORTION:
            return
        after = rows[-1]["id"]


def series(connection: Connection, tenant_id: str) -> list[Row]:
    """The tenant's times of each series, by device, metric and time.

    Returns:
        ``device_id, metric, kind, unit, first_seen, key, start, end``.
    """
    return every(connection, "series", {"tenant_id": tenant_id, "start": BEGINNING, "end": END})


def times(connection: Connection, tenant_id: str) -> list[Row]:
    """The tenant's times of devices: ``device_id, key, start, end``."""
    return every(connection, "times", {"tenant_id": tenant_id, "start": BEGINNING, "end": END})


def days(connection: Connection, table: Table) -> list[date]:
    """The days of which a table may have rows."""
    parameters = {"table": table, "start": BEGINNING, "end": END}
    return [day for (day,) in connection.execute(exports.QUERIES["days"], parameters)]


def lock_import(connection: Connection, source: str) -> bool:
    """Whether nobody else does the same import now; until the connection is closed."""
    return bool(only(connection, "lock_import", {"source": source})["free"])


def earlier_import(connection: Connection, tenant_id: str, kind: str, source: str) -> Row | None:
    """``id, prefix, done, finished_at`` of the same import, if it was begun before."""
    found = every(
        connection, "earlier_import", {"tenant_id": tenant_id, "kind": kind, "source": source}
    )
    return found[0] if found else None


def begin_import(
    connection: Connection, tenant_id: str, kind: str, source: str, prefix: str = ""
) -> Row:
    """Note that an import begins, or goes on: ``id``, and how much of it is ``done``."""
    parameters = {"tenant_id": tenant_id, "kind": kind, "source": source, "prefix": prefix}
    return only(connection, "begin_import", parameters)


def note_done(connection: Connection, import_id: int, done: int) -> None:
    """Note how much is done."""
    connection.execute(QUERIES["note_done"], {"id": import_id, "done": done})


def finish_import(connection: Connection, import_id: int) -> None:
    """Note that everything is done."""
    connection.execute(QUERIES["finish_import"], {"id": import_id})


def devices_there(connection: Connection, tenant_id: str, ids: Collection[str]) -> dict[str, bool]:
    """Those of the ids that devices have: whether it is the tenant's own."""
    rows = every(connection, "devices_there", {"tenant_id": tenant_id, "ids": list(ids)})
    return {row["id"]: row["own"] for row in rows}


def models_there(connection: Connection, tenant_id: str, ids: Collection[str]) -> dict[str, Row]:
    """Those of the ids that models have: ``own, platform, metrics``."""
    rows = every(connection, "models_there", {"tenant_id": tenant_id, "ids": list(ids)})
    return {row["id"]: row for row in rows}


def add_model(connection: Connection, tenant_id: str, model: Row) -> None:
    """Add a model of the tenant, unless it is there: ``id, name, description, metrics``."""
    parameters = {**model, "tenant_id": tenant_id, "metrics": Jsonb(model["metrics"])}
    connection.execute(QUERIES["add_model"], parameters)


def add_devices(connection: Connection, tenant_id: str, new: Sequence[Row]) -> list[str]:
    """Add devices with the times in which they were the tenant's, but for those that are there.

    Returns:
        The ids of those that were added.
    """
    parameters: Row = {"tenant_id": tenant_id, "devices": Jsonb(list(new))}
    ids = [row["id"] for row in every(connection, "add_devices", parameters)]
    connection.execute(QUERIES["forget_periods"], {"ids": ids})
    connection.execute(QUERIES["add_periods"], {**parameters, "ids": ids})
    return ids


def add_series(connection: Connection, new: Sequence[Row]) -> None:
    """Add series, but for those that are there: ``device, metric, kind, unit, first_seen``."""
    names = {"device": "devices", "metric": "metrics", "kind": "kinds", "unit": "units"}
    columns: dict[str, list[Any]] = {
        parameter: [row[name] for row in new] for name, parameter in names.items()
    }
    first_seen = [row["first_seen"] for row in new]
    connection.execute(QUERIES["add_series"], {**columns, "first_seen": first_seen})


def add_rejections(connection: Connection, columns: Row) -> tuple[int, int]:
    """Add rejections, given as columns.

    Returns:
        How many of them were not there, and how many are older than the device's data are kept.
    """
    row = only(connection, "add_rejections", columns)
    return row["stored"], row["expired"]


def every(connection: Connection, query: str, parameters: Row) -> list[Row]:
    """All rows of a named query."""
    cursor = connection.cursor(row_factory=dict_row)
    return cursor.execute(QUERIES[query], parameters).fetchall()


def only(connection: Connection, query: str, parameters: Row) -> Row:
    """The row of a query that always gives one."""
    [row] = every(connection, query, parameters)
    return row
