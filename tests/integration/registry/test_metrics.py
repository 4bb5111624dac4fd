"""What an operator sees of the registry, and of the broker through it."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from prometheus_client import CollectorRegistry

from registry.mosquitto.figures import FIGURES
from stack import broker_service
from tests.integration.registry.conftest import (
    RunningRegistry,
    World,
    registry_settings,
    serving,
)
from tests.parts import USERS, RunningBroker, free_port, listens, wait_until

QUEUE = 5


def value(registry: RunningRegistry, name: str, **labels: str) -> float | None:
    metrics: CollectorRegistry = registry.app.state.metrics
    return metrics.get_sample_value(f"technopark_{name}", labels)


def begin_anew(broker: RunningBroker) -> None:
    """Start the broker so that it drops what does not fit."""
    broker.stop()
    file = broker.folder / "mosquitto.conf"
    file.write_text(
        file.read_text().replace("max_queued_messages 0", f"max_queued_messages {QUEUE}")
    )
    with (broker.folder / "broker.log").open("ab") as log:
        broker.process = subprocess.Popen(
            broker_service.command(broker.runtime, broker.folder), stdout=log, stderr=log
        )
    wait_until(lambda: listens(broker.port), "the broker to start")


@pytest.fixture
def talking(broker: RunningBroker) -> RunningBroker:
    begin_anew(broker)
    return broker


@pytest.fixture
def watching(
    database_url: str, connection: psycopg.Connection, talking: RunningBroker
) -> Iterator[RunningRegistry]:
    settings = registry_settings(database_url, talking.folder, talking.port)
    with serving(settings, connection) as running:
        wait_until(lambda: value(running, "broker_uptime_seconds"), "the broker's first figures")
        yield running


def leave_a_subscription(broker: RunningBroker, device: str, secret: str) -> None:
    """A device that wants commands, and is away."""
    client = Client(
        CallbackAPIVersion.VERSION2, client_id=device, protocol=MQTTProtocolVersion.MQTTv5
    )
    client.username_pw_set(device, secret)
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.SessionExpiryInterval = 3600
    subscribed: list[int] = []
    client.on_subscribe = lambda *event: subscribed.append(event[2])
    client.connect("127.0.0.1", broker.port, clean_start=False, properties=properties)
    client.loop_start()
    wait_until(client.is_connected, "the device to connect")
    client.subscribe(f"devices/{device}/commands/+", qos=1)
    wait_until(lambda: subscribed, "the subscription")
    client.disconnect()
    client.loop_stop()


def test_every_figure_is_one_that_this_broker_publishes(watching: RunningRegistry) -> None:
    expected = {f"technopark_broker_{figure.name}" for figure in FIGURES.values()}

    def published() -> set[str]:
        families = watching.app.state.metrics.collect()
        return {family.name for family in families if family.samples} & expected

    wait_until(lambda: published() == expected, "every figure")
    assert published() == expected


def test_what_the_broker_drops_is_counted_and_its_restart_is_seen(
    watching: RunningRegistry, talking: RunningBroker, world: World
) -> None:
    assert value(watching, "broker_dropped_messages_total") == 0
    # Not by the password file alone: the registry keeps that, and would put the device out again.
    device = {"id": "dev-a", "tenant_id": "sunny", "name": "A"}
    secret = str(watching.admin.post("devices", device)["secret"])
    wait_until(lambda: talking.accepts("dev-a", secret), "the device to be let in")
    leave_a_subscription(talking, "dev-a", secret)
    with talking.client("_registry", "registry-password") as client:
        for n in range(QUEUE + 7):
            client.publish(f"devices/dev-a/commands/{n}", b"{}", qos=1).wait_for_publish(10)
    wait_until(
        lambda: (value(watching, "broker_dropped_messages_total") or 0) >= 7, "the drops are seen"
    )
    assert (value(watching, "broker_stored_messages") or 0) >= QUEUE
    begin_anew(talking)
    wait_until(lambda: value(watching, "broker_dropped_messages_total") == 0, "it begins anew")


def test_without_the_broker_nothing_is_said_of_it(
    watching: RunningRegistry, talking: RunningBroker
) -> None:
    assert value(watching, "registry_broker_connected") == 1
    talking.stop()
    wait_until(lambda: value(watching, "registry_broker_connected") == 0, "the loss is noticed")
    assert value(watching, "broker_clients_connected") is None


def test_a_request_is_counted_by_the_route_and_never_by_what_it_was_asked_for(
    registry: RunningRegistry, world: World
) -> None:
    for park in ("porto", "pune"):
        registry.admin.get(f"parks/{park}")
    registry.request("GET", "/api/v1/parks/nowhere", registry.admin_token)
    registry.request("GET", "/api/v1/parks/porto?token=hush", registry.admin_token)
    registry.request("GET", "/wp-login.php")
    route = {"method": "GET", "handler": "/api/v1/parks/{park_id}"}
    name = "registry_request_seconds_count"
    assert value(registry, name, **route, status="200") == 2
    assert value(registry, name, **route, status="404") == 1
    assert value(registry, name, method="GET", handler="none", status="404") == 1
    text = str(list(registry.app.state.metrics.collect()))
    assert not any(word in text for word in ("nowhere", "hush", "wp-login"))


def test_the_password_file_and_the_connections_of_the_database_are_watched(
    wired: RunningRegistry,
) -> None:
    wait_until(lambda: value(wired, "registry_password_file_reloads_total"), "the first reload")
    assert value(wired, "registry_password_file_checked_timestamp_seconds")
    assert value(wired, "registry_database_connections")
    assert value(wired, "registry_database_waiting_requests") == 0


def test_without_the_broker_the_registry_is_ready_and_says_what_rests(
    wired: RunningRegistry, broker: RunningBroker
) -> None:
    assert wired.request("GET", "/health/ready").json() == {"status": "ok", "problems": []}
    broker.stop()
    wait_until(lambda: not wired.app.state.publisher.connected, "the loss is noticed")
    response = wired.request("GET", "/health/ready")
    assert response.status_code == 200
    assert response.json()["status"] == "degraded"
    assert "telemetry by HTTP" in response.json()["problems"][0]


def test_the_api_itself_shows_no_metrics(registry: RunningRegistry) -> None:
    assert registry.request("GET", "/metrics", registry.admin_token).status_code == 404


def test_the_process_serves_metrics_and_writes_every_line_as_json_without_queries(
    database_url: str, broker: RunningBroker, tmp_path: Path
) -> None:
    settings = registry_settings(database_url, broker.folder, broker.port)
    metrics_port, log = free_port(), tmp_path / "log"
    environment = {
        "DATABASE_URL": database_url,
        "BROKER_FOLDER": str(broker.folder),
        "BROKER_PORT": str(broker.port),
        "API_PORT": str(settings.api_port),
        "REGISTRY_PORT": str(metrics_port),
        "REGISTRY_PASSWORD": USERS["_registry"],
        "INGEST_PASSWORD": USERS["_ingest"],
        "LOG_FORMAT": "json",
        "LOG_LEVEL": "debug",
    }
    with log.open("w") as opened:
        process = subprocess.Popen(
            [sys.executable, "-m", "registry"],
            env={"PATH": os.environ["PATH"]}
            | {f"TECHNOPARK_{name}": text for name, text in environment.items()},
            stderr=opened,
        )
    try:
        wait_until(lambda: listens(settings.api_port), "the API to answer", seconds=60)
        url = f"http://127.0.0.1:{settings.api_port}/health/live?token=hush"
        httpx.get(url, headers={"Authorization": "Bearer tpa_hush"}, trust_env=False)
        text = httpx.get(f"http://127.0.0.1:{metrics_port}/metrics", trust_env=False).text
    finally:
        process.terminate()
        process.wait(20)
    assert 'technopark_registry_request_seconds_count{handler="/health/live"' in text
    assert "_created" not in text
    lines: list[dict[str, Any]] = [json.loads(line) for line in log.read_text().splitlines()]
    [request] = [line for line in lines if line["event"] == "request"]
    assert (request["method"], request["path"], request["status"]) == ("GET", "/health/live", 200)
    assert "uvicorn.error" in {line.get("logger") for line in lines}
    assert "hush" not in log.read_text()
