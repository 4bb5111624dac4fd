"""Every text of a dashboard is found, with each mention of it, and nothing else is touched."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from dashboards.texts import board_with, is_text, rule_with, shown_by, sql_with

Json = dict[str, Any]


def loud(text: str) -> str:
    """A language that is told from English at sight, and does not touch placeholders."""
    return f"«{text}»"


def panel(**parts: Any) -> Json:
    board = {"uid": "b", "title": "B", "panels": [{"id": 1, "type": "table", **parts}]}
    [made] = board_with(board, loud)["panels"]
    return dict(made)


def target(sql: str) -> list[Json]:
    return [{"refId": "A", "format": "table", "rawSql": sql}]


SEEN = target('SELECT last_seen AS "Last seen" FROM devices')


def test_what_people_read_of_a_dashboard_is_said_and_the_rest_stays() -> None:
    board = {
        "uid": "technopark-x",
        "title": "Fleet overview",
        "description": "All of it.",
        "tags": ["Some tag"],
        "links": [
            {"title": "To a device", "tooltip": "Opens it", "url": "/d/x", "tags": ["One two"]}
        ],
        "annotations": {
            "list": [
                {"builtIn": 1, "name": "Annotations & Alerts"},
                {"name": "Stage changes", "target": target("SELECT 'Now ' || stage AS text")[0]},
            ]
        },
        "templating": {
            "list": [
                {"type": "query", "name": "park", "label": "Park", "query": "SELECT 'One two'"},
                {"type": "interval", "name": "step", "label": "Step", "query": "1m,1h"},
            ]
        },
        "panels": [
            {"type": "row", "title": "Last row", "panels": [{"type": "stat", "title": "In a row"}]}
        ],
    }
    made = board_with(board, loud)
    assert list(made) == list(board)
    assert made == {
        **board,
        "title": "«Fleet overview»",
        "description": "«All of it.»",
        "links": [{**board["links"][0], "title": "«To a device»", "tooltip": "«Opens it»"}],  # type: ignore[index]
        "annotations": {
            "list": [
                {"builtIn": 1, "name": "Annotations & Alerts"},
                {
                    "name": "«Stage changes»",
                    "target": target("SELECT '«Now »' || stage AS text")[0],
                },
            ]
        },
        "templating": {
            "list": [
                {"type": "query", "name": "park", "label": "«Park»", "query": "SELECT 'One two'"},
                {"type": "interval", "name": "step", "label": "«Step»", "query": "1m,1h"},
            ]
        },
        "panels": [
            {
                "type": "row",
                "title": "«Last row»",
                "panels": [{"type": "stat", "title": "«In a row»"}],
            }
        ],
    }


def test_a_column_has_its_new_name_wherever_the_panel_means_it() -> None:
    made = panel(
        targets=SEEN,
        fieldConfig={
            "defaults": {
                "links": [{"title": "Open", "url": '/d/x?t=${__data.fields["Last seen"]:date}'}]
            },
            "overrides": [
                {"matcher": {"id": "byName", "options": "Last seen"}, "properties": []},
                {"matcher": {"id": "byRegexp", "options": "^Last seen$"}, "properties": []},
            ],
        },
        options={"sortBy": [{"displayName": "Last seen", "desc": True}], "fields": "/^Last seen$/"},
        transformations=[
            {"id": "organize", "options": {"indexByName": {"Last seen": 0, "device": 1}}},
            {"id": "filterFieldsByName", "options": {"include": {"names": ["Last seen"]}}},
        ],
    )
    told = json.dumps(made, ensure_ascii=False).replace("«Last seen»", "")
    assert "Last seen" not in told
    assert made["targets"][0]["rawSql"] == 'SELECT last_seen AS "«Last seen»" FROM devices'
    link = made["fieldConfig"]["defaults"]["links"][0]
    assert link == {"title": "«Open»", "url": '/d/x?t=${__data.fields["«Last seen»"]:date}'}
    assert made["transformations"][0]["options"]["indexByName"] == {"«Last seen»": 0, "device": 1}


def test_a_link_that_names_a_column_by_a_dot_names_it_in_brackets_when_it_has_blanks() -> None:
    link = {"title": "Open", "url": "/d/x?var-device=${__data.fields.Device}&y=${__data.fields.ts}"}
    made = panel(targets=target('SELECT device AS "Device", ts FROM x'), links=[link])
    url = '/d/x?var-device=${__data.fields["«Device»"]}&y=${__data.fields.ts}'
    assert made["links"][0]["url"] == url
    # It looks like a regular expression, and is none.
    link["url"] = "/d/Device/"
    assert (
        panel(targets=target('SELECT 1 AS "Device"'), links=[link])["links"][0]["url"]
        == link["url"]
    )


def test_names_that_a_panel_gives_itself_are_said_everywhere_too() -> None:
    made = panel(
        fieldConfig={
            "defaults": {
                "displayName": "Mean",
                "noValue": "nothing yet",
                "custom": {"axisLabel": "Speed"},
            },
            "overrides": [
                {
                    "matcher": {"id": "byName", "options": "Sum"},
                    "properties": [
                        {"id": "displayName", "value": "Total"},
                        {"id": "custom.axisLabel", "value": "Whole"},
                        {"id": "custom.width", "value": 9},
                    ],
                }
            ],
        },
        transformations=[
            {"id": "calculateField", "options": {"alias": "Sum"}},
            {"id": "organize", "options": {"renameByName": {"dc_power": "Power of all"}}},
        ],
        options={"sortBy": [{"displayName": "Power of all"}]},
    )
    assert made["fieldConfig"]["defaults"] == {
        "displayName": "«Mean»",
        "noValue": "«nothing yet»",
        "custom": {"axisLabel": "«Speed»"},
    }
    [override] = made["fieldConfig"]["overrides"]
    assert override["matcher"]["options"] == "«Sum»"
    assert [each["value"] for each in override["properties"]] == ["«Total»", "«Whole»", 9]
    rename = made["transformations"][1]["options"]["renameByName"]
    assert rename == {"dc_power": "«Power of all»"}
    assert made["options"]["sortBy"] == [{"displayName": "«Power of all»"}]


def test_a_band_reaches_down_to_the_line_that_bears_its_name_and_a_cloud_has_its_columns() -> None:
    name = {"id": "displayName", "value": "Lowest"}
    band = {"id": "custom.fillBelowTo", "value": "Lowest"}
    lines = [("/^min/", [name]), ("/^max/", [band])]
    made = panel(
        targets=target('SELECT speed AS "Speed", torque AS "Torque", heat AS "Heat" FROM x'),
        fieldConfig={
            "defaults": {"custom": {"label": "auto"}},
            "overrides": [
                {"matcher": {"id": "byRegexp", "options": pattern}, "properties": properties}
                for pattern, properties in lines
            ],
        },
        options={
            "dims": {"x": "Speed"},
            "series": [
                {"x": "Speed", "y": "Torque", "pointColor": {"field": "Heat"}, "label": "auto"}
            ],
        },
    )
    lowest, highest = (each["properties"][0] for each in made["fieldConfig"]["overrides"])
    assert (lowest["value"], highest["value"]) == ("«Lowest»", "«Lowest»")
    assert made["options"]["dims"] == {"x": "«Speed»"}
    # What Grafana itself knows is no text, though it stands under a key that sounds like one.
    assert made["options"]["series"] == [
        {"x": "«Speed»", "y": "«Torque»", "pointColor": {"field": "«Heat»"}, "label": "auto"}
    ]
    assert made["fieldConfig"]["defaults"] == {"custom": {"label": "auto"}}


def test_a_map_finds_its_positions_and_its_layers_have_names() -> None:
    style = {"color": {"field": "Speed"}, "text": {"mode": "field", "field": "Device"}}
    place = {"mode": "coords", "latitude": "Latitude", "longitude": "Longitude"}
    made = panel(
        targets=target(
            'SELECT device AS "Device", lat AS "Latitude", lon AS "Longitude", v AS "Speed" FROM x'
        ),
        options={"layers": [{"name": "Track", "config": {"style": style}, "location": place}]},
    )
    [layer] = made["options"]["layers"]
    assert layer["name"] == "«Track»"
    assert layer["location"] == {**place, "latitude": "«Latitude»", "longitude": "«Longitude»"}
    assert layer["config"]["style"] == {
        "color": {"field": "«Speed»"},
        "text": {"mode": "field", "field": "«Device»"},
    }


def test_values_that_a_query_says_itself_keep_their_mapping_and_others_get_another_text() -> None:
    mapping = {
        "type": "value",
        "options": {"Silent": {"text": "Silent", "color": "red"}, "online": {"text": "Online"}},
    }
    special = {"type": "special", "options": {"match": "null", "result": {"text": "never"}}}
    made = panel(
        targets=target("SELECT CASE WHEN online THEN 'online' ELSE 'Silent' END AS state FROM x"),
        fieldConfig={
            "defaults": {"mappings": [mapping, special]},
            "overrides": [
                {
                    "matcher": {"id": "byName", "options": "state"},
                    "properties": [{"id": "mappings", "value": [mapping, special]}],
                }
            ],
        },
    )
    first, second = made["fieldConfig"]["defaults"]["mappings"]
    assert made["fieldConfig"]["overrides"][0]["properties"][0]["value"] == [first, second]
    assert first["options"] == {
        "«Silent»": {"text": "«Silent»", "color": "red"},
        "online": {"text": "«Online»"},
    }
    assert second["options"] == {"match": "null", "result": {"text": "«never»"}}


@pytest.mark.parametrize(
    ("unit", "said"),
    [
        ("suffix: devices", "suffix: «devices»"),
        ("suffix:/s", "suffix:/s"),
        ("suffix: mm/s", "suffix: mm/s"),
        ("celsius", "celsius"),
    ],
)
def test_only_a_unit_of_our_own_words_is_a_text(unit: str, said: str) -> None:
    assert panel(fieldConfig={"defaults": {"unit": unit}})["fieldConfig"]["defaults"] == {
        "unit": said
    }


def test_a_choice_is_read_otherwise_and_means_the_same_value() -> None:
    variable = {
        "type": "custom",
        "name": "after",
        "label": "After",
        "query": "5 minutes,Long : 1 hour,7,A\\, B or C",
        "current": {"text": "5 minutes", "value": "5 minutes"},
        "options": [{"text": ["Long"], "value": ["1 hour"]}],
    }
    board = {"uid": "b", "title": "B", "templating": {"list": [variable]}}
    [made] = board_with(board, loud)["templating"]["list"]
    assert made == {
        **variable,
        "label": "«After»",
        "query": "«5 minutes» : 5 minutes,«Long» : 1 hour,7,«A\\, B or C» : A\\, B or C",
        "current": {"text": "«5 minutes»", "value": "5 minutes"},
        "options": [{"text": ["«Long»"], "value": ["1 hour"]}],
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$metric", False),
        ("${device:raw} · [[park]]", False),
        ("{device} · {tenant}", False),
        ("{{ $labels.device }}", False),
        ("7 %", False),
        ("$metric by lab", True),
        ("Perangkat", True),
    ],
)
def test_what_is_nothing_but_placeholders_is_no_text(text: str, expected: bool) -> None:
    assert is_text(text) is expected


@pytest.mark.parametrize(
    ("sql", "names"),
    [
        ("""SELECT a AS "Last seen", b AS value, c AS "lower" FROM x""", ["Last seen"]),
        ("SELECT coalesce(lab, 'no lab') AS metric", ["no lab"]),
        ('SELECT \'It\'\'s on\' AS state, "A ""b"" Name"', ["It's on", 'A "b" Name']),
        ("SELECT concat('Silent for ', n) -- the device's \"Own\" word", ["Silent for "]),
        ("WHERE ts > now() - INTERVAL 'One hour' AND kind = 'Solar' AND x IN ('One', 'Two')", []),
        ("SELECT to_char(ts, 'Day'), ts AT TIME ZONE 'Asia/Jakarta', '$metric', 'solar', '*'", []),
        ("WHERE name ILIKE 'Roof %' OR name <> 'Roof two'", []),
    ],
)
def test_of_a_query_are_told_the_names_and_words_that_it_shows(sql: str, names: list[str]) -> None:
    assert list(shown_by(sql)) == names


def test_a_name_is_another_one_in_each_of_its_places_of_a_query() -> None:
    sql = """SELECT CASE WHEN x THEN 'Silent' END AS "State" FROM y -- "State"
