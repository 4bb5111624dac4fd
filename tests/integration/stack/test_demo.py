"""``technopark up --demo``, as a program without a terminal runs it."""

import json
import re
import urllib.request

from tests.integration.stack.conftest import Installation
from tests.parts import wait_until


def test_a_demo_ends_by_itself_with_every_acknowledged_reading_stored(
    installation: Installation,
) -> None:
    status, output = installation.run("up", "--demo", "--for", "6", seconds=120)
    assert status == 0, output
    assert "\x1b" not in output
    found = dict(re.findall(r"^  ([a-z ]+?)  +(.+)$", output, re.MULTILINE))
    assert int(found["readings stored"].replace(",", "")) > 50
    assert (found["lost"], found["rejected"]) == ("0", "0")
    first = re.match(r"([\d.]+) s after the start", found["first reading"])
    assert first
    assert float(first[1]) < 15
    assert installation.running() == []


def test_the_device_that_the_demo_offers_can_publish_at_once(installation: Installation) -> None:
    demo = installation.launch("up", "--demo")
    secret = installation.path / "my-first-device.json"
    wait_until(lambda: secret.exists() or demo.poll() is not None, "the device's secret", 60)
    device = json.loads(secret.read_text())
    port = installation.ports["api_port"]
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/api/v1/devices/{device['id']}/telemetry",
        b'{"temperature": 21.5}',
        {"Authorization": f"Bearer {device['secret']}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert (answer.status, json.load(answer)["readings"]) == (202, 1)
    demo.terminate()
    assert demo.stdout
    assert device["secret"] in demo.stdout.read()
    demo.wait(30)
