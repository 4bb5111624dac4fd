"""Devices by file: in by the API and the command line, out, and in again."""

from __future__ import annotations

import csv
import json
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
import typer
from typer.testing import CliRunner, Result

from broker.passwords import verify_secret
from cli import bulk
from tests.integration.registry.conftest import RunningRegistry, World

FILE = """\
id,name,model_id,lab_id,stage,tags,metadata.serial,values_per_second
roof-1,Roof 1,sunny-model,porto-lab,pilot,roof;süd,SN-1,20
roof-2,سقف ☀️,,,,,,
,Roof 3,common,,,,,
"""
IDS = ["roof-1", "roof-2", "sunny-roof-3"]
FAULTY = """\
id,name,model_id,lab_id,stage,tenant_id,tags,metadata
roof-1,Sound,,,,,,
Upper,x,,,,,,
roof-1,x,,,,,,
other-1,x,,,,,,
roof-3,x,other-model,nowhere,,,,
roof-4,,,,,,,
roof-5,x,,,retired,,,
roof-6,x,,,broken,,,
roof-7,x,,,,other,,
roof-8,x,,,,,a;a,{
,☀️,,,,,,
sunny-1,x
"""
FAULTS = {
    (3, "id"), (4, "id"), (5, "id"), (6, "model_id"), (6, "lab_id"), (7, "name"), (8, "stage"),
    (9, "stage"), (10, "tenant_id"), (11, "tags"), (11, "metadata"), (12, "id"), (13, None),
}  # fmt: skip


class Imports:
    """Imports in the name of somebody of Sunny."""

    def __init__(self, registry: RunningRegistry, token: str) -> None:
        self.registry, self.token = registry, token

    def ask(self, content: str | bytes, **options: Any) -> httpx.Response:
        body = content.encode() if isinstance(content, str) else content
        options = {"tenant_id": "sunny", **options}
        return self.registry.request(
            "POST", "/api/v1/imports", self.token, content=body, params=options
        )

    def run(self, content: str | bytes, **options: Any) -> dict[str, Any]:
        """What the answer says: ``devices`` and ``faults`` as lists, and the ``result``."""
        response = self.ask(content, **options)
        assert response.status_code == 200, response.text
        said: dict[str, list[Any]] = {"progress": [], "fault": [], "device": [], "result": []}
        for line in response.text.splitlines():
            [(kind, item)] = json.loads(line).items()
            said[kind].append(item)
        [result] = said["result"]
        return {
            "progress": said["progress"],
            "faults": said["fault"],
            "devices": said["device"],
            "result": result,
        }


@pytest.fixture
def imports(registry: RunningRegistry, world: World) -> Imports:
    return Imports(registry, world.tokens["member"])


def changed(result: dict[str, Any]) -> dict[str, Any]:
    """The figures of a result that are not zero."""
    return {name: value for name, value in result.items() if value}


def test_a_file_of_devices_is_stored_once_however_often_it_is_sent(
    imports: Imports, connection: psycopg.Connection
) -> None:
    tried = imports.run(FILE, dry_run=True)
    assert changed(tried["result"]) == {"created": 3}
    assert [device["id"] for device in tried["devices"]] == IDS
    assert "tpd_" not in str(tried)
    assert len(list(imports.registry.admin.items("devices"))) == 3

    connection.execute("SELECT listen_to('credentials')")
    done = imports.run(FILE)
    assert changed(done["result"]) == {"stored": True, "created": 3}
    # The broker's files are made anew once, not for each device.
    assert len(list(connection.notifies(timeout=0.2))) == 1
    for device in done["devices"]:
        row = connection.execute(
            "SELECT hash FROM device_secrets WHERE device_id = %s", [device["id"]]
        ).fetchone()
        assert row
        assert verify_secret(device["secret"], row[0])
    shown = imports.registry.admin.get("devices/roof-1")
    assert (shown["name"], shown["tags"], shown["stage"]) == ("Roof 1", ["roof", "süd"], "pilot")
    assert (shown["metadata"], shown["values_per_second"]) == ({"serial": "SN-1"}, 20)
    assert imports.registry.admin.get("devices/roof-2")["name"] == "سقف ☀️"

    again = imports.run(FILE, update=True)
    assert changed(again["result"]) == {"stored": True, "unchanged": 3}
    assert imports.registry.admin.get("devices/roof-1") == shown
    steps = [(line["step"], line["done"]) for line in again["progress"]]
    assert steps == [("checking", 3), ("storing", 0), ("storing", 3)]


