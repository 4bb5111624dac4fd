import itertools
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models import units
from grafana_foundation_sdk.models.dashboard import Dashboard

from cli.dashboards import render as render_command
from dashboards import rendering
from dashboards.defaults import GRAFANA_UNITS

RENDERED = {name: json.loads(text) for name, text in rendering.render().items()}
BOARDS = pytest.mark.parametrize("board", RENDERED.values(), ids=RENDERED)
PROVISIONING = rendering.FOLDER.parent


def area(panel: dict[str, Any]) -> tuple[range, range]:
    place = panel["gridPos"]
    return (
        range(place["x"], place["x"] + place["w"]),
        range(place["y"], place["y"] + place["h"]),
    )


def panels(board: dict[str, Any]) -> list[dict[str, Any]]:
    """All but the headings of rows."""
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def overlap(one: range, other: range) -> bool:
    return max(one.start, other.start) < min(one.stop, other.stop)


def test_the_files_in_the_repository_are_what_the_code_renders() -> None:
    committed = {path.name: path.read_text("utf-8") for path in rendering.FOLDER.glob("*.json")}
    assert committed == rendering.render(), "run `technopark dashboards render`"


def test_the_command_writes_the_same_files_elsewhere(tmp_path: Path) -> None:
    render_command(tmp_path / "new")
    written = {path.name: path.read_text("utf-8") for path in (tmp_path / "new").iterdir()}
    assert written == rendering.render()


def test_the_overview_keeps_its_uid() -> None:
    # Links and bookmarks hold it: it changes never.
    assert RENDERED["technopark-fleet.json"]["uid"] == "technopark-fleet"


@BOARDS
def test_grafanas_own_types_read_the_dashboard_back_unchanged(board: dict[str, Any]) -> None:
    register_default_plugins()
    # They know the targets of Grafana's own annotations alone.
    marks = board["annotations"].get("list", [])
    without = {"list": [{k: v for k, v in m.items() if k != "target"} for m in marks]}
    board = {**board, "annotations": without}
    again = json.dumps(Dashboard.from_json(board), cls=JSONEncoder)
    assert json.loads(again) == board


@BOARDS
def test_every_panel_has_an_id_of_its_own(board: dict[str, Any]) -> None:
    ids = [panel["id"] for panel in board["panels"]]
    assert len(ids) == len(set(ids))
    assert all(ids)


@BOARDS
def test_panels_stay_inside_the_grid_and_never_overlap(board: dict[str, Any]) -> None:
    areas = [area(panel) for panel in board["panels"]]
    assert all(columns.stop <= 24 for columns, _ in areas)
    for one, other in itertools.combinations(areas, 2):
        assert not (overlap(one[0], other[0]) and overlap(one[1], other[1]))


@BOARDS
def test_every_panel_explains_itself_and_names_its_unit(board: dict[str, Any]) -> None:
    for panel in panels(board):
        assert len(panel["description"]) > 40, panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]


@BOARDS
def test_every_query_asks_the_source_that_is_chosen_which_is_ours_at_first(
    board: dict[str, Any],
) -> None:
    provisioned = yaml.safe_load((PROVISIONING / "datasources/technopark.yaml").read_text())
    [ours] = provisioned["datasources"]
    source, *variables = board["templating"]["list"]
    assert (source["name"], source["query"]) == ("source", ours["type"])
    assert source["current"]["value"] == ours["uid"]
    asking = [v for v in variables if v["type"] == "query"]
    asking += [target for panel in board["panels"] for target in panel.get("targets", [])]
    assert {json.dumps(each["datasource"]) for each in asking} == {
        json.dumps({"type": ours["type"], "uid": "${source}"})
    }


@BOARDS
def test_every_variable_that_a_query_uses_exists(board: dict[str, Any]) -> None:
    declared = {variable["name"] for variable in board["templating"]["list"]} - {"source"}
    asking = [board["panels"], board["annotations"], board["templating"]["list"]]
    used = set(re.findall(r"\$\{?((?!_)\w+)", json.dumps(asking))) - {"source"}
    assert used <= declared
    assert declared <= used, "a variable that nothing uses"


@BOARDS
def test_lines_over_time_are_limited_by_the_range_and_by_the_resolution(
    board: dict[str, Any],
) -> None:
    queries = [
        target["rawSql"]
        for panel in board["panels"]
        for target in panel.get("targets", [])
        if target["format"] == "time_series"
    ]
    assert queries
    for query in queries:
        assert re.search(r"\$__timeFilter\(|\$__timeFrom\(", query)
        assert re.search(r"\$__timeGroup(Alias)?\(|LIMIT", query)


def test_the_provider_reads_the_folder_that_holds_the_dashboards() -> None:
    provider = yaml.safe_load((rendering.FOLDER / "technopark.yaml").read_text())["providers"][0]
    # compose.yaml mounts the folder there; its own test holds it to this path.
    assert provider["options"]["path"] == "/etc/grafana/provisioning/dashboards"


def test_every_unit_is_one_that_grafana_knows() -> None:
    known = {unit for unit in vars(units).values() if isinstance(unit, str)}
    unknown = {unit for unit in GRAFANA_UNITS.values() if unit not in known}
    assert all(unit.startswith("suffix:") for unit in unknown), unknown


@pytest.mark.parametrize(
    ("line", "unit"),
    [
        ("solar [Cel]", "celsius"),
        ("bench [{rev}/min]", "rotrpm"),
        ("station [W/m2]", "Wm2"),
        ("gateway [[ppm]]", "ppm"),
        ("inverter [kW]", "kwatt"),
        ("inverter [W]", "watt"),
    ],
)
def test_a_line_is_drawn_in_the_unit_of_its_name(line: str, unit: str) -> None:
    [panel] = [
        panel
        for panel in RENDERED["technopark-fleet.json"]["panels"]
        if panel["title"] == "$metric by lab"
    ]
    matching = [
        override["properties"][0]["value"]
        for override in panel["fieldConfig"]["overrides"]
        if re.search(override["matcher"]["options"].strip("/"), line)
    ]
    assert matching == [unit]
