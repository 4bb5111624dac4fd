"""What a fleet publishes, and when.

A player is a generator: it offers messages to a fleet, and yields the time at which it wants to go
on, in seconds since 1970. So any number of them shares one thread, and each keeps its own time.
"""

from __future__ import annotations

import heapq
import math
import time
from collections.abc import Callable, Iterator, Sequence

from simulators.crew import Crew
from simulators.device import Message
from simulators.fleet import Fleet
from simulators.recording import Row

Clock = Callable[[], float]
Player = Iterator[float]
REPORT_SECONDS = 1.0
DRAIN_SECONDS = 5.0
# The longest turn: a signal or a stop is noticed after so long.
TURN_SECONDS = 0.1
# Where a player waits for room, it looks again after so long.
ROOM_SECONDS = 0.01
# What is due for longer than this, or than two intervals, is not made up for, but counted.
PATIENCE_SECONDS = 1.0
# Readings in a message of the past: about 50 KB.
BATCH = 1000
# Such large messages that a device has waiting, so that they do not fill the memory.
LARGE_AT_ONCE = 4


def live(
    fleet: Fleet,
    crew: Crew,
    *,
    begin: float | None = None,
    phase: float = 0.0,
    speed: float = 1.0,
    clock: Clock = time.time,
) -> Player:
    """Publish what a crew measures at the multiples of its intervals, without end.

    What could not be produced in time is counted in the fleet's pace. Nothing is published before
    the time that it is stamped with: simulated time that reaches the present goes on at the pace
    of life.

    Args:
        fleet: has the crew's devices.
        crew: publishes.
        begin: simulated time at the start, in seconds since 1970; None: the present.
        phase: seconds after the moment of its values at which a message is published, so that not
            all crews of a large fleet do so at once.
        speed: simulated seconds in a second.
        clock: seconds since 1970.
    """
    crew.warm_up(round((clock() if begin is None else begin) * 1000) - 1)
    started = clock()
    first = started if begin is None else begin
    ts = round(first * 1000) - 1
    while True:
        ts = crew.following(ts)
        due = max(started + (ts / 1000 - first) / speed, ts / 1000) + phase
        yield due
        late = clock() - due
        fleet.pace.note(late)
        if late > max(PATIENCE_SECONDS, 2 * crew.shortest / speed):
            fleet.pace.missed += len(crew.due(ts))
        else:
            crew.publish(fleet, ts, speed)


def past(fleet: Fleet, crew: Crew, begin: float, end: float, interval: float) -> Player:
    """Publish what a crew measured between two times, in few large messages, as fast as they go.

    Args:
        fleet: has the crew's devices.
        crew: publishes.
        begin: in seconds since 1970.
        end: likewise.
        interval: seconds between two readings.
    """
    step = round(interval * 1000)
    first = math.ceil(begin * 1000 / step) * step
    for portion in crew.batches(first, round(end * 1000) - 1, step, BATCH):
        for device_id, message in portion:
            device = fleet.devices[device_id]
            while device.outstanding >= LARGE_AT_ONCE and device.refused is None:
                yield time.time() + ROOM_SECONDS
            fleet.offer(device_id, message)
        yield time.time()


def history(
    fleet: Fleet, crew: Crew, begin: float, interval: float, clock: Clock = time.time
) -> Player:
    """Publish the past since ``begin`` until it has caught up with the present.

    What becomes past while the rest is sent is sent as well; the crew's live readings go on there.
    """
    end = clock()
    yield from past(fleet, crew, begin, end, interval)
    while clock() - end > 2 * interval:
        begin, end = end, clock()
        yield from past(fleet, crew, begin, end, interval)


def limited(player: Player, seconds: float, clock: Clock = time.time) -> Player:
    """A player that ends so many seconds after it began."""
    end = clock() + seconds
    for due in player:
        if due > end:
            return
        yield due


def replay(
    fleet: Fleet, device_id: str, rows: Sequence[Row], speed: float, clock: Clock = time.time
) -> Player:
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
        if due > clock():
            yield due
        while not device.has_room and device.refused is None:
            yield clock() + ROOM_SECONDS
        fleet.offer(device_id, Message.reading(round(row.time * 1000), row.values))


def blackouts(fleet: Fleet, every: float, clock: Clock = time.time) -> Player:
    """Cut all connections at once, now and then: the devices come back as a storm."""
    due = clock()
    while True:
        due += every
        yield due
        for device_id in fleet.devices:
            fleet.cut(device_id)


def run(
    fleet: Fleet,
    players: Sequence[Player],
    *,
    seconds: float | None = None,
    stop: Callable[[], bool] = lambda: False,
    report: Callable[[], None] = lambda: None,
    drain: float = DRAIN_SECONDS,
) -> None:
    """Connect a fleet, let players feed it, wait for the last acknowledgements, and leave.

    Args:
        fleet: is not connected yet.
        players: what is published.
        seconds: after which it ends; None: when the players do.
        stop: ends it as soon as it returns true.
        report: called every second.
        drain: seconds that the last acknowledgements may take.
    """
    ends = time.monotonic() + (math.inf if seconds is None else seconds)
    reporting = repeatedly(REPORT_SECONDS, report)
    with fleet:
        schedule = first_turns(players)
        while schedule and not (stop() or fleet.all_refused) and time.monotonic() < ends:
            fleet.turn(min(schedule[0][0] - time.time(), ends - time.monotonic(), TURN_SECONDS))
            next(reporting)
            advance(schedule)
        ends = time.monotonic() + drain
        while not fleet.settled and time.monotonic() < ends:
            fleet.turn(TURN_SECONDS)
            next(reporting)


Schedule = list[tuple[float, int, Player]]


def first_turns(players: Sequence[Player]) -> Schedule:
    """When each player wants to begin; those that have nothing to do are left out."""
    starts = [(next(player, None), number, player) for number, player in enumerate(players)]
    schedule = [(due, number, player) for due, number, player in starts if due is not None]
    heapq.heapify(schedule)
    return schedule


def advance(schedule: Schedule) -> None:
    """Let the player go on whose time has come first, if it has."""
    due, number, player = schedule[0]
    if due > time.time():
        return
    following = next(player, None)
    if following is None:
        heapq.heappop(schedule)
    else:
        heapq.heapreplace(schedule, (following, number, player))


def repeatedly(seconds: float, action: Callable[[], None]) -> Iterator[None]:
    """Do something at most once in so many seconds, however often it is resumed."""
    due = time.monotonic()
    while True:
        if time.monotonic() >= due:
            due = time.monotonic() + seconds
            action()
        yield
