"""What was not stored of the devices' messages, and what it takes to replay it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from storage import queries
from storage.rows import Connection, Row, Scope, every, only

QUERIES = queries.load("registry_rejections")
# Bounds for a range without ends. A server whose clock was wrong may have noted any arrival.
BEGINNING = datetime.min.replace(tzinfo=UTC)
END = datetime.max.replace(tzinfo=UTC)
# How many devices a summary names for each reason.
MOST = 5


@dataclass(frozen=True)
class Filter:
    """Which rejections.

    Attributes:
        reason: only these.
        start: none that arrived before.
        end: none that arrived then or later.
        replayed: only those that were replayed, or only the open ones; None: both.
    """

    reason: str | None = None
    start: datetime | None = None
    end: datetime | None = None
    replayed: bool | None = None

    def parameters(self) -> Row:
        """The parameters by which the queries know the filter."""
        return {
            "reason": self.reason,
            "start": self.start or BEGINNING,
            "end": self.end or END,
            "replayed": self.replayed,
        }


@dataclass(frozen=True)
class Selection:
    """Which messages of a device are to be replayed.

    Attributes:
        device_id: whose.
        scope: who replays them; only what came while it held the device.
        topics: on which a message can be sent again.
        filter: of their rejections.
    """

    device_id: str
    scope: Scope
    topics: Sequence[str]
    filter: Filter

    def parameters(self) -> Row:
        """The parameters by which the queries know the selection."""
        return {
            **self.filter.parameters(),
            **self.scope.parameters(),
            "device_id": self.device_id,
            "topics": list(self.topics),
            # The open ones, or all.
            "include_replayed": self.filter.replayed is None,
        }


async def device_rejections(
    connection: Connection,
    scope: Scope,
    device_id: str,
    wanted: Filter,
    after: tuple[datetime, int] | None,
    limit: int,
) -> list[Row]:
    """What was not stored of a device's messages, the newest first.

    Args:
        connection: where.
        scope: only what came while it held the device.
        device_id: whose.
        wanted: which of them.
        after: time and id of the rejection before the first one.
        limit: how many at most.

    Returns:
        ``id, ts, device_id, topic, reason, detail, content_type, size, replayed_at, payload,
        whole``; the payload is its first 1,024 bytes, and ``whole`` tells whether all of it is
        kept.
    """
    parameters = {**scope.parameters(), **wanted.parameters(), **position(after)}
    return await every(
        connection,
        QUERIES["device_rejections"],
        {**parameters, "device_id": device_id, "limit": limit},
    )


async def rejections(
    connection: Connection,
    scope: Scope,
    tenant_id: str | None,
    park_id: str | None,
    wanted: Filter,
    after: tuple[datetime, int] | None,
    limit: int,
) -> list[Row]:
    """What was not stored of the messages of all devices of the scope, the newest first.

    Returns:
        As for one device.
    """
    place = {"tenant_id": tenant_id, "park_id": park_id}
    parameters = {**scope.parameters(), **place, **wanted.parameters(), **position(after)}
    return await every(connection, QUERIES["rejections"], {**parameters, "limit": limit})


def position(after: tuple[datetime, int] | None) -> Row:
    """The parameters that say where a page begins."""
    ts, number = after or (None, None)
    return {"after_ts": ts, "after_id": number}


async def summary(
    connection: Connection,
    scope: Scope,
    tenant_id: str | None,
    park_id: str | None,
    start: datetime,
    end: datetime,
) -> list[Row]:
    """How many rejections there are of each reason, the most frequent first.

    Returns:
        ``reason, count, open, devices, newest, most``: the last has ``device_id`` and ``count`` of
        the ``MOST`` devices with the most of them.
    """
    place = {"tenant_id": tenant_id, "park_id": park_id, "start": start, "end": end, "most": MOST}
    return await every(connection, QUERIES["summary"], {**scope.parameters(), **place})


async def messages(
    connection: Connection,
    selection: Selection,
    after: tuple[datetime, str] | None,
    limit: int,
) -> list[Row]:
    """The messages of a selection in the order of their arrival.

    Args:
        connection: where.
        selection: which.
        after: arrival and topic of the message before the first one.
        limit: how many at most.

    Returns:
        ``ts, topic, content_type, arrival, again, whole, payload``: the arrival in µs since 1970;
        ``again``, whether the topic is one of the selection's; ``whole``, whether all of the
        payload is kept. The payload is None unless both hold.
    """
    ts, topic = after or (None, None)
    place = {"after_ts": ts, "after_topic": topic, "limit": limit}
    return await every(connection, QUERIES["messages"], {**selection.parameters(), **place})


async def count_messages(
    connection: Connection, selection: Selection, after: tuple[datetime, str]
) -> int:
    """How many messages of the selection come after one."""
    place = {"after_ts": after[0], "after_topic": after[1]}
    row = await only(connection, QUERIES["count_messages"], {**selection.parameters(), **place})
    return int(row["messages"])


async def refusals(connection: Connection, device_id: str, picked: Sequence[Row]) -> list[Row]:
    """The rows of all rejections of the messages, as they are now.

    To be read before the messages are sent again: ``mark_replayed`` takes what is returned.
    """
    if not picked:
        return []
    ts = [message["ts"] for message in picked]
    parameters = {"ts": ts, "topics": [message["topic"] for message in picked]}
    return await every(
        connection,
        QUERIES["refusals"],
        {**parameters, "device_id": device_id, "first": min(ts), "last": max(ts)},
    )


async def mark_replayed(connection: Connection, device_id: str, rows: Sequence[Row]) -> None:
    """Note that rejections were replayed, but not of those that came anew since."""
    if not rows:
        return
    ts = [row["ts"] for row in rows]
    parameters = {
        "ids": [row["id"] for row in rows],
        "ts": ts,
        "refusals": [row["refusals"] for row in rows],
    }
    await connection.execute(
        QUERIES["mark_replayed"],
        {**parameters, "device_id": device_id, "first": min(ts), "last": max(ts)},
    )
