"""Each fault, sent through the broker and ingest, is what it says that the platform makes of it."""

from __future__ import annotations

import time

import numpy as np
import psycopg

from simulators import KINDS, Simulation, model_of
from simulators.faults import FAULTS, Fault, Frame, deliveries
from tests.integration.conftest import register
from tests.parts import RunningBroker, RunningIngest, wait_until

KIND = KINDS["air-quality"]
# Every slot of a fault that comes now and then; every device where devices are struck.
RATES = {"clock-drift": 1.0}


def struck_frame(fault: Fault) -> Frame:
    """The last four hours of one device, struck: long enough to hold a whole slot of each fault."""
    now = time.time_ns() // 1_000_000
    moments = np.arange(now - 4 * 3_600_000, now - 60_000, 60_000)
    simulation = Simulation(KIND, 1, seed=2)
    return fault(Frame.of(simulation, moments, simulation.over(moments)))


def prepare(connection: psycopg.Connection, devices: list[str]) -> None:
    """Devices with the kind's model."""
    register(connection, *devices)
    connection.execute("INSERT INTO models (id, name) VALUES (%s, %s)", [KIND.id, KIND.name])
    for metric in model_of(KIND)["metrics"]:
        connection.execute(
            "INSERT INTO model_metrics (model_id, metric, kind, unit, minimum, maximum) "
            "VALUES (%s, %s, %s, %s, %s, %s)",
            [KIND.id, *(metric[k] for k in ("metric", "kind", "unit", "minimum", "maximum"))],
        )
    connection.execute("UPDATE devices SET model_id = %s", [KIND.id])


def seed_of(name: str) -> int:
    """A seed by which a fault whose values are flagged has such values at this hour of the day.

    Humidity as a share, for example, is within the range of humidity in percent.
    """
    fault = FAULTS[name]
    return next(
        seed
        for seed in range(5, 99)
        if fault.expects.effect != "flag"
        or leaves_the_range(struck_frame(fault(RATES.get(name, 0.5), seed=seed)))
    )


def leaves_the_range(frame: Frame) -> bool:
    """Whether a value is outside of what the model holds for plausible."""
    return any(
        np.any(
            (frame.values[each.metric] < each.minimum) | (frame.values[each.metric] > each.maximum)
        )
        for each in KIND.signals
    )


def test_every_fault_is_stored_flagged_or_rejected_as_it_says(
    broker: RunningBroker, ingest: RunningIngest, connection: psycopg.Connection
) -> None:
    faults = {
        name: fault(RATES.get(name, 0.5), seed=seed_of(name)) for name, fault in FAULTS.items()
    }
    prepare(connection, list(faults))
    broker.add(*faults)
    frames = {name: struck_frame(fault) for name, fault in faults.items()}
    for name, frame in frames.items():
        with broker.client(name) as client:
            sent = [
                client.publish(f"devices/{name}/telemetry", message.payload, qos=1)
                for message in deliveries(frame)
            ]
            for message in sent:
                message.wait_for_publish(20)
    for name, fault in faults.items():
        frame, struck = frames[name], int(fault.struck[KIND.id].sum())
        assert struck > 0
        refused = struck if fault.expects.effect == "rejection" else 0
        good = (int((frame.copies > 0).sum()) - refused) * len(KIND.signals)
        wait_until(lambda n=name, g=good: stored(connection, n) >= g, f"the readings of {name}")  # type: ignore[misc]
        assert stored(connection, name) == good, name
        expected = {fault.expects.reason: refused} if refused else {}
        wait_until(lambda n=name, r=expected: reasons(connection, n) == r, f"rejections of {name}")  # type: ignore[misc]
        flags = count(connection, "SELECT count(*) FROM flagged_telemetry WHERE device = %s", name)
        assert (flags > 0) == (fault.expects.effect == "flag"), name
    doubled = int(faults["duplicate"].struck[KIND.id].sum()) * len(KIND.signals)
    assert ingest.count("duplicates") == doubled


def stored(connection: psycopg.Connection, device: str) -> int:
    return count(connection, "SELECT count(*) FROM telemetry WHERE device = %s", device)


def count(connection: psycopg.Connection, query: str, device: str) -> int:
    row = connection.execute(query, [device]).fetchone()
    return int(row[0]) if row else 0


def reasons(connection: psycopg.Connection, device: str) -> dict[str, int]:
    rows = connection.execute(
        "SELECT reason, count(*) FROM rejections WHERE device_id = %s GROUP BY reason", [device]
    )
    return dict(rows.fetchall())
