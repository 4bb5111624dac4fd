"""The three ways in, by the command line beside a running platform: file, code, key."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.api import Api, ApiError
from tests.acceptance.conftest import RunningPlatform
from tests.parts import wait_until


@pytest.fixture
def api(platform: RunningPlatform) -> Iterator[Api]:
    """The API in the administrator's name, with two tenants."""
    with platform.api() as opened:
        known = {tenant["id"] for tenant in opened.items("tenants")}
        for tenant in {"sunny", "moon"} - known:
            opened.post("tenants", {"id": tenant, "name": tenant, "kind": "startup"})
        yield opened


def run(platform: RunningPlatform, *arguments: str) -> str:
    """What a command says that succeeds."""
    done = platform.technopark(*arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def send(platform: RunningPlatform, api: Api, device: str, secret: str) -> None:
    """A reading of the device, stored."""
    with Api(platform.api_url, secret) as own:
        own.post(f"devices/{device}/telemetry", {"temperature": 21.5})
    wait_until(lambda: api.get(f"devices/{device}/latest")["items"], "the reading")


def test_a_file_of_devices_comes_in_and_goes_out(
    platform: RunningPlatform, api: Api, tmp_path: Path
) -> None:
    file = tmp_path / "roofs.csv"
    file.write_text("id;name;tags\r\nroof-1;Dach 1 ☀️;roof;\r\nroof-2;;\r\n")
    refused = platform.technopark("device", "import", str(file), "--tenant", "sunny", "--dry-run")
    assert refused.returncode == 1
    assert "a new device needs a name" in refused.stdout
    file.write_text(file.read_text().replace("roof-2;;", "roof-2;Dach 2;"))
    assert "2 created" in run(platform, "device", "import", str(file), "--tenant", "sunny")
    [secrets] = tmp_path.glob("roofs.secrets-*.csv")
    first, _ = csv.DictReader(secrets.read_text().splitlines())
    send(platform, api, first["id"], first["secret"])

    export = tmp_path / "all.csv"
    run(platform, "device", "export", str(export), "--tenant", "sunny")
    assert "2 unchanged" in run(platform, "device", "import", str(export), "--update")


def test_a_device_goes_to_who_has_its_code(platform: RunningPlatform, api: Api) -> None:
    old = api.post("devices", {"id": "bench-1", "tenant_id": "sunny", "name": "Bench"})["secret"]
    code = json.loads(run(platform, "device", "claim-code", "bench-1", "--json"))["code"]
    claimed = run(platform, "device", "claim", code.lower(), "--tenant", "moon", "--json")
    device = json.loads(claimed)
    assert device["tenant_id"] == "moon"
    send(platform, api, "bench-1", device["secret"])
    with pytest.raises(ApiError, match="not its secret"):
        send(platform, api, "bench-1", old)


def test_a_device_makes_its_own_entry_and_keeps_it(platform: RunningPlatform, api: Api) -> None:
    added = run(
        platform, "provisioning", "add", "Line", "--tenant", "sunny", "--devices", "1", "--json"
    )
    with Api(platform.api_url, json.loads(added)["key"]) as factory:
        factory.post("provision", {"serial": "SN-1"})
        device = factory.post("provision", {"serial": "SN-1"})
        send(platform, api, device["id"], device["secret"])
        with pytest.raises(ApiError, match="heard already"):
            factory.post("provision", {"serial": "SN-1"})
        with pytest.raises(ApiError, match="all of its devices"):
            factory.post("provision", {"serial": "SN-2"})
