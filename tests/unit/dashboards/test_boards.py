"""What holds for each dashboard, whoever it is for."""

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

from dashboards import catalogue, rendering
from dashboards.defaults import GRAFANA_UNITS
from dashboards.layout import TAG

Json = dict[str, Any]

ALL = catalogue.every_dashboard()
BOARDS = pytest.mark.parametrize("board", ALL.values(), ids=ALL)
# Links and bookmarks hold them: none ever changes or goes.
UIDS = {
    "technopark-air",
    "technopark-battery",
    "technopark-compare",
    "technopark-device",
    "technopark-emotorcycle",
    "technopark-fleet",
    "technopark-health",
    "technopark-home",
    "technopark-motor",
    "technopark-quality",
    "technopark-solar",
    "technopark-wall",
}
PROVISIONING = rendering.FOLDER.parent
DOCS = Path(__file__).parents[3] / "docs"
# Kinds of panels that show no numbers.
WITHOUT_UNIT = {"text"}
# Grafana's own way to write a unit that it does not know.
OWN_UNIT = re.compile(r"(suffix|prefix|currency|time|si|count):.+")
KNOWN_UNITS = {unit for unit in vars(units).values() if isinstance(unit, str)}


def area(panel: Json) -> tuple[range, range]:
    """Its columns and its lines."""
    place = panel["gridPos"]
    return (
        range(place["x"], place["x"] + place["w"]),
        range(place["y"], place["y"] + place["h"]),
    )


def overlap(one: range, other: range) -> bool:
    return max(one.start, other.start) < min(one.stop, other.stop)


def levels(board: Json) -> list[list[Json]]:
    """Panels that are seen together: of the dashboard, and of each row that is folded."""
    folded = [part["panels"] for part in board["panels"] if part.get("panels")]
    return [board["panels"], *folded]


def annotations(board: Json) -> list[Json]:
    return list(board.get("annotations", {}).get("list", []))


def test_each_uid_stays_what_it_is_and_is_of_one_dashboard() -> None:
    assert ALL.keys() == UIDS
    audiences = (catalogue.FOR_OPERATORS, catalogue.FOR_PARKS, catalogue.FOR_TENANTS)
    for functions in audiences:
        assert len(catalogue.built(functions)) == len(functions)
    # Each audience has the same under the same uid.
    assert all(
        board == ALL[uid]
        for functions in audiences
        for uid, board in catalogue.built(functions).items()
    )


def test_no_two_dashboards_have_the_same_title() -> None:
    titles = [board["title"] for board in ALL.values()]
    assert len(titles) == len(set(titles))


@BOARDS
def test_grafanas_own_types_read_the_dashboard_back_unchanged(board: Json) -> None:
    register_default_plugins()
    again = json.loads(json.dumps(Dashboard.from_json(board), cls=JSONEncoder))
    # They know no annotation by SQL: Grafana's published types do, which another test asks.
    for here, there in zip(annotations(board), annotations(again), strict=True):
        there["target"] = here["target"]
    for here, there in zip(board["panels"], again["panels"], strict=True):
        # They fill in the defaults of a plug-in's fields, where a panel has set none.
        if "custom" not in here.get("fieldConfig", {}).get("defaults", {"custom": None}):
            there["fieldConfig"]["defaults"].pop("custom", None)
    assert again == board


@BOARDS
def test_every_panel_has_an_id_of_its_own(board: Json) -> None:
    ids = [panel["id"] for level in levels(board) for panel in level]
    assert all(ids)
    assert len(ids) == len(set(ids))


@BOARDS
def test_panels_stay_inside_the_grid_and_never_overlap(board: Json) -> None:
    for level in levels(board):
        areas = [area(panel) for panel in level]
        assert all(columns.stop <= 24 for columns, _ in areas)
        for one, other in itertools.combinations(areas, 2):
            assert not (overlap(one[0], other[0]) and overlap(one[1], other[1]))


@BOARDS
def test_every_line_of_the_grid_is_filled_from_the_left_to_the_right(board: Json) -> None:
    for level in levels(board):
        lines: dict[int, int] = {}
        for panel in level:
            columns, rows = area(panel)
            # A panel that is repeated takes what there is.
            width = 24 if panel.get("repeatDirection") == "h" else len(columns)
            for line in rows:
                lines[line] = lines.get(line, 0) + width
        short = {line: width for line, width in lines.items() if width < 24}
        assert not short, short


