"""Scenarios: a park with labs, tenants and fleets of simulated devices, written in YAML.

What is wrong in one is told with its line, and with what was probably meant. The JSON schema of
``simulators/scenarios/schema.json`` is made of the model, for editors that complete and check.
"""

from simulators.scenario.mistakes import ScenarioError, UnknownScenarioError
from simulators.scenario.model import FleetPlan, Scenario, schema, shared
from simulators.scenario.reading import FOLDER, load, of_kinds, parse, provided

__all__ = [
    "FOLDER",
    "FleetPlan",
    "Scenario",
    "ScenarioError",
    "UnknownScenarioError",
    "load",
    "of_kinds",
    "parse",
    "provided",
    "schema",
    "shared",
]
