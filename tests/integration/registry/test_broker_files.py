import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from broker import passwords
from tests.integration.registry.conftest import RunningRegistry, World
from tests.parts import USERS, RunningBroker, wait_until

PROMISED_SECONDS = 2


def users(broker: RunningBroker) -> set[str]:
    lines = (broker.folder / "passwords").read_text().splitlines()
    return {line.partition(":")[0] for line in lines}


def new_device(registry: RunningRegistry, device_id: str = "roof-1") -> str:
    device = registry.admin.post(
        "devices", {"id": device_id, "tenant_id": "sunny", "name": device_id}
    )
    return str(device["secret"])


def comes_in(
    broker: RunningBroker, device: str, secret: str, seconds: float = PROMISED_SECONDS
) -> None:
    """Within the promised time the broker lets the device in."""
    wait_until(lambda: broker.accepts(device, secret), f"{device} is let in", seconds, 0.1)


def stays_out(broker: RunningBroker, device: str, secret: str, seconds: float = 2) -> None:
    """However often it tries."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert not broker.accepts(device, secret)
        time.sleep(0.1)


def test_a_new_device_may_connect_at_once(
    wired: RunningRegistry, broker: RunningBroker, world: World
) -> None:
    comes_in(broker, "roof-1", new_device(wired))


def test_a_wrong_secret_stays_out(
    wired: RunningRegistry, broker: RunningBroker, world: World
) -> None:
    secret = new_device(wired)
    comes_in(broker, "roof-1", secret)
    stays_out(broker, "roof-1", passwords.new_secret(), 0.5)


def disconnects(broker: RunningBroker, secret: str, act: Callable[[], object]) -> None:
    """A connected device is thrown out within the promised time after ``act``."""
    comes_in(broker, "roof-1", secret)
    with broker.client("roof-1", secret) as device:
        gone: list[float] = []
        device.on_disconnect = lambda *_: gone.append(time.monotonic())
        started = time.monotonic()
        act()
        wait_until(lambda: gone, "the device is disconnected", PROMISED_SECONDS)
        device.disconnect()
    assert gone[0] - started < PROMISED_SECONDS
    stays_out(broker, "roof-1", secret, 0.5)


def test_revoking_the_secret_of_a_connected_device_disconnects_it(
    wired: RunningRegistry, broker: RunningBroker, world: World
) -> None:
    secret = new_device(wired)
    [known] = wired.admin.items("devices/roof-1/secrets")
    disconnects(broker, secret, lambda: wired.admin.delete(f"devices/roof-1/secrets/{known['id']}"))


def test_retiring_a_connected_device_disconnects_it(
    wired: RunningRegistry, broker: RunningBroker, world: World
) -> None:
    secret = new_device(wired)
    disconnects(broker, secret, lambda: wired.admin.post("devices/roof-1/retire"))


def test_a_rotation_without_overlap_leaves_only_the_new_secret(
    wired: RunningRegistry, broker: RunningBroker, world: World
) -> None:
    old = new_device(wired)
    comes_in(broker, "roof-1", old)
    new = wired.admin.post("devices/roof-1/secrets")["secret"]
    comes_in(broker, "roof-1", new)
    stays_out(broker, "roof-1", old, 0.5)


def test_both_secrets_of_a_rotation_come_in_until_the_overlap_ends(
    wired: RunningRegistry, broker: RunningBroker, world: World
) -> None:
    old = new_device(wired)
    comes_in(broker, "roof-1", old)
    ends = time.monotonic() + 12
    new = wired.admin.post("devices/roof-1/secrets", {"overlap_seconds": 12})["secret"]
    # The other secret is offered in turns, which is promised to whoever tries, but no time.
    for secret in (old, new, old, new):
        comes_in(broker, "roof-1", secret, 5)
    assert time.monotonic() < ends, "the machine is too slow for this test"
    time.sleep(max(ends - time.monotonic(), 0))
    # The overlap began with the answer, and the broker knows of its end within two seconds.
    wait_until(lambda: not broker.accepts("roof-1", old), "the end of the overlap", 5)
    comes_in(broker, "roof-1", new)
    stays_out(broker, "roof-1", old)
    assert broker.accepts("roof-1", new)


def test_a_connected_device_is_not_put_out_by_refused_log_ins_in_its_name(
    wired: RunningRegistry, broker: RunningBroker, world: World
) -> None:
    old = new_device(wired)
    comes_in(broker, "roof-1", old)
    wired.admin.post("devices/roof-1/secrets", {"overlap_seconds": 60})
    with broker.client("roof-1", old) as device:
        gone: list[float] = []
        device.on_disconnect = lambda *_: gone.append(time.monotonic())
        stays_out(broker, "roof-1", passwords.new_secret(), 2)
        assert not gone
        device.on_disconnect = None


def test_a_connected_device_is_put_out_when_the_overlap_ends(
    wired: RunningRegistry, broker: RunningBroker, world: World
) -> None:
    old = new_device(wired)
    disconnects(
        broker, old, lambda: wired.admin.post("devices/roof-1/secrets", {"overlap_seconds": 1})
    )


def test_a_burst_of_new_devices_makes_few_reloads(
    wired: RunningRegistry, broker: RunningBroker, world: World
) -> None:
    comes_in(broker, "roof-x", new_device(wired, "roof-x"))
    before, started = wired.app.state.keeper.reloads, time.monotonic()
    with ThreadPoolExecutor(4) as pool:
        secrets = list(pool.map(lambda n: new_device(wired, f"roof-{n}"), range(200)))
    seconds = time.monotonic() - started
    comes_in(broker, "roof-199", secrets[199])
    assert {f"roof-{n}" for n in range(200)} <= users(broker)
    assert wired.app.state.keeper.reloads - before <= seconds / 0.3 + 2


def test_what_changed_while_the_registry_was_away_is_mended_at_its_start(
    wired: RunningRegistry, broker: RunningBroker, world: World, connection: psycopg.Connection
) -> None:
    secret = new_device(wired)
    comes_in(broker, "roof-1", secret)
    wired.stop()
    late = passwords.new_secret()
    connection.execute("UPDATE devices SET stage = 'retired', retired_at = now()")
    connection.execute("INSERT INTO devices (id, tenant_id, name) VALUES ('late-1', 'sunny', 'x')")
    connection.execute(
        "INSERT INTO device_secrets (device_id, hash) VALUES ('late-1', %s)",
        [passwords.hash_secret(late)],
    )
    wired.start()
    comes_in(broker, "late-1", late)
    stays_out(broker, "roof-1", secret, 0.5)


def test_a_broker_that_was_not_told_of_the_last_file_is_told_at_the_start(
    wired: RunningRegistry, broker: RunningBroker, world: World
) -> None:
    secret = new_device(wired)
    comes_in(broker, "roof-1", secret)
    wired.stop()
    # As if the registry was killed after it replaced the file and before it told the broker.
    file = broker.folder / "passwords"
    current = file.read_text()
    passwords.replace(file, passwords.render(passwords.internal_entries(USERS)))
    broker.reload()
    wait_until(lambda: not broker.accepts("roof-1", secret), "the broker has the other file")
    passwords.replace(file, current)
    wired.start()
    comes_in(broker, "roof-1", secret)


def test_the_file_does_not_change_where_nothing_changed(
    wired: RunningRegistry, broker: RunningBroker, world: World
) -> None:
    comes_in(broker, "roof-1", new_device(wired))
    before = (broker.folder / "passwords").read_text()
    wired.stop()
    wired.start()
    wait_until(lambda: wired.app.state.keeper.reloads, "the first reload")
    assert (broker.folder / "passwords").read_text() == before


def test_a_malformed_hash_costs_only_its_own_device(
    wired: RunningRegistry, broker: RunningBroker, world: World, connection: psycopg.Connection
) -> None:
    connection.execute(
        "INSERT INTO device_secrets (device_id, hash) VALUES ('sunny-1', 'no hash at all')"
    )
    comes_in(broker, "roof-1", new_device(wired))
    assert "sunny-1" not in users(broker)


def test_a_lost_database_connection_is_made_again(
    wired: RunningRegistry, broker: RunningBroker, world: World, connection: psycopg.Connection
) -> None:
    connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    secret = new_device(wired)
    wait_until(lambda: broker.accepts("roof-1", secret), "the device is let in", 5, 0.1)


def test_the_broker_alone_may_read_the_file(
    wired: RunningRegistry, broker: RunningBroker, world: World
) -> None:
    comes_in(broker, "roof-1", new_device(wired))
    file: Path = broker.folder / "passwords"
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.stat().st_uid == broker.folder.stat().st_uid


def test_the_registry_stops_also_while_credentials_change(
    wired: RunningRegistry, connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    # So that the end meets a change, and not the pause after one.
    monkeypatch.setattr("registry.mosquitto.files.PAUSE_SECONDS", 0)
    stopping = threading.Event()

    def change() -> None:
        while not stopping.is_set():
            connection.execute("SELECT send_word('credentials', '')")

    for _ in range(5):
        stopping.clear()
        with ThreadPoolExecutor(1) as pool:
            pool.submit(change)
            wired.stop()
            stopping.set()
        wired.start()
