"""Faults that decorate what devices send: each seeded, with a rate, and they can be combined.

::

    simulation = Simulation(KINDS["cold-chain"], devices=100, seed=7)
    faults = [LateBurst(rate=0.05), Spike(rate=0.001, seed=3)]
    frames = (Frame.of(simulation, ts, simulation.at(ts)) for ts in moments)
    for frame in faulty(frames, faults):
        for delivery in deliveries(frame):
            ...
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from simulators.faults.clocks import ClockDrift, ClockJump
from simulators.faults.fault import Expectation, Fault, FaultError, faulty
from simulators.faults.frame import Delivery, Frame, deliveries, spoil
from simulators.faults.sensors import Spike, StuckValue, UnitMixUp
from simulators.faults.transport import (
    BrokenJson,
    DropOut,
    Duplicate,
    LateBurst,
    RebootLoop,
    SlowNetwork,
)

__all__ = [
    "FAULTS",
    "BrokenJson",
    "ClockDrift",
    "ClockJump",
    "Delivery",
    "DropOut",
    "Duplicate",
    "Expectation",
    "Fault",
    "FaultError",
    "Frame",
    "LateBurst",
    "RebootLoop",
    "SlowNetwork",
    "Spike",
    "StuckValue",
    "UnitMixUp",
    "deliveries",
    "faulty",
    "spoil",
]

FAULTS: Mapping[str, type[Fault]] = MappingProxyType(
    {
        fault.name: fault
        for fault in (
            DropOut,
            Duplicate,
            LateBurst,
            ClockDrift,
            ClockJump,
            StuckValue,
            Spike,
            UnitMixUp,
            BrokenJson,
            RebootLoop,
            SlowNetwork,
        )
    }
)