def test_what_differs_is_told_and_changed_only_when_asked(imports: Imports) -> None:
    imports.run(FILE)
    other = 'id,name,lab_id,tags\nroof-1,"Roof 1",,roof\nroof-2,New,,\n'
    told = imports.run(other)
    assert changed(told["result"]) == {"stored": True, "different": 2}
    assert [device["changes"] for device in told["devices"]] == [["lab_id", "tags"], ["name"]]
    assert imports.registry.admin.get("devices/roof-1")["lab_id"] == "porto-lab"

    assert changed(imports.run(other, update=True)["result"]) == {"stored": True, "updated": 2}
    device = imports.registry.admin.get("devices/roof-1")
    assert (device["lab_id"], device["tags"]) == (None, ["roof"])
    # What the file does not name stays.
    assert (device["model_id"], device["stage"]) == ("sunny-model", "pilot")


def test_every_faulty_row_is_told_and_nothing_or_the_rest_is_stored(imports: Imports) -> None:
    for dry_run in (True, False):
        refused = imports.run(FAULTY, dry_run=dry_run)
        assert {(fault["row"], fault.get("field")) for fault in refused["faults"]} == FAULTS
        assert all(fault["detail"] for fault in refused["faults"])
        assert changed(refused["result"]) == {"faulty": 11}
    assert len(list(imports.registry.admin.items("devices"))) == 3

    partly = imports.run(FAULTY, valid_only=True)
    assert changed(partly["result"]) == {"stored": True, "created": 1, "faulty": 11}
    assert [device["id"] for device in partly["devices"]] == ["roof-1"]
    assert imports.registry.admin.get("devices/other-1")["tenant_id"] == "other"


def test_what_another_tenant_has_is_refused_like_what_is_not_there(
    imports: Imports, connection: psycopg.Connection
) -> None:
    connection.execute(
        "UPDATE devices SET stage = 'retired', retired_at = now() WHERE id = 'other-1'"
    )
    pairs = [
        ("id,name,tenant_id\nroof-1,x,other\n", "id,name,tenant_id\nroof-1,x,nowhere\n"),
        ("id,name,model_id\nroof-1,x,other-model\n", "id,name,model_id\nroof-1,x,nowhere\n"),
        ("id,stage\nother-1,retired\n", "id,stage\nnowhere-1,retired\n"),
        ("id,stage\nguest-1,pilot\n", "id,stage\nnowhere-1,pilot\n"),
    ]
    for there, nowhere in pairs:
        assert imports.run(there)["faults"] == imports.run(nowhere)["faults"] != []
    [fault] = imports.run("id,name\nother-1,x\n")["faults"]
    with pytest.raises(Exception, match=fault["detail"]):
        imports.registry.as_(imports.token).post(
            "devices", {"id": "other-1", "name": "x", "tenant_id": "sunny"}
        )


def test_a_retired_device_stays_so(imports: Imports) -> None:
    imports.registry.admin.post("devices/sunny-1/retire")
    assert changed(imports.run("id,stage\nsunny-1,retired\n")["result"]) == {
        "stored": True,
        "unchanged": 1,
    }
    [fault] = imports.run("id,stage\nsunny-1,pilot\n", update=True)["faults"]
    assert "stays so" in fault["detail"]


def test_secrets_that_were_lost_are_made_anew_but_not_of_devices_that_were_heard(
    imports: Imports, connection: psycopg.Connection
) -> None:
    first = {device["id"]: device["secret"] for device in imports.run(FILE)["devices"]}
    connection.execute(
        "INSERT INTO device_activity (device_id, last_seen) VALUES ('roof-1', now())"
    )
    again = imports.run(FILE, reissue=True)
    assert changed(again["result"]) == {"stored": True, "unchanged": 3, "reissued": 2}
    renewed = {device["id"]: device.get("secret") for device in again["devices"]}
    assert renewed["roof-1"] is None
    for device_id, secret in {**renewed, "roof-1": first["roof-1"]}.items():
        [valid] = connection.execute(
            "SELECT hash FROM device_secrets WHERE device_id = %s AND revoked_at IS NULL",
            [device_id],
        ).fetchall()
        assert verify_secret(secret, valid[0]), device_id


