"""One test reading that takes the whole way, as ``doctor``'s last check."""

from __future__ import annotations

import json
import secrets
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

from cli.api import Api, ApiError, path
from stack import credentials, services
from stack.doctor import Finding
from stack.errors import StackError
from stack.home import Home
from stack.settings import Settings
from storage.accounts import operator_token

WHAT = "test reading"
NAME = "technopark-doctor"
METRIC = "test"
PATIENCE_SECONDS = 10.0
PAUSE_SECONDS = 0.1


def examine(settings: Settings) -> Finding:
    """Send a reading through the running platform and look for it."""
    home = Home(settings.home)
    if not (home.path.exists() and home.is_held()):
        return Finding(WHAT, None, "not tried, the platform is not running: `technopark up`")
    try:
        seconds = send_one(settings, home)
    except (StackError, ApiError) as error:
        return Finding(WHAT, False, str(error))
    except (psycopg.Error, LookupError) as error:
        return Finding(WHAT, False, f"the database refused: {error}: `technopark logs postgres`")
    return Finding(WHAT, True, f"published, stored and found after {seconds:.2f} s")


def send_one(settings: Settings, home: Home) -> float:
    """Register, publish, find, and take the device's secret away again.

    Returns:
        Seconds from the publish to the answer of the API that has the reading.
    """
    url = services.database_url(settings, credentials.load(home))
    with psycopg.connect(
        url, connect_timeout=5, autocommit=True, application_name="technopark"
    ) as connection:
        expires = datetime.now(UTC) + timedelta(minutes=1)
        token = operator_token(connection, "doctor", expires)
    with Api(settings.api_url, token) as api:
        secret = device_secret(api)
        try:
            return publish_and_find(settings, api, secret)
        finally:
            for held in api.items(path("devices", NAME, "secrets")):
                api.delete(path("devices", NAME, "secrets", held["id"]))


def device_secret(api: Api) -> str:
    """A secret of doctor's own device, which is made the first time and always the same one."""
    try:
        issued = api.post(path("devices", NAME, "secrets"), {"overlap_seconds": 0})
    except ApiError as error:
        if error.status != 404:
            raise
        issued = make_device(api)
    return str(issued["secret"])


def make_device(api: Api) -> Any:
    """Register the device, in a tenant of its own."""
    try:
        api.post("tenants", {"id": NAME, "name": "Doctor's test readings", "kind": "community"})
    except ApiError as error:
        if error.status != 409:
            raise
    return api.post(
        "devices", {"id": NAME, "tenant_id": NAME, "name": "Doctor's test", "tags": ["doctor"]}
    )


def publish_and_find(settings: Settings, api: Api, secret: str) -> float:
    """Publish one reading with QoS 1 and ask the API until it is there."""
    value = secrets.randbelow(1_000_000)
    publish(settings, secret, value)
    acknowledged = time.monotonic()
    while time.monotonic() < acknowledged + PATIENCE_SECONDS:
        found = api.get(path("devices", NAME, "latest"))["items"]
        if any(one["metric"] == METRIC and one["value"] == value for one in found):
            return time.monotonic() - acknowledged
        time.sleep(PAUSE_SECONDS)
    raise StackError(
        "the broker acknowledged the test reading, but it was not stored within "
        f"{PATIENCE_SECONDS:.0f} s: see `technopark logs ingest`"
    )


def publish(settings: Settings, secret: str, value: int) -> None:
    """Publish the test reading. The broker may need a moment until it knows the new secret."""
    client = Client(CallbackAPIVersion.VERSION2, client_id=NAME)
    client.username_pw_set(NAME, secret)
    client.reconnect_delay_set(1, 1)
    connected = threading.Event()

    def note(_c: object, _u: object, _f: object, reason: ReasonCode, _p: object) -> None:
        if not reason.is_failure:
            connected.set()

    client.on_connect = note
    try:
        client.connect(settings.reach, settings.mqtt_port)
        client.loop_start()
        if not connected.wait(PATIENCE_SECONDS):
            raise StackError(
                "the broker refused the test device: see `technopark logs registry`, which "
                "writes the broker's password file"
            )
        told = client.publish(f"devices/{NAME}/telemetry", json.dumps({METRIC: value}), qos=1)
        told.wait_for_publish(PATIENCE_SECONDS)
    except (OSError, RuntimeError) as error:
        raise StackError(f"the broker did not answer ({error}): `technopark logs broker`") from None
    finally:
        client.disconnect()
        client.loop_stop()
    if not told.is_published():
        raise StackError("the broker did not take the test reading: see `technopark logs broker`")
