"""From the start of a platform, by way of many faults, to the account."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from stack.processes import bound
from tests.acceptance.conftest import RunningPlatform
from tests.faults import ledger
from tests.faults.account import Account, promised, there
from tests.faults.disk import Disk
from tests.faults.plan import Run, plan, troubles, victims
from tests.faults.proxy import Proxy
from tests.faults.publishers import PATIENCE_SECONDS, Order
from tests.faults.site import Site
from tests.parts import wait_until

MQTT_DEVICES, HTTP_DEVICES, RATE = 10, 1, 30.0
INGEST_WORKERS = 2
# Acknowledgements have to flow again so soon after everything is back.
FLOW_SECONDS = 30.0
DRAIN_SECONDS = 120.0


@dataclass
class Publishing:
    """The process of the publishers, and their ledger."""

    process: subprocess.Popen[str]
    order: Order

    @property
    def ledger(self) -> Path:
        return Path(self.order.ledger)

    def wait_for_more(self) -> None:
        """Until devices get acknowledgements again."""
        size = self.ledger.stat().st_size
        wait_until(lambda: self.ledger.stat().st_size > size, "an acknowledgement", FLOW_SECONDS)

    def end(self) -> dict[str, list[int]]:
        """Let them wait for their last acknowledgements.

        Returns:
            Device to the numbers of the messages that never got one.
        """
        output, _ = self.process.communicate(timeout=2 * PATIENCE_SECONDS)
        assert self.process.returncode == 0, "the publishers failed"
        unanswered: dict[str, list[int]] = json.loads(output)
        return unanswered


@contextmanager
def publishing(order: Order) -> Iterator[Publishing]:
    """Publishers in a process of their own, that ends with this one."""
    process = subprocess.Popen(
        bound([sys.executable, "-m", "tests.faults.publishers"]),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with process:
        try:
            assert process.stdin
            process.stdin.write(order.text())
            process.stdin.flush()
            running = Publishing(process, order)
            wait_until(lambda: every_device_is_heard(running), "every device to be heard")
            yield running
        finally:
            process.kill()


def every_device_is_heard(running: Publishing) -> bool:
    assert running.process.poll() is None, "the publishers failed"
    if not running.ledger.exists():
        return False
    heard = ledger.read(running.ledger)
    return heard.keys() == {*running.order.mqtt, *running.order.http}


def trial(
    home: Path, runs: int, seed: int, disk: Disk | None, tell: Callable[[str], None]
) -> Account:
    """Do ``runs`` kills to a platform in ``home``, chosen by ``seed``.

    Args:
        home: an empty folder, but for ``runtime``; ledger and logs stay in it.
        runs: how many kills.
        seed: the same seed, the same faults.
        disk: made for the database; None: no disk is filled.
        tell: told of every run.

    Raises:
        AssertionError: something did not come back, and says what.
    """
    platform = RunningPlatform(home, settings={"INGEST_WORKERS": str(INGEST_WORKERS)})
    try:
        platform.start()
        with Proxy(platform.ports["MQTT"]).running() as proxy:
            order = order_for(platform, proxy)
            with publishing(order) as publishers:
                site = Site(platform, proxy, random.Random(seed), disk)
                services = [entry["name"] for entry in site.services()]
                disturbed = troubles(services, disk=disk is not None)
                for number, run in enumerate(plan(runs, seed, victims(services), disturbed), 1):
                    tell(f"{number}/{runs} {suffer(site, publishers, run)}")
                unanswered = publishers.end()
        return settle(platform, order, unanswered)
    finally:
        platform.stop()


def suffer(site: Site, publishers: Publishing, run: Run) -> str:
    """One run, until everything works again; what happened, in a line."""
    site.suffer(run)
    since = time.monotonic()
    site.wait_until_back()
    publishers.wait_for_more()
    return f"kill {run.victim}, {run.trouble}: back after {time.monotonic() - since:.1f} s"


def order_for(platform: RunningPlatform, proxy: Proxy) -> Order:
    """New devices, and what they are to do."""
    return Order(
        ledger=str(platform.home / "ledger.jsonl"),
        t0=int(time.time() * 1000),
        port=proxy.port,
        api_url=platform.api_url,
        mqtt=dict(platform.add_device(f"mqtt-{n}") for n in range(MQTT_DEVICES)),
        http=dict(platform.add_device(f"http-{n}") for n in range(HTTP_DEVICES)),
        rate=RATE,
    )


def settle(platform: RunningPlatform, order: Order, unanswered: dict[str, list[int]]) -> Account:
    """Wait until nothing is on its way any more, and make the account."""
    entries, account = ledger.read(Path(order.ledger)), Account()
    with platform.database() as connection:
        wait_for_the_last(connection, promised(entries, order.t0))
        for device, digests in entries.items():
            account.check(connection, device, digests, unanswered[device], order.t0)
    return account


def wait_for_the_last(connection: psycopg.Connection, owed: tuple[int, int]) -> None:
    """Until as much is there as is owed. Where that never is, the account will say what."""
    deadline = time.monotonic() + DRAIN_SECONDS
    while time.monotonic() < deadline:
        if all(count >= due for count, due in zip(there(connection), owed, strict=True)):
            return
        time.sleep(1)
