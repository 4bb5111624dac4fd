"""Simulated devices: signals with a seed, device kinds, fleets, and the replay of recorded files.

::

    fleet = Fleet(Address("127.0.0.1", 1883), {"demo-pv-inverter-01": "tpd_..."})
    crew = Crew(Simulation(KINDS["pv-inverter"], devices=1, seed=7), ["demo-pv-inverter-01"])
    asyncio.run(run(fleet, simulate(fleet, [crew], interval=1.0), seconds=60))
    print(summary(fleet, running=False))
"""

from simulators.connection import Address
from simulators.fleet import Fleet
from simulators.kinds import KINDS
from simulators.players import Crew, replay, run, simulate
from simulators.signals import Kind, Signal, Simulation
from simulators.site import Site
from simulators.summary import summary

__all__ = [
    "KINDS",
    "Address",
    "Crew",
    "Fleet",
    "Kind",
    "Signal",
    "Simulation",
    "Site",
    "replay",
    "run",
    "simulate",
    "summary",
]
