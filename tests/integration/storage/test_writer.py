import numpy as np
import psycopg
import pytest
from psycopg import errors

from storage.errors import is_permanent
from storage.ingest import resolve_series, store_states
from storage.writer import Readings, store_readings
from tests.integration.conftest import register

T0 = 1_767_225_600_000_000  # 2026-01-01T00:00:00Z in µs


def readings(*rows: tuple[int, int, float]) -> Readings:
    series, ts, value = zip(*rows, strict=True)
    return Readings(np.array(series, np.int32), np.array(ts, np.int64), np.array(value, np.float64))


@pytest.fixture
def series(connection: psycopg.Connection) -> tuple[int, int]:
    register(connection, "dev-a")
    ids = resolve_series(connection, {("dev-a", "x"): "number", ("dev-a", "y"): "number"})
    x, y = sorted(series.id for series in ids)
    return x, y


def stored(connection: psycopg.Connection) -> list[tuple[int, int, float]]:
    return [
        (s, int(t), v)
        for s, t, v in connection.execute(
            "SELECT series_id, extract(epoch FROM ts) * 1000000, value FROM readings ORDER BY 1, 2"
        )
    ]


def latest(connection: psycopg.Connection) -> list[tuple[float | None, object]]:
    return connection.execute("SELECT value, state FROM latest ORDER BY series_id").fetchall()


def test_readings_come_back_to_the_microsecond_and_bit(
    connection: psycopg.Connection, series: tuple[int, int]
) -> None:
    x, y = series
    rows = [(x, T0 + 1, 0.1), (x, T0 + 2, -1e300), (y, T0, 2**53 + 0.0)]
    assert len(store_readings(connection, readings(*rows))) == 3
    assert stored(connection) == rows


def test_what_is_there_already_is_stored_once_and_counted(
    connection: psycopg.Connection, series: tuple[int, int]
) -> None:
    x, y = series
    store_readings(connection, readings((x, T0, 1.0), (y, T0, 2.0)))
    assert (
        len(store_readings(connection, readings((y, T0, 2.0), (x, T0 + 1, 3.0), (x, T0, 9.0)))) == 1
    )
    assert stored(connection) == [(x, T0, 1.0), (x, T0 + 1, 3.0), (y, T0, 2.0)]


def test_of_two_readings_with_one_key_in_a_batch_the_first_counts(
    connection: psycopg.Connection, series: tuple[int, int]
) -> None:
    x, _ = series
    assert len(store_readings(connection, readings((x, T0, 1.0), (x, T0, 2.0)))) == 1
    assert stored(connection) == [(x, T0, 1.0)]


def test_a_late_reading_never_replaces_a_newer_latest(
    connection: psycopg.Connection, series: tuple[int, int]
) -> None:
    x, _ = series
    store_readings(connection, readings((x, T0 + 10, 10.0), (x, T0 + 5, 5.0)))
    store_readings(connection, readings((x, T0 + 7, 7.0)))
    assert latest(connection) == [(10.0, None)]


def test_the_latest_is_the_newest_in_whatever_order_batches_come(
    connection: psycopg.Connection, series: tuple[int, int]
) -> None:
    random = np.random.default_rng(5)
    times = random.permutation(60).reshape(12, 5)
    for batch in times.tolist():
        store_readings(
            connection, readings(*((x, T0 + t, float(t)) for t in batch for x in series))
        )
        seen = times.ravel()[: times.ravel().tolist().index(batch[-1]) + 1]
        assert latest(connection) == [(float(seen.max()), None)] * 2


def test_the_newest_values_of_many_series_are_kept_in_their_pages(
    connection: psycopg.Connection, series: tuple[int, int]
) -> None:
    """No index is written and no page is added: that is what keeps it cheap."""
    connection.execute(
        "INSERT INTO series (device_id, metric, kind) "
        "SELECT 'dev-a', 'm' || n, 'number' FROM generate_series(1, 3000) n"
    )
    ids = [row[0] for row in connection.execute("SELECT id FROM series ORDER BY id")]
    store_readings(connection, readings(*((x, T0, 0.0) for x in ids)))
    size = "SELECT pg_relation_size('latest')"
    before = connection.execute(size).fetchone()
    store_readings(connection, readings(*((x, T0 + 1, 1.0) for x in ids)))
    assert connection.execute(size).fetchone() == before
    connection.execute("SELECT pg_stat_force_next_flush()")
    counted = connection.execute(
        "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'latest'"
    ).fetchone()
    assert counted == (len(ids), len(ids))


def test_the_latest_of_a_metric_that_changes_its_kind_is_what_came_last(
    connection: psycopg.Connection, series: tuple[int, int]
) -> None:
    x, _ = series
    store_readings(connection, readings((x, T0, 1.0)))
    assert store_states(connection, [(x, T0 + 1, '"off"'), (x, T0 + 1, '"on"')]) == 1
    assert latest(connection) == [(None, "off")]
    store_readings(connection, readings((x, T0 + 2, 2.0)))
    assert latest(connection) == [(2.0, None)]


def test_series_of_an_unknown_device_are_not_made(connection: psycopg.Connection) -> None:
    register(connection, "dev-a")
    ids = resolve_series(connection, {("dev-a", "x"): "number", ("nobody", "x"): "number"})
    assert [(series.device_id, series.metric) for series in ids] == [("dev-a", "x")]


def test_a_series_takes_the_unit_of_the_model(connection: psycopg.Connection) -> None:
    register(connection, "dev-a")
    connection.execute("INSERT INTO models (id, name) VALUES ('probe', 'Probe')")
    connection.execute(
        "INSERT INTO model_metrics (model_id, metric, unit) VALUES ('probe', 'x', 'Cel')"
    )
    connection.execute("UPDATE devices SET model_id = 'probe'")
    resolve_series(connection, {("dev-a", "x"): "number"})
    assert connection.execute("SELECT unit FROM series").fetchall() == [("Cel",)]


def test_nothing_of_a_failed_transaction_remains(
    connection: psycopg.Connection, series: tuple[int, int]
) -> None:
    x, _ = series
    with pytest.raises(errors.ForeignKeyViolation):
        store_readings(connection, readings((x, T0, 1.0), (999_999, T0, 1.0)))
    assert stored(connection) == []


@pytest.mark.parametrize(
    ("error", "permanent"),
    [
        (errors.NumericValueOutOfRange, True),
        (errors.ForeignKeyViolation, True),
        (errors.UntranslatableCharacter, True),
        (errors.DiskFull, False),
        (errors.AdminShutdown, False),
        (errors.SerializationFailure, False),
        (errors.LockNotAvailable, False),
        (errors.UndefinedTable, False),
        (errors.InsufficientPrivilege, False),
        (errors.ReadOnlySqlTransaction, False),
        (psycopg.OperationalError, False),
    ],
)
def test_only_the_datas_own_fault_is_permanent(error: type[psycopg.Error], permanent: bool) -> None:
    assert is_permanent(error()) is permanent