ORDER BY "State" = 'Silent'"""
    names = {"State": 'Sta"te', "Silent": "It's"}
    assert (
        sql_with(sql, names)
        == """SELECT CASE WHEN x THEN 'It''s' END AS "Sta""te" FROM y -- "State"
ORDER BY "Sta""te" = 'It''s'"""
    )


def test_of_an_alert_rule_title_and_summary_are_said() -> None:
    rule = {
        "uid": "technopark-silent",
        "title": "Silent device",
        "labels": {"technopark": "silent"},
        "annotations": {"summary": "It is silent", "other": "One two"},
        "data": [{"model": {"rawSql": 'SELECT 1 AS "Last seen"'}}],
    }
    assert rule_with(rule, loud) == {
        **rule,
        "title": "«Silent device»",
        "annotations": {"summary": "«It is silent»", "other": "One two"},
    }


def test_whoever_says_nothing_else_gets_the_same_dashboard_back() -> None:
    same: Callable[[str], str] = str
    row = {"type": "row", "panels": [{"id": 2, "title": "In a row"}], "title": "Row"}
    board = {
        "uid": "b",
        "annotations": {},
        "templating": {"list": []},
        "panels": [row],
        "title": "",
    }
    assert json.dumps(board_with(board, same)) == json.dumps(board)