def test_of_imports_at_once_each_device_is_made_by_one(imports: Imports) -> None:
    rows = "".join(f"roof-{number},x\n" for number in range(500))
    with ThreadPoolExecutor(3) as pool:
        done = list(pool.map(imports.run, ["id,name\n" + rows] * 3))
    secrets = [device["secret"] for answer in done for device in answer["devices"]]
    assert len([secret for secret in secrets if secret]) == 500
    assert [
        sum(answer["result"][name] for answer in done) for name in ("created", "unchanged")
    ] == [
        500,
        1000,
    ]


def test_a_file_that_cannot_be_read_or_is_too_large_is_refused(
    imports: Imports, world: World
) -> None:
    response = imports.ask(b"id,name\nroof-1,Caf\xe9\n")
    assert response.status_code == 422
    assert "line 2 is not UTF-8" in response.json()["detail"]
    assert imports.ask(FILE, tennant="x").status_code == 422
    # Above the limit of other bodies, and below that of files.
    assert imports.ask("id,name\nroof-1," + "x" * 2_000_000).status_code == 422
    with socket.create_connection(("127.0.0.1", imports.registry.settings.api_port)) as connection:
        connection.sendall(
            b"POST /api/v1/imports HTTP/1.1\r\nHost: x\r\nContent-Length: 16777217\r\n\r\n"
        )
        assert connection.recv(4096).startswith(b"HTTP/1.1 413")
    for name in ("manager", "mentor", "viewer", "stranger", "nobody"):
        other = Imports(imports.registry, world.tokens[name])
        assert {fault["field"] for fault in other.run(FILE)["faults"]} == {"tenant_id"}


app = typer.Typer()
app.command("import")(bulk.import_)
app.command("export")(bulk.export)


def run(registry: RunningRegistry, token: str, *arguments: object) -> Result:
    environment = {"TECHNOPARK_API_URL": registry.url, "TECHNOPARK_TOKEN": token, "COLUMNS": "200"}
    return CliRunner().invoke(app, [str(each) for each in arguments], env=environment)


def test_what_is_exported_is_imported_without_a_change(
    imports: Imports, world: World, connection: psycopg.Connection, tmp_path: Path
) -> None:
    imports.run(FILE)
    connection.execute(
        """
        UPDATE devices SET name = '=1+1', tags = '{a;b,x}', metadata = '{"n": [1, null, "ü"]}',
            values_per_second = 0.1 WHERE id = 'sunny-1';
        UPDATE devices SET stage = 'retired', retired_at = now() WHERE id = 'roof-2';
        """
    )
    for name in ("all.csv", "all.json"):
        file = tmp_path / name
        written = run(imports.registry, imports.registry.admin_token, "export", file)
        assert written.exit_code == 0, written.output
        checked = run(
            imports.registry, imports.registry.admin_token, "import", file, "--dry-run", "--json"
        )
        assert changed(json.loads(checked.stdout)["result"]) == {"unchanged": 6}, checked.output
    assert {file.name for file in tmp_path.glob("all*")} == {"all.csv", "all.json"}
    own = run(imports.registry, imports.token, "export", "--tag", "roof")
    assert [row["id"] for row in csv.DictReader(own.stdout.lstrip("\ufeff").splitlines())] == [
        "roof-1"
    ]
    nothing = run(imports.registry, world.tokens["nobody"], "export", tmp_path / "none.json")
    assert nothing.exit_code == 0
    assert json.loads((tmp_path / "none.json").read_text()) == []


def test_the_command_keeps_secrets_in_a_file_of_their_own(
    imports: Imports, world: World, tmp_path: Path
) -> None:
    file = tmp_path / "roofs.csv"
    file.write_text(FAULTY)
    arguments = ("import", file, "--tenant", "sunny")
    refused = run(imports.registry, imports.token, *arguments)
    assert refused.exit_code == 1
    assert "there is no such lab" in refused.output
    assert list(tmp_path.glob("roofs*")) == [file]

    done = run(imports.registry, imports.token, *arguments, "--valid-only")
    assert done.exit_code == 0, done.output
    assert "1 created, 11 faulty" in done.output
    assert "tpd_" not in done.output
    [secrets] = tmp_path.glob("roofs.secrets-*.csv")
    assert secrets.stat().st_mode & 0o077 == 0
    [row] = csv.DictReader(secrets.read_text().splitlines())
    assert row["id"] == "roof-1"
    assert row["secret"].startswith("tpd_")

    blocked = run(imports.registry, imports.token, *arguments, "--secrets", secrets)
    assert blocked.exit_code == 1
    assert "is there already" in blocked.output
    assert run(imports.registry, imports.token, "import", tmp_path / "none.csv").exit_code == 2
