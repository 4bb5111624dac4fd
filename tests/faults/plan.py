"""What happens when, chosen by a seed."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

# One of the processes of the database, by chance.
SESSION = "session"
FILL = "fill the disk"


@dataclass(frozen=True)
class Run:
    """One kill, alone or in the middle of another fault.

    Attributes:
        victim: of ``victims``.
        trouble: of ``troubles``; it begins before the kill and ends after it.
        pause: seconds before the trouble.
        before: seconds from the trouble to the kill.
        after: seconds from the kill to the end of the trouble.
    """

    victim: str
    trouble: str
    pause: float
    before: float
    after: float


def victims(services: Sequence[str]) -> list[str]:
    """Whom kill -9 meets, of a platform that runs these services."""
    return [*services, SESSION]


def troubles(services: Sequence[str], *, disk: bool) -> list[str]:
    """What else is wrong at that moment.

    Args:
        services: what the platform runs.
        disk: whether the database has a disk that may be filled.
    """
    disturbed = [name for name in services if name != "registry"]
    return [
        "nothing", "nothing", "nothing", "lock readings",
        *(f"restart {name}" for name in disturbed),
        *(f"pause {name}" for name in disturbed),
        "cut the network", "lose answers", "slow the network",
        *([FILL] if disk else []),
    ]  # fmt: skip


def may_meet(victim: str, trouble: str) -> bool:
    """Whether the platform promises anything about both at once.

    Of a broker that is killed while ingest is away it does not: ADR 0010.
    """
    away = trouble.startswith("restart ingest") or trouble == "restart broker"
    return not (victim == "broker" and away)


# Of a platform as it is without settings.
SERVICES = ("postgres", "registry", "broker", "ingest")
VICTIMS = victims(SERVICES)
TROUBLES = troubles(SERVICES, disk=False)


def plan(
    count: int, seed: int, killed: Sequence[str] = VICTIMS, disturbed: Sequence[str] = TROUBLES
) -> list[Run]:
    """The same runs for the same seed. Every victim and every trouble comes as often as others.

    Args:
        count: of runs.
        seed: chooses.
        killed: the victims.
        disturbed: the troubles; what is there twice comes twice as often.
    """
    chance = random.Random(seed)
    whom, what = rested(killed, chance), shuffled(disturbed, chance)
    waiting: list[str] = []
    return [
        Run(
            fitting(trouble, waiting, whom),
            trouble,
            chance.uniform(0, 1),
            chance.uniform(0, 1),
            chance.uniform(0.1, 1),
        )
        for trouble in islice(what, count)
    ]


def rested(things: Sequence[str], chance: random.Random) -> Iterator[str]:
    """All things in a random order, and again, and again; none soon after it was there.

    The supervisor makes a service that dies often wait longer and longer, and all would wait.
    """
    order, middle = chance.sample(things, len(things)), len(things) // 2
    while True:
        yield from order
        first, second = order[:middle], order[middle:]
        order = [*chance.sample(first, len(first)), *chance.sample(second, len(second))]


def shuffled(things: Sequence[str], chance: random.Random) -> Iterator[str]:
    """All things in a random order, and again, and again."""
    while True:
        yield from chance.sample(things, len(things))


def fitting(trouble: str, waiting: list[str], more: Iterator[str]) -> str:
    """The first victim that may meet the trouble; one that comes before it goes on waiting."""
    for victim in waiting:
        if may_meet(victim, trouble):
            waiting.remove(victim)
            return victim
    for victim in more:
        if may_meet(victim, trouble):
            return victim
        waiting.append(victim)
    raise ValueError(f"no victim may meet {trouble}")
