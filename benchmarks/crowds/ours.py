"""``python -m benchmarks.crowds.ours JOB``: a fleet of simulated meters, values and all."""

from __future__ import annotations

import time

import numpy as np

from benchmarks.crowds import Done, job, tell
from simulators import Address, Company, Fleet, Login
from simulators.players import Schedule, advance, first_turns
from simulators.scenario import of_kinds

PATIENCE_SECONDS = 60.0
TURN_SECONDS = 0.05


def main() -> None:
    """Connect, then publish."""
    todo = job()
    plan = of_kinds(["air-quality"], todo.devices, tenant="crowd", prefix=None, lab=None)
    logins = [Login(name, name) for name in todo.names]
    company = Company(
        plan.scaled(None, todo.interval, None), logins, Address("127.0.0.1", todo.port)
    )
    list(company.warm_up())
    with company.fleet as crowd:
        started = time.monotonic()
        while crowd.came < todo.devices and time.monotonic() < started + PATIENCE_SECONDS:
            crowd.turn(TURN_SECONDS)
        connected = time.monotonic() - started
        schedule = first_turns(company.players())
        # Crews begin one after another within an interval.
        publish(crowd, schedule, 2 * todo.interval)
        before, started, cpu = acknowledged(crowd), time.monotonic(), time.process_time()
        course = publish(crowd, schedule, todo.seconds)
        tell(
            Done(
                connections=sum(device.online for device in crowd.devices.values()),
                connect_s=connected,
                acknowledged=acknowledged(crowd) - before,
                seconds=time.monotonic() - started,
                cpu_s=time.process_time() - cpu,
                pace=slope(course),
            )
        )


def publish(crowd: Fleet, schedule: Schedule, seconds: float) -> list[tuple[float, int]]:
    """Let the crews publish so long.

    Returns:
        How many messages were acknowledged by when, some ten times a second.
    """
    course: list[tuple[float, int]] = []
    now = time.monotonic()
    ends = now + seconds
    while now < ends:
        crowd.turn(min(schedule[0][0] - time.time(), TURN_SECONDS))
        advance(schedule)
        now = time.monotonic()
        if not course or now > course[-1][0] + 2 * TURN_SECONDS:
            course.append((now, acknowledged(crowd)))
    return course


def slope(course: list[tuple[float, int]]) -> float:
    """By how much it grows a second."""
    seconds, count = np.array(course).T
    return float(np.polyfit(seconds, count, 1)[0])


def acknowledged(crowd: Fleet) -> int:
    """Messages of all devices."""
    return sum(device.counts.acknowledged for device in crowd.devices.values())


if __name__ == "__main__":
    main()
