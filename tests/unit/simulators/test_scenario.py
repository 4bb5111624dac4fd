"""Scenarios in YAML: those that come with the platform, and how mistakes are told."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from simulators import KINDS
from simulators.scenario import (
    FOLDER,
    Scenario,
    ScenarioError,
    UnknownScenarioError,
    load,
    of_kinds,
    parse,
    provided,
    schema,
    shared,
)

GOOD = """\
name: small
description: Two roofs
park: {id: cimahi, name: Cimahi}
labs:
  - {id: roof-lab, name: Roof}
tenants:
  - {id: surya, name: Surya}
fleets:
  - kind: pv-inverter
    count: 2
    tenant: surya
    lab: roof-lab
    faults: {drop-out: 0.01}
"""


def test_the_shipped_schema_is_that_of_the_classes() -> None:
    assert (FOLDER / "schema.json").read_text("utf-8") == schema()


def test_the_scenarios_of_the_issue_are_there_and_good() -> None:
    assert set(provided()) == {
        "cimahi-lab", "city-1000", "classroom", "ev-testbed", "solar-village", "storm-10k",
    }  # fmt: skip
    assert load("city-1000").devices == 1000
    assert load("storm-10k").devices == 10_000
    assert load("city-1000").rate == pytest.approx(100)
    kinds = {fleet.kind for name in provided() for fleet in load(name).fleets}
    assert kinds == set(KINDS)


def test_a_good_scenario_has_defaults() -> None:
    scenario = parse(GOOD, "small.yaml")
    [fleet] = scenario.fleets
    assert fleet.device_ids() == ["surya-pv-inverter-01", "surya-pv-inverter-02"]
    assert fleet.seconds == KINDS["pv-inverter"].interval
    assert scenario.park is not None
    assert scenario.park.site.time_zone.key == "Asia/Jakarta"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            ("kind: pv-inverter", "kind: pv-invertor"),
            "line 9: fleets.0.kind: .*mean pv-inverter",
        ),
        (("count: 2", "count: 0"), "line 10: fleets.0.count: 0: .*greater than or equal to 1"),
        (("count: 2", "count: many"), "line 10: fleets.0.count: 'many': .*valid integer"),
        (("count: 2", "interval: -1"), "line 10: fleets.0.interval: -1: .*greater"),
        (("count: 2", "interval: -1"), "line 9: fleets.0.count: is missing"),
        (("tenant: surya", "tenat: surya"), "line 11: fleets.0.tenat: .*did you mean tenant"),
        (("tenant: surya", "tenant: suria"), "line 11: fleets.0.tenant: .*did you mean surya"),
        (("lab: roof-lab", "lab: roof"), "line 12: fleets.0.lab: there is no lab roof: "),
        (("drop-out", "dropout"), "line 13: fleets.0.faults.dropout: .*did you mean drop-out"),
        (("0.01", "2"), "line 13: fleets.0.faults.drop-out: 2: .*less than or equal to 1"),
        (("0.01", "-0.1"), "line 13: fleets.0.faults.drop-out: -0.1: .*greater than"),
        (("id: surya", "id: Surya"), "line 7: tenants.0.id: 'Surya': small letters"),
        (("name: Cimahi}", "name: C, time_zone: Asia/Jakata}"), "line 3: .*did you mean Asia/Jak"),
        (("name: Cimahi}", "name: C, latitude: 97}"), "line 3: park.latitude: 97: .*90"),
        (("    count: 2", "    count: 2\n    count: 3"), "line 11: count is there twice"),
        (("    count: 2", "   count: 2"), "line 10: this is no YAML"),
        (("count: 2", "count: 2\n    prefix: A b"), "line 11: fleets.0.prefix: ids like A b-02"),
    ],
)
def test_a_mistake_is_told_with_its_line_and_what_was_meant(
    change: tuple[str, str], words: str
) -> None:
    with pytest.raises(ScenarioError) as told:
        parse(GOOD.replace(*change), "small.yaml")
    assert re.search(f"small.yaml, {words}", str(told.value)), str(told.value)


def test_all_mistakes_are_told_at_once() -> None:
    text = GOOD.replace("count: 2", "count: 0").replace("id: surya", "id: -")
    with pytest.raises(ScenarioError) as told:
        parse(text, "small.yaml")
    assert str(told.value).count("small.yaml, line") == 2


@pytest.mark.parametrize("text", ["", "- 1", "fleets", "42"])
def test_what_is_no_scenario_at_all_is_told_so(text: str) -> None:
    with pytest.raises(ScenarioError, match="is no scenario"):
        parse(text, "x.yaml")


def test_two_fleets_cannot_have_the_same_devices() -> None:
    twice = GOOD + "  - {kind: pv-inverter, count: 1, tenant: surya}\n"
    with pytest.raises(ScenarioError, match=r"line 14: fleets\.1: has the same device ids"):
        parse(twice, "small.yaml")


def test_a_name_that_is_unknown_lists_scenarios_and_kinds() -> None:
    with pytest.raises(UnknownScenarioError, match="did you mean classroom") as told:
        load("clasroom")
    assert "storm-10k" in str(told.value)
    assert "battery-pack" in str(told.value)


def test_a_file_is_a_scenario_too(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(GOOD)
    assert load(str(file)).name == "small"


def test_devices_and_rate_can_be_scaled_and_keep_their_proportions() -> None:
    city = load("city-1000").scaled(100, None, None)
    assert [fleet.count for fleet in city.fleets] == [60, 20, 10, 10]
    fast = load("city-1000").scaled(None, None, 1000)
    assert fast.rate == pytest.approx(1000)
    assert fast.fleets[0].seconds == pytest.approx(1.5)
    assert load("city-1000").scaled(None, 2.0, None).rate == pytest.approx(500)
    assert load("city-1000").scaled(1, None, None).devices == 1


@pytest.mark.parametrize(
    ("total", "weights", "parts"),
    [(10, [1, 1, 1], [4, 3, 3]), (1, [5, 3], [1, 0]), (1000, [1], [1000]), (3, [2, 2], [2, 1])],
)
def test_shares_add_up_to_the_whole(total: int, weights: list[int], parts: list[int]) -> None:
    assert shared(total, weights) == parts


def test_kinds_alone_make_a_scenario() -> None:
    made = of_kinds(["pv-inverter", "battery-pack"], 3, tenant="demo", prefix="a", lab="there")
    assert [fleet.count for fleet in made.fleets] == [2, 1]
    assert made.fleets[1].device_ids() == ["a-battery-pack-01"]
    assert {fleet.lab for fleet in made.fleets} == {"there"}
    assert isinstance(made, Scenario)