@BOARDS
def test_every_panel_explains_itself_and_names_its_unit(board: Json) -> None:
    for panel in catalogue.panels_of(board):
        assert panel["title"] or panel["type"] == "text"
        assert len(panel["description"]) > 40, panel["title"]
        if panel["type"] in WITHOUT_UNIT:
            continue
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        overrides = panel["fieldConfig"]["overrides"]
        chosen = [each["value"] for one in overrides for each in one["properties"]
                  if each["id"] == "unit"]  # fmt: skip
        for unit in [panel["fieldConfig"]["defaults"]["unit"], *chosen]:
            known = unit in KNOWN_UNITS or unit in GRAFANA_UNITS.values()
            assert known or OWN_UNIT.fullmatch(unit), (panel["title"], unit)


@BOARDS
def test_every_query_asks_the_source_that_is_chosen_which_is_ours_at_first(board: Json) -> None:
    provisioned = yaml.safe_load((PROVISIONING / "datasources/technopark.yaml").read_text())
    [ours] = provisioned["datasources"]
    source, *variables = board["templating"]["list"]
    assert (source["name"], source["query"]) == ("source", ours["type"])
    assert source["current"]["value"] == ours["uid"]
    panels = [panel for panel in catalogue.panels_of(board) if panel["type"] != "text"]
    asking = [v for v in variables if v["type"] == "query"] + annotations(board) + panels
    asking += [target for panel in panels for target in panel["targets"]]
    assert {json.dumps(each["datasource"]) for each in asking} == {
        json.dumps({"type": ours["type"], "uid": "${source}"})
    }


@BOARDS
def test_every_variable_that_is_used_exists_and_is_used(board: Json) -> None:
    listed = board["templating"]["list"]
    declared = {variable["name"] for variable in listed}
    text = json.dumps([board["panels"], annotations(board), [v.get("query") for v in listed]])
    used = set(re.findall(r"\$\{?((?!_)[a-z]\w*)", text))
    used |= {part["repeat"] for level in levels(board) for part in level if part.get("repeat")}
    assert used <= declared
    assert declared <= used, "a variable that nothing uses"


@BOARDS
def test_a_variable_asks_only_for_those_before_it(board: Json) -> None:
    names: list[str] = []
    for variable in board["templating"]["list"]:
        if variable["type"] == "query":
            asked = re.findall(r"\$\{?((?!_)\w+)", variable["query"])
            assert set(asked) <= set(names), variable["name"]
        names.append(variable["name"])


@BOARDS
def test_lines_over_time_are_limited_by_the_range_and_by_the_resolution(board: Json) -> None:
    for panel in catalogue.panels_of(board):
        for target in panel.get("targets", []):
            if target["format"] == "time_series":
                assert re.search(r"\$__timeFilter\(|\$__timeFrom\(", target["rawSql"]), panel[
                    "title"
                ]
                assert re.search(r"\$__timeGroup(Alias)?\(|LIMIT", target["rawSql"]), panel["title"]


@BOARDS
def test_a_table_has_a_limit(board: Json) -> None:
    for panel in catalogue.panels_of(board):
        if panel["type"] == "table":
            assert all("LIMIT" in target["rawSql"] for target in panel["targets"]), panel["title"]


@BOARDS
def test_it_is_refreshed_and_leads_to_the_others(board: Json) -> None:
    assert board["refresh"]
    assert TAG in board["tags"]
    [drop_down] = [link for link in board["links"] if link["type"] == "dashboards"]
    assert (drop_down["tags"], drop_down["keepTime"], drop_down["includeVars"]) == (
        [TAG],
        True,
        True,
    )


@BOARDS
def test_a_link_to_a_dashboard_leads_to_one_of_ours(board: Json) -> None:
    for uid in re.findall(r"/d/([\w-]+)", json.dumps(board)):
        assert uid in ALL


def test_each_dashboard_has_a_picture_that_the_docs_show() -> None:
    shown = re.findall(r"\(dashboards/([\w-]+)\.png\)", (DOCS / "dashboards.md").read_text())
    assert sorted(shown) == sorted(ALL)
    pictures = {path.stem: path.stat().st_size for path in (DOCS / "dashboards").glob("*.png")}
    assert pictures.keys() == ALL.keys(), "make previews"
    assert max(pictures.values()) < 200_000
