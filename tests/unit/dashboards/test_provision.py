"""The files say the same as the sync, and hold no secret."""

from pathlib import Path

import yaml
from typer.testing import CliRunner

from cli.main import app
from dashboards.catalogue import operator_dashboards


def provisioned(folder: Path, line: str) -> dict[str, str]:
    result = CliRunner().invoke(app, ["dashboards", "provision", str(folder), *line.split()])
    assert result.exit_code == 0, result.output
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_the_operators_grafana_reads_by_their_role_and_has_their_dashboards(
    tmp_path: Path,
) -> None:
    files = provisioned(tmp_path, "--database db:5432 --path /etc/grafana/dashboards")
    assert set(files) == {
        "datasources/technopark.yaml",
        "dashboards/technopark.yaml",
        *(f"dashboards/{uid}.json" for uid in operator_dashboards()),
    }
    (source,) = yaml.safe_load(files["datasources/technopark.yaml"])["datasources"]
    assert (source["user"], source["url"]) == ("technopark_grafana", "db:5432")
    assert source["secureJsonData"] == {"password": "$TECHNOPARK_SQL_PASSWORD"}
    (provider,) = yaml.safe_load(files["dashboards/technopark.yaml"])["providers"]
    assert provider["options"] == {"path": "/etc/grafana/dashboards"}


def test_a_tenants_grafana_has_its_alerts_and_the_ways_to_tell_people(tmp_path: Path) -> None:
    line = "--tenant sunny --email a@x.example --email b@x.example --telegram-chat 42 --webhook"
    files = provisioned(tmp_path, line)
    alerting = yaml.safe_load(files["alerting/technopark.yaml"])
    (group,) = alerting["groups"]
    assert len(group["rules"]) == 4
    assert "tenant = 'sunny'" in str(group)
    # Grafana would look for a variable of its environment.
    assert "{{ $$labels.device }}" in str(group)
    (point,) = alerting["contactPoints"]
    settings = {each["type"]: each["settings"] for each in point["receivers"]}
    assert settings["email"]["addresses"] == "a@x.example;b@x.example"
    assert settings["telegram"]["bottoken"] == "$TECHNOPARK_TELEGRAM_TOKEN"
    assert settings["webhook"]["url"] == "$TECHNOPARK_WEBHOOK_URL"
    assert alerting["policies"][0]["receiver"] == point["name"]


def test_files_speak_the_language_that_was_asked_for(tmp_path: Path) -> None:
    files = provisioned(tmp_path / "operators", "--language id")
    assert '"title": "Ringkasan armada perangkat"' in files["dashboards/technopark-fleet.json"]
    files = provisioned(tmp_path / "tenant", "--tenant sunny --language id")
    assert "Perangkat senyap" in files["alerting/technopark.yaml"]
    refused = ["dashboards", "provision", str(tmp_path / "other"), "--language", "fr"]
    assert CliRunner().invoke(app, refused).exit_code == 2


def test_a_dashboard_that_is_no_more_goes_and_other_files_stay(tmp_path: Path) -> None:
    (tmp_path / "dashboards").mkdir()
    for name in ("technopark-gone.json", "mine.json"):
        (tmp_path / "dashboards" / name).write_text("{}")
    files = provisioned(tmp_path, "")
    assert "dashboards/technopark-gone.json" not in files
    assert "dashboards/mine.json" in files


def test_the_same_options_write_the_same_files(tmp_path: Path) -> None:
    first = provisioned(tmp_path, "--tenant sunny")
    assert provisioned(tmp_path, "--tenant sunny") == first


def test_an_option_that_grafana_does_not_know_is_refused(tmp_path: Path) -> None:
    line = ["dashboards", "provision", str(tmp_path), "--sslmode", "maybe"]
    assert CliRunner().invoke(app, line).exit_code == 2
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = CliRunner().invoke(app, ["dashboards", "provision", str(tmp_path / "file")])
    assert result.exit_code == 1
