"""What happens when, chosen by a seed."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

# Whom kill -9 meets; "session" is one of the processes of the database.
VICTIMS = ("ingest", "broker", "registry", "postgres", "session")
# What else is wrong at that moment.
TROUBLES = (
    "nothing", "nothing", "nothing", "lock readings",
    "restart postgres", "restart ingest", "restart broker",
    "pause postgres", "pause ingest", "pause broker",
    "cut the network", "lose answers", "slow the network",
)  # fmt: skip


@dataclass(frozen=True)
class Run:
    """One kill, alone or in the middle of another fault.

    Attributes:
        victim: of ``VICTIMS``.
        trouble: of ``TROUBLES``; it begins before the kill and ends after it.
        pause: seconds before the trouble.
        before: seconds from the trouble to the kill.
        after: seconds from the kill to the end of the trouble.
    """

    victim: str
    trouble: str
    pause: float
    before: float
    after: float


def plan(count: int, seed: int) -> list[Run]:
    """The same runs for the same seed. Every victim and every trouble comes as often as others."""
    chance = random.Random(seed)
    victims, troubles = shuffled(VICTIMS, chance), shuffled(TROUBLES, chance)
    return [
        Run(
            next(victims),
            next(troubles),
            chance.uniform(0, 1),
            chance.uniform(0, 1),
            chance.uniform(0.1, 1),
        )
        for _ in range(count)
    ]


def shuffled(things: Sequence[str], chance: random.Random) -> Iterator[str]:
    """All things in a random order, and again, and again."""
    while True:
        yield from chance.sample(things, len(things))
