"""The end of it: what the ledger has is held against what the database has."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import psycopg

from storage.ingest import kept
from tests.faults.ledger import Entries
from tests.faults.messages import UNTIMED, Message, message

READINGS = """
SELECT metric, (extract(epoch FROM ts) * 1000000)::bigint, min(value), count(*)
FROM telemetry WHERE device = %s GROUP BY metric, ts
"""
STATES = """
SELECT s.metric, (extract(epoch FROM t.ts) * 1000000)::bigint, min(t.value #>> '{}'), count(*)
FROM states t JOIN series s ON s.id = t.series_id WHERE s.device_id = %s GROUP BY s.metric, t.ts
"""
# What was sent without a time counts once, however often it is there.
THERE = """
WITH untimed AS (SELECT id FROM series WHERE metric = ANY (%(untimed)s))
SELECT
    (SELECT count(*) FROM readings WHERE series_id NOT IN (SELECT id FROM untimed))
    + (SELECT count(*) FROM states WHERE series_id NOT IN (SELECT id FROM untimed))
    + (SELECT count(DISTINCT (id, value)) FROM readings JOIN untimed ON id = series_id)
    + (SELECT count(DISTINCT (id, value)) FROM states JOIN untimed ON id = series_id),
    (SELECT count(DISTINCT (device_id, payload)) FROM rejections)
"""
REJECTIONS = "SELECT payload, reason, count(*) FROM rejections WHERE device_id = %s GROUP BY 1, 2"

# (metric, µs since 1970) → value and how often it is there.
Found = dict[tuple[str, int], tuple[float | str, int]]
# (metric, value) of what was sent without a time → how often it is there.
Arrived = Counter[tuple[str, float | str]]
# Beginning of a payload → reason → how often.
Refused = dict[bytes, Counter[str]]


@dataclass
class Account:
    """The counts of messages, and every difference by name.

    Attributes:
        stored: messages that are in the database as a whole, once.
        rejected: messages of which the expected part, or all, is among the rejections.
        repeated: rejections that are there again, because the broker sent the message again.
        again: values without a time of their own that are there again, for the same reason.
        lost: acknowledged, but not in the database, or not all of it.
        twice: readings and states with a time of their own that are there more than once.
        strange: everything else that ought not to be.
    """

    acknowledged: int = 0
    stored: int = 0
    rejected: int = 0
    repeated: int = 0
    again: int = 0
    lost: list[str] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)
    strange: list[str] = field(default_factory=list)

    @property
    def differences(self) -> list[str]:
        return [
            f"{kind}: {what}"
            for kind, names in (
                ("lost", self.lost), ("twice", self.twice), ("strange", self.strange),
            )
            for what in names
        ]  # fmt: skip

    def line(self, kills: int, seed: int) -> str:
        return (
            f"kills={kills} acknowledged={self.acknowledged} stored={self.stored} "
            f"rejected={self.rejected} lost={len(self.lost)} twice={len(self.twice)} seed={seed}"
        )

    def check(
        self,
        connection: psycopg.Connection,
        device: str,
        digests: Mapping[int, str],
        unanswered: Collection[int],
        t0: int,
    ) -> None:
        """Hold the entries of one device against its rows.

        Args:
            connection: of the platform's database.
            device: its id.
            digests: number to hash, of all that was acknowledged.
            unanswered: numbers of what was sent and never acknowledged: it may be stored or not.
            t0: see ``messages.message``.
        """
        found, arrived = rows_of(connection, device)
        refused = rejections_of(connection, device)
        self.again += arrived.total() - len(arrived)
        self.twice += [f"{device} {key}, {n} times" for key, (_, n) in found.items() if n > 1]
        self.repeated += sum(sum(reasons.values()) - len(reasons) for reasons in refused.values())
        for number, digest in digests.items():
            sent = message(device, number, t0)
            assert sent.digest == digest, f"{device} {number}: the ledger has another message"
            self.judge(f"{device} {number}", sent, found, arrived, refused)
        for number in unanswered:
            self.strange.append(f"{device} {number} was never acknowledged")
            forget(message(device, number, t0), found, arrived, refused)
        self.strange += [
            f"{device} {key} was never sent, but is stored" for key in (*found, *arrived)
        ]
        self.strange += [f"{device} {payload[:60]!r} was never sent" for payload in refused]

    def judge(
        self, name: str, sent: Message, found: Found, arrived: Arrived, refused: Refused
    ) -> None:
        """What became of one acknowledged message."""
        self.acknowledged += 1
        missing = [
            *(key for key, value in sent.stored.items() if found.get(key, (None, 0))[0] != value),
            *(key for key in sent.arrived.items() if not arrived[key]),
        ]
        expected = {str(sent.reason)} if sent.reason else set()
        reasons = set(refused.get(kept(sent.payload), ()))
        if reasons - expected:
            self.strange.append(f"{name} is rejected as {', '.join(sorted(reasons - expected))}")
        elif missing or reasons != expected:
            self.lost.append(
                f"{name}: {len(missing)} of {sent.values} values are missing; "
                f"rejected as {sorted(reasons)}, expected {sorted(expected)}"
            )
        elif expected:
            self.rejected += 1
        else:
            self.stored += 1
        forget(sent, found, arrived, refused)


def forget(sent: Message, found: Found, arrived: Arrived, refused: Refused) -> None:
    """Take the rows of a message away: what remains at the end belongs to none."""
    for key in sent.stored:
        found.pop(key, None)
    for metric, value in sent.arrived.items():
        arrived.pop((metric, value), None)
    refused.pop(kept(sent.payload), None)


def rows_of(connection: psycopg.Connection, device: str) -> tuple[Found, Arrived]:
    """Readings and states of a device, those with a time of their own and those without."""
    found: Found = {}
    arrived: Arrived = Counter()
    for query in (READINGS, STATES):
        for metric, ts, value, count in connection.execute(query, [device]):
            if metric in UNTIMED:
                arrived[metric, value] += count
            else:
                found[metric, ts] = (value, count)
    return found, arrived


def rejections_of(connection: psycopg.Connection, device: str) -> Refused:
    refused: Refused = defaultdict(Counter)
    for payload, reason, count in connection.execute(REJECTIONS, [device]):
        refused[payload][reason] = count
    return dict(refused)


def promised(entries: Entries, t0: int) -> tuple[int, int]:
    """How many values, and how many rejected messages, the database owes to the ledger."""
    values = rejected = 0
    for device, numbers in entries.items():
        for number in numbers:
            sent = message(device, number, t0)
            values += sent.values
            rejected += sent.reason is not None
    return values, rejected


def there(connection: psycopg.Connection) -> tuple[int, int]:
    """How many of both are there. It counts, and compares nothing."""
    row = connection.execute(THERE, {"untimed": list(UNTIMED)}).fetchone()
    assert row
    return row[0], row[1]
