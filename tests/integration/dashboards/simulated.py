"""A world of simulated devices: two of each kind that has a dashboard of its own, over two days.

Use it by a fixture of a module; it takes some seconds::

    @pytest.fixture(scope="module")
    def simulated(server: str, template: str) -> Iterator[Simulated]:
        with simulated_world(server, template) as world:
            yield world

    with simulated.session("tenant:sunny") as reader:      # as Grafana's role of the tenant
        reader.execute("SELECT * FROM devices")

or, on any migrated database without data, ``fill(connection, end)``. The tenant ``sunny`` of the
park ``cimahi`` owns ``pv-inverter-1``, ``pv-inverter-2``, ``battery-pack-1`` and so on; ``shady``
owns nothing, and may not see any of it. The newest readings are of ``end`` itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import psycopg
from psycopg.conninfo import make_conninfo

from simulators.kinds import KINDS, Kind, model_of
from simulators.kinds.kind import Values
from simulators.simulation import Simulation
from storage.grafana import Memory
from storage.writer import Readings, store_readings
from tests.conftest import cloned

SEED = 7
DAYS = 2
# Which devices of the seed, and the seconds between two readings, which keep the world small. Of
# the two motors the first has a damaged bearing.
FIELDS = {
    "pv-inverter": ((0, 1), 120),
    "battery-pack": ((0, 1), 120),
    "motor-bench": ((1, 0), 120),
    "air-quality": ((0, 1), 120),
    "e-motorcycle": ((0, 1), 60),
}
# In their last minutes the benches hold a point, as people do who listen to a bearing.
HELD, HELD_MINUTES = {"speed": 2400.0, "torque": 20.0}, 10

PLACES = """
INSERT INTO parks (id, name, time_zone, latitude, longitude)
    VALUES ('cimahi', 'Cimahi', 'Asia/Jakarta', -6.87, 107.54);
INSERT INTO labs (id, park_id, name, kind) VALUES ('rooftop', 'cimahi', 'Rooftop', 'lab');
INSERT INTO tenants (id, name, kind, park_id) VALUES
    ('sunny', 'Sunny Startups', 'startup', 'cimahi'), ('shady', 'Shady', 'startup', 'cimahi');
"""
MODEL = "INSERT INTO models (id, name, description) VALUES (%s, %s, %s)"
METRIC = """
INSERT INTO model_metrics
    (model_id, metric, kind, unit, minimum, maximum, expected_interval_seconds)
VALUES (%(model)s, %(metric)s, %(kind)s, %(unit)s, %(minimum)s, %(maximum)s, %(interval)s)
"""
DEVICE = """
INSERT INTO devices (id, tenant_id, model_id, lab_id, name)
VALUES (%(device)s, 'sunny', %(model)s, 'rooftop', %(name)s)
"""
SERIES = """
INSERT INTO series (device_id, metric, kind, unit)
VALUES (%(device)s, %(metric)s, %(kind)s, %(unit)s) RETURNING id
"""
OWNED = "UPDATE device_owners SET during = tstzrange(%s, NULL)"
SEEN = "INSERT INTO device_activity (device_id, last_seen, online) SELECT id, %s, true FROM devices"


@dataclass(frozen=True)
class Simulated:
    """The world in its database.

    Attributes:
        connection: of the owner of the database, in autocommit mode.
        url: where it is.
        start: of the readings.
        end: of the readings.
    """

    connection: psycopg.Connection[Any]
    url: str
    start: datetime
    end: datetime

    @contextmanager
    def session(self, key: str) -> Iterator[psycopg.Connection[Any]]:
        """A session as Grafana's role of ``tenant:sunny``, ``park:cimahi`` or ``operators``."""
        role, password = Memory(self.connection).set_password(key)
        login = make_conninfo(self.url, user=role, password=password)
        with psycopg.connect(login, autocommit=True) as opened:
            yield opened


@contextmanager
def simulated_world(server: str, template: str, end: datetime | None = None) -> Iterator[Simulated]:
    """A database of its own with the world in it; gone afterwards.

    Args:
        server: a running PostgreSQL, as the fixture of that name gives it.
        template: the name of a migrated database.
        end: of the readings; by default the minute that is over.
    """
    end = end or datetime.now(UTC).replace(second=0, microsecond=0)
    with (
        cloned(server, template) as url,
        psycopg.connect(url, autocommit=True) as connection,
    ):
        fill(connection, end)
        yield Simulated(connection, url, end - timedelta(days=DAYS), end)


def fill(connection: psycopg.Connection[Any], end: datetime, slower: int = 1) -> None:
    """Write the world into a migrated database without data.

    Args:
        connection: in autocommit mode.
        end: of the readings.
        slower: how many times as long the time between two readings is.
    """
    connection.execute(PLACES.encode())
    for kind, (numbers, interval) in FIELDS.items():
        seconds = interval * slower
        series = register(connection, KINDS[kind], len(numbers), seconds)
        for readings in history(Simulation(KINDS[kind], numbers, SEED), series, end, seconds):
            store_readings(connection, readings)
    connection.execute(OWNED, [end - timedelta(days=DAYS + 1)])
    connection.execute(SEEN, [end])
    connection.execute("ANALYZE readings")


def register(
    connection: psycopg.Connection[Any], kind: Kind[Any], devices: int, seconds: float
) -> dict[str, list[int]]:
    """Register a kind's model and devices.

    Returns:
        Of each metric the numbers of the devices' series.
    """
    model = model_of(kind)
    connection.execute(MODEL, [kind.id, kind.name, kind.description])
    for metric in model["metrics"]:
        interval = seconds if "expected_interval_seconds" in metric else None
        connection.execute(METRIC, {**metric, "model": kind.id, "interval": interval})
    series: dict[str, list[int]] = {metric["metric"]: [] for metric in model["metrics"]}
    for number in range(1, devices + 1):
        device = {"device": f"{kind.id}-{number}", "model": kind.id}
        connection.execute(DEVICE, {**device, "name": f"{kind.name} {number}"})
        for metric in model["metrics"]:
            row = connection.execute(SERIES, {**device, **metric}).fetchone()
            assert row
            series[metric["metric"]].append(row[0])
    return series


def history(
    simulation: Simulation[Any], series: dict[str, list[int]], end: datetime, seconds: int
) -> Iterator[Readings]:
    """The readings of the devices: their history, and a second of what is sampled fast."""
    last, step = round(end.timestamp() * 1000), seconds * 1000
    begin, held = last - DAYS * 86_400_000 + step, last - HELD_MINUTES * 60_000
    is_bench = "hold" in {command.name for command in simulation.kind.commands}
    for first, until in ((begin, held - step), (held, last)):
        if is_bench and first == held:
            for index in range(simulation.numbers.size):
                simulation.command(index, "hold", HELD)
        for ts, values in simulation.blocks(first, until, step):
            yield columns(series, ts * 1000, values)
    for form in simulation.kind.waveforms:
        wave = simulation.waveform(form.metric, 1)
        ts = np.rint((wave.t0 + np.arange(wave.values.shape[1]) * wave.dt) * 1000).astype(np.int64)
        yield columns(series, ts, {form.metric: wave.values})


def columns(series: dict[str, list[int]], ts: np.ndarray[Any, Any], values: Values) -> Readings:
    """Values (n, T) of each metric, one under the other; ``ts`` (T,) in µs since 1970."""
    ids: Sequence[int] = [number for metric in values for number in series[metric]]
    return Readings(
        np.repeat(np.array(ids, np.int32), ts.size),
        np.tile(ts, len(ids)),
        np.concatenate([each.ravel() for each in values.values()]),
    )
