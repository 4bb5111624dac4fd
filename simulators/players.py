"""What a fleet publishes, and when: live signals, or a recording at its own speed."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from simulators.fleet import Fleet, cancelled
from simulators.recording import Row
from simulators.simulation import Simulation

Clock = Callable[[], float]
REPORT_SECONDS = 1.0
DRAIN_SECONDS = 5.0


@dataclass(frozen=True)
class Crew:
    """Devices of a fleet and the simulation whose rows they publish, in the same order."""

    simulation: Simulation[Any]
    device_ids: Sequence[str]


async def simulate(
    fleet: Fleet, crews: Sequence[Crew], interval: float, clock: Clock = time.time
) -> None:
    """Publish what the crews measure at every multiple of ``interval`` seconds, without end."""
    tick = math.ceil(clock() / interval)
    while True:
        # The values are those of the moment that is sent, which has milliseconds.
        ts = round(tick * interval * 1000)
        now = ts / 1000
        await asyncio.sleep(max(0.0, now - clock()))
        for crew in crews:
            for device_id, values in zip(
                crew.device_ids, crew.simulation.messages(ts), strict=True
            ):
                fleet.offer(device_id, ts, values)
        tick += 1


async def replay(
    fleet: Fleet, device_id: str, rows: Sequence[Row], speed: float, clock: Clock = time.time
) -> None:
    """Publish a recording, ``speed`` times as fast as it was recorded.

    A row is never published before the time that it is stamped with: a recording that reaches the
    present goes on at the pace of life. The recording waits while the device has no room for more.

    Args:
        fleet: has the device.
        device_id: publishes the rows.
        rows: in the order of time.
        speed: recorded seconds in a second.
        clock: seconds since 1970.
    """
    device = fleet.devices[device_id]
    started = clock()
    for row in rows:
        due = max(started + (row.time - rows[0].time) / speed, row.time)
        await asyncio.sleep(max(0.0, due - clock()))
        await device.until_room()
        fleet.offer(device_id, round(row.time * 1000), row.values)


async def run(
    fleet: Fleet,
    player: Coroutine[Any, Any, None],
    *,
    seconds: float | None = None,
    stop: asyncio.Event | None = None,
    report: Callable[[], None] = lambda: None,
) -> None:
    """Connect a fleet, let ``player`` feed it, wait for the last acknowledgements, and leave.

    Args:
        fleet: is not running yet.
        player: what is published.
        seconds: after which it ends; None: when ``player`` does.
        stop: ends it when it is set.
        report: called every second while it runs.
    """
    async with fleet.running():
        reporter = asyncio.create_task(every(REPORT_SECONDS, report))
        ends = [
            asyncio.create_task(player),
            asyncio.create_task(fleet.all_refused()),
            asyncio.create_task((stop or asyncio.Event()).wait()),
        ]
        try:
            await asyncio.wait(ends, timeout=seconds, return_when="FIRST_COMPLETED")
            await cancelled(*ends)
            await fleet.drained(DRAIN_SECONDS)
        finally:
            await cancelled(reporter, *ends)


async def every(seconds: float, report: Callable[[], None]) -> None:
    """Call ``report`` now and then, without end."""
    while True:
        report()
        await asyncio.sleep(seconds)
