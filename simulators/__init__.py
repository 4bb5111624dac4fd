"""Simulated devices: kinds with physics, faults, fleets that publish, and what proves it.

::

    fleet = Fleet(Address("127.0.0.1", 1883), {"my-inverter": "tpd_..."})
    crew = Crew(Simulation(KINDS["pv-inverter"], devices=1, seed=7), ["my-inverter"])
    run(fleet, [live(fleet, crew)], seconds=60)
    print(summary(fleet, running=False))
"""

from simulators.company import Company
from simulators.connection import Address, Login
from simulators.crew import Crew
from simulators.device import Habits, Message
from simulators.faults import FAULTS
from simulators.fleet import Fleet, TooManyDevicesError
from simulators.kinds import KINDS, Kind, Refused, Signal, model_of
from simulators.ledger import Ledger
from simulators.players import live, past, replay, run
from simulators.simulated import SimulatedDevice
from simulators.simulation import Simulation, Wave
from simulators.site import Site
from simulators.summary import summary

__all__ = [
    "FAULTS",
    "KINDS",
    "Address",
    "Company",
    "Crew",
    "Fleet",
    "Habits",
    "Kind",
    "Ledger",
    "Login",
    "Message",
    "Refused",
    "Signal",
    "SimulatedDevice",
    "Simulation",
    "Site",
    "TooManyDevicesError",
    "Wave",
    "live",
    "model_of",
    "past",
    "replay",
    "run",
    "summary",
]
