"""Simulated devices: device kinds with physics, fleets, and the replay of recorded files.

::

    fleet = Fleet(Address("127.0.0.1", 1883), {"demo-pv-inverter-01": "tpd_..."})
    crew = Crew(Simulation(KINDS["pv-inverter"], devices=1, seed=7), ["demo-pv-inverter-01"])
    asyncio.run(run(fleet, simulate(fleet, [crew], interval=1.0), seconds=60))
    print(summary(fleet, running=False))
"""

from simulators.connection import Address
from simulators.fleet import Fleet
from simulators.kinds import KINDS, Kind, Refused, Signal, model_of
from simulators.players import Crew, replay, run, simulate
from simulators.simulation import Simulation, Wave
from simulators.site import Site
from simulators.summary import summary

__all__ = [
    "KINDS",
    "Address",
    "Crew",
    "Fleet",
    "Kind",
    "Refused",
    "Signal",
    "Simulation",
    "Site",
    "Wave",
    "model_of",
    "replay",
    "run",
    "simulate",
    "summary",
]
