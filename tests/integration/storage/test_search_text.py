"""The text by which a device is found has its model's name also when two things happen at once."""

import threading
from collections.abc import Callable

import psycopg
import pytest

from tests.parts import wait_until

WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND pid = %s"
RENAME = "UPDATE models SET name = 'Wechselrichter' WHERE id = 'pv'"
ASSIGN = "UPDATE devices SET model_id = 'pv' WHERE id = 'roof-1'"
MOVE = "UPDATE devices SET model_id = 'other' WHERE id = 'roof-1'"
NAME = "UPDATE devices SET name = 'Rooftop' WHERE id = 'roof-1'"


@pytest.fixture
def device(connection: psycopg.Connection) -> None:
    """A device of a model, and another model."""
    connection.execute(
        """
        INSERT INTO tenants (id, name, kind) VALUES ('sunny', 'Sunny', 'startup');
        INSERT INTO models (id, name) VALUES ('pv', 'Inverter'), ('other', 'Meter');
        INSERT INTO devices (id, tenant_id, name, model_id)
        VALUES ('roof-1', 'sunny', 'Roof', 'other');
        """
    )


@pytest.mark.parametrize(
    ("before", "first", "second", "text"),
    [
        (MOVE, RENAME, ASSIGN, "roof-1 roof wechselrichter"),
        (MOVE, ASSIGN, RENAME, "roof-1 roof wechselrichter"),
        (ASSIGN, RENAME, NAME, "roof-1 rooftop wechselrichter"),
        (ASSIGN, NAME, RENAME, "roof-1 rooftop wechselrichter"),
        (ASSIGN, RENAME, MOVE, "roof-1 roof meter"),
        (ASSIGN, MOVE, RENAME, "roof-1 roof meter"),
    ],
    ids=["assigned", "assigned first", "named", "named first", "moved", "moved first"],
)
@pytest.mark.usefixtures("device")
def test_a_model_is_renamed_while_a_device_of_it_changes(
    connection: psycopg.Connection,
    database_url: str,
    before: str,
    first: str,
    second: str,
    text: str,
) -> None:
    connection.execute(before)
    with (
        psycopg.connect(database_url) as one,
        psycopg.connect(database_url, autocommit=True) as other,
    ):
        one.execute(first)
        doing = threading.Thread(target=other.execute, args=[second])
        doing.start()
        wait_until(waits_or_ended(connection, other, doing), "the second to wait, or to end")
        one.commit()
        doing.join(10)
    assert found(connection) == text


def waits_or_ended(
    connection: psycopg.Connection, other: psycopg.Connection, doing: threading.Thread
) -> Callable[[], bool]:
    """Whether the other connection waits for a lock, or has done its work."""
    pid = other.info.backend_pid

    def holds() -> bool:
        [count] = connection.execute(WAITING, [pid]).fetchone() or [0]
        return bool(count) or not doing.is_alive()

    return holds


def found(connection: psycopg.Connection) -> str:
    """The words by which the device is found."""
    [text] = connection.execute("SELECT text FROM device_search").fetchone() or [""]
    return " ".join(text.split())
