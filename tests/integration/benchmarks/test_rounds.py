"""The account of a long load finds what is missing, what is there twice and what comes late."""

from array import array

import psycopg
import pytest

from benchmarks import rounds
from benchmarks.load import METRICS
from benchmarks.rounds import Books
from benchmarks.senders import STEP, Progress

SENDERS = ("soak0", "soak1")


@pytest.fixture
def books(connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch) -> Books:
    """Two senders with a device each."""
    monkeypatch.setattr(rounds, "GRACE_SECONDS", 0.0)
    connection.execute("INSERT INTO tenants (id, name, kind) VALUES ('acme', 'A', 'startup')")
    for sender in SENDERS:
        device = f"{sender}-00000"
        connection.execute(
            "INSERT INTO devices (id, tenant_id, name) VALUES (%s, 'acme', 'd')", [device]
        )
        connection.execute(
            "INSERT INTO series (device_id, metric, kind) SELECT %s, unnest(%s::text[]), 'number'",
            [device, list(METRICS)],
        )
    return Books()


def store(connection: psycopg.Connection, sender: str, numbers: range, hour: int = 0) -> None:
    """The readings of the messages with these numbers."""
    connection.execute(
        "INSERT INTO readings "
        "SELECT series.id, to_timestamp(1767225600 + %s * 3600 + number),"
        " number + (rank() OVER (PARTITION BY number ORDER BY series.id) - 1) * %s "
        "FROM series, unnest(%s::int[]) AS number WHERE device_id = %s",
        [hour, STEP, list(numbers), f"{sender}-00000"],
    )


def sent(*counts: int) -> list[Progress]:
    return [
        Progress(name, count, 0, array("q")) for name, count in zip(SENDERS, counts, strict=True)
    ]


def test_what_is_all_there_is_neither_lost_nor_twice(
    connection: psycopg.Connection, books: Books
) -> None:
    store(connection, "soak0", range(10))
    store(connection, "soak1", range(20))
    books.account(connection, sent(10, 20))
    assert (books.messages, books.lost, books.twice, books.again) == (30, 0, 0, 0)
    assert books.chunks == [1]


def test_what_is_missing_is_counted_by_value_and_named_by_message(
    connection: psycopg.Connection, books: Books
) -> None:
    store(connection, "soak0", range(8))
    store(connection, "soak1", range(20))
    books.account(connection, sent(10, 20))
    assert books.lost == 2 * len(METRICS)
    assert books.missing == ["soak0 8", "soak0 9"]


def test_a_sender_of_whom_nothing_came_is_lost_as_well(
    connection: psycopg.Connection, books: Books
) -> None:
    store(connection, "soak0", range(10))
    books.account(connection, sent(10, 3))
    assert books.lost == 3 * len(METRICS)


def test_a_copy_under_another_time_makes_up_for_nothing(
    connection: psycopg.Connection, books: Books
) -> None:
    store(connection, "soak0", range(9))
    store(connection, "soak0", range(1), hour=1)
    books.account(connection, sent(10, 0))
    assert (books.lost, books.twice) == (len(METRICS), len(METRICS))


def test_what_comes_after_its_round_is_no_part_of_the_next(
    connection: psycopg.Connection, books: Books
) -> None:
    store(connection, "soak0", range(10))
    books.account(connection, sent(10, 0))
    connection.execute("TRUNCATE readings")
    store(connection, "soak0", range(9, 20))
    books.account(connection, sent(20, 0))
    assert (books.messages, books.lost, books.twice) == (20, 0, 0)
    assert books.again == len(METRICS)
