import json
import re
from pathlib import Path

import pytest
import yaml
from grafana_foundation_sdk.models import units

from cli.dashboards import render as render_command
from dashboards import rendering
from dashboards.defaults import GRAFANA_UNITS

RENDERED = {name: json.loads(text) for name, text in rendering.render().items()}


def test_the_files_in_the_repository_are_what_the_code_renders() -> None:
    committed = {path.name: path.read_text("utf-8") for path in rendering.FOLDER.glob("*.json")}
    assert committed == rendering.render(), "run `technopark dashboards render`"


def test_the_command_writes_the_same_files_elsewhere(tmp_path: Path) -> None:
    render_command(tmp_path / "new")
    written = {path.name: path.read_text("utf-8") for path in (tmp_path / "new").iterdir()}
    assert written == rendering.render()


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
