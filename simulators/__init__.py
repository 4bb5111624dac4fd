"""Simulated devices: kinds with physics, faults, fleets that publish, and what proves it.

::

    fleet = Fleet(Address("127.0.0.1", 1883), {"my-inverter": "tpd_..."})
    crew = Crew(Simulation(KINDS["pv-inverter"], devices=1, seed=7), ["my-inverter"])
    run(fleet, [live(fleet, crew)], seconds=60)
    print(summary(fleet, running=False))
"""

from simulators.connection import Address, Login
from simulators.crew import Crew
from simulators.device import Habits, Message
from simulators.faults import FAULTS
from simulators.fleet import Fleet, TooManyDevicesError
from simulators.kinds import KINDS
from simulators.kinds.kind import Kind, Signal
from simulators.ledger import Ledger
from simulators.players import live, past, replay, run
from simulators.simulation import Simulation
from simulators.site import Site
from simulators.summary import summary

__all__ = [
    "FAULTS",
    "KINDS",
    "Address",
    "Crew",
    "Fleet",
    "Habits",
    "Kind",
    "Ledger",
    "Login",
    "Message",
    "Signal",
    "Simulation",
    "Site",
    "TooManyDevicesError",
    "live",
    "past",
    "replay",
    "run",
    "summary",
]
