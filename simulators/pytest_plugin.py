"""Simulated devices in tests of one's own back end: ``pytest -p simulators.pytest_plugin``.

::

    def test_my_alarm_rings(simulated_device):
        device = simulated_device("cold-chain", seed=3, faults=[Spike(rate=0.01)])
        for message in device.messages(start=1_772_323_200_000, seconds=3600):
            my_backend.receive(message.topic, message.payload)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from broker.topics import Channel, Topic
from simulators.faults import Fault, Frame, deliveries
from simulators.kinds import KINDS
from simulators.simulation import Simulation
from simulators.site import Site


@dataclass(frozen=True)
class Published:
    """A message that a device would publish.

    Attributes:
        topic: of the contract.
        payload: as it goes over the wire.
        due: when it goes out, in milliseconds since 1970.
    """

    topic: str
    payload: bytes
    due: int


class SimulatedDevice:
    """One device of a kind, without a network.

    Attributes:
        id: of its topics.
        simulation: its physics.
    """

    def __init__(
        self,
        kind: str,
        device_id: str = "simulated-1",
        *,
        seed: int = 1,
        site: Site | None = None,
        faults: Sequence[Fault] = (),
    ) -> None:
        """Make a device.

        Args:
            kind: one of ``KINDS``.
            device_id: of its topics.
            seed: of everything random.
            site: where it stands; by default Cimahi.
            faults: that strike it.

        Raises:
            ValueError: there is no such kind.
        """
        if kind not in KINDS:
            raise ValueError(f"no kind {kind!r}: there are {', '.join(KINDS)}")
        self.id = device_id
        self.simulation = Simulation(KINDS[kind], 1, seed, site)
        self.faults = list(faults)

    def messages(
        self, start: int, seconds: float, interval: float | None = None
    ) -> Iterator[Published]:
        """Its telemetry from a time on, in the order in which it goes out.

        Args:
            start: milliseconds since 1970.
            seconds: for which it measures.
            interval: seconds between two readings; by default the device's own.
        """
        step = round((interval or float(self.simulation.interval[0])) * 1000)
        ts = np.arange(start, start + round(seconds * 1000), step)
        frame = Frame.of(self.simulation, ts, self.simulation.over(ts))
        for fault in self.faults:
            fault(frame)
        topic = str(Topic(self.id, Channel.TELEMETRY))
        for delivery in deliveries(frame):
            yield Published(topic, delivery.payload, delivery.due)

    def attributes(self) -> dict[str, Any]:
        """What it tells of itself."""
        return self.simulation.attributes(0)

    def command(self, name: str, parameters: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Have it do something; what it answers. Raises ``Refused``."""
        return self.simulation.command(0, name, parameters or {})

    def desire(self, desired: Mapping[str, Any]) -> dict[str, Any]:
        """Have it follow desired attributes; those that it follows. Raises ``Refused``."""
        return self.simulation.desire(0, desired)


@pytest.fixture
def simulated_device() -> Callable[..., SimulatedDevice]:
    """Makes a simulated device: the arguments are those of ``SimulatedDevice``."""
    return SimulatedDevice
