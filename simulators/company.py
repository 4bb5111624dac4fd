"""A scenario on its feet: the crews of all its fleets, in one fleet of devices."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any

import numpy as np

from broker.topics import Topic
from simulators.connection import Address, Login
from simulators.crew import Crew
from simulators.device import Book, Device, Habits
from simulators.dialect import PLATFORM, Dialect
from simulators.faults import FAULTS
from simulators.fleet import Fleet
from simulators.kinds import KINDS
from simulators.players import Player, blackouts, history, limited, live
from simulators.scenario import FleetPlan, Scenario
from simulators.simulation import Simulation
from simulators.site import Site

# Devices whose values are made at once. All of more would be due at the same moment.
GROUP = 1000
PATIENCE_SECONDS = 5.0
# A registry with many new devices needs a second for so many until the broker knows them.
DEVICES_A_SECOND = 500


class CredentialsError(ValueError):
    """Devices of a scenario have no log-in; the message says how many, and what helps."""


class Company:
    """All devices of a scenario, with their values, faults and answers.

    Args:
        scenario: what there is.
        logins: of its devices by their ids; or, on another platform, of as many.
        address: of the broker.
        begin: when simulated time begins, in seconds since 1970; None: now.
        seed: of everything random.
        site: where devices stand if the scenario has no park.
        dialect: how another platform wants to be spoken to.
        book: writes down every message.

    Attributes:
        fleet: has the devices.
        crews: with the plan of each.

    Raises:
        CredentialsError: a device has no log-in.
        DialectError: a template has a place that nothing fills.
        TooManyDevicesError: this process may not open as many connections.
    """

    def __init__(
        self,
        scenario: Scenario,
        logins: Sequence[Login],
        address: Address,
        *,
        begin: float | None = None,
        seed: int = 1,
        site: Site | None = None,
        dialect: Dialect = PLATFORM,
        book: Book | None = None,
    ) -> None:
        self.scenario = scenario
        self.begin = time.time() if begin is None else begin
        place = scenario.park.site if scenario.park else site or Site()
        assigned = assign(scenario, logins)
        self.crews = list(crews_of(scenario, assigned, seed, place, dialect))
        self._crew_of = {
            i: (crew, n) for _, crew in self.crews for n, i in enumerate(crew.device_ids)
        }
        self.fleet = Fleet(
            address,
            [self._login(login, dialect) for logins in assigned for login in logins],
            attributes={i: crew.simulation.attributes(n) for i, (crew, n) in self._crew_of.items()},
            habits=Habits(
                patience=PATIENCE_SECONDS + scenario.devices / DEVICES_A_SECOND,
                keep_alive=scenario.keep_alive,
                foreign=dialect.topic is not None,
                book=book,
                hear=self._hear,
            ),
            logins_at_once=scenario.logins_at_once,
        )

    def _login(self, login: Login, dialect: Dialect) -> Login:
        crew, _ = self._crew_of[login.device_id]
        topic = dialect.topic_of(login.device_id, crew.simulation.kind.id)
        return login if login.topic else replace(login, topic=topic)

    def _hear(self, device: Device, topic: Topic, payload: bytes) -> None:
        crew, index = self._crew_of[device.id]
        crew.hear(self.fleet, device.id, index, topic, payload)

    def warm_up(self) -> Iterator[Crew]:
        """Let each crew live through the day before the beginning, which takes a moment."""
        for _, crew in self.crews:
            crew.warm_up(round(self.begin * 1000) - 1)
            yield crew

    def players(
        self, *, speed: float = 1.0, past_first: bool = False, seconds: float | None = None
    ) -> list[Player]:
        """What plays the crews, each with the phase that spreads them over their interval.

        Args:
            speed: simulated seconds in a second.
            past_first: send what lies between the beginning and now as fast as it goes.
            seconds: with ``past_first``, how long it goes on after that; None: without end.
        """
        players: list[Player] = []
        for plan, crew in self.crews:
            phase = plan.seconds * self._share(plan, crew) / speed
            if not past_first:
                players.append(live(self.fleet, crew, begin=self.begin, phase=phase, speed=speed))
                continue
            player = history(self.fleet, crew, self.begin, plan.seconds)
            if seconds is None or seconds > 0:
                after = live(self.fleet, crew, phase=phase)
                player = chain(player, after if seconds is None else limited(after, seconds))
            players.append(player)
        if self.scenario.blackout_seconds is not None:
            players.append(blackouts(self.fleet, self.scenario.blackout_seconds))
        return players

    def _share(self, plan: FleetPlan, crew: Crew) -> float:
        """How far into the interval a crew publishes: the crews of a fleet one after another."""
        crews = [other for planned, other in self.crews if planned is plan]
        return crews.index(crew) / len(crews)


def assign(scenario: Scenario, logins: Sequence[Login]) -> list[list[Login]]:
    """The log-ins of each fleet's devices: by their ids, else one after another.

    Raises:
        CredentialsError: there are too few.
    """
    by_id = {login.device_id: login for login in logins}
    wanted = [fleet.device_ids() for fleet in scenario.fleets]
    missing = [device_id for ids in wanted for device_id in ids if device_id not in by_id]
    if not missing:
        return [[by_id[device_id] for device_id in ids] for ids in wanted]
    if len(logins) < scenario.devices:
        raise CredentialsError(
            f"{scenario.devices:,} devices need as many credentials, and there are "
            f"{len(logins):,}: {missing[0]} is the first without one; or play fewer with "
            f"`--devices {len(logins)}`"
        )
    rest = iter(logins)
    return [[next(rest) for _ in ids] for ids in wanted]


def crews_of(
    scenario: Scenario, assigned: Sequence[Sequence[Login]], seed: int, site: Site, dialect: Dialect
) -> Iterator[tuple[FleetPlan, Crew]]:
    """The crews of each fleet; a device number belongs to one device of a kind only."""
    used: dict[str, int] = defaultdict(int)
    for plan, logins in zip(scenario.fleets, assigned, strict=True):
        for start in range(0, len(logins), GROUP):
            ids = [login.device_id for login in logins[start : start + GROUP]]
            first = used[plan.kind]
            used[plan.kind] += len(ids)
            numbers = range(first, first + len(ids))
            simulation: Simulation[Any] = Simulation(KINDS[plan.kind], numbers, seed, site)
            simulation.interval[:] = np.full(len(ids), plan.seconds)
            faults = [FAULTS[name](rate=rate, seed=seed) for name, rate in plan.faults.items()]
            yield plan, Crew(simulation, ids, faults, dialect, plan.waveform)
