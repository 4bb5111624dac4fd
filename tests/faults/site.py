"""A running platform to which faults are done."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from typing import Any

import psutil
import psycopg

from stack import probes
from stack.home import Home
from stack.processes import is_alive
from tests.acceptance.conftest import RunningPlatform
from tests.faults.disk import NO_SPACE, Disk
from tests.faults.plan import SESSION, Run
from tests.faults.proxy import Proxy
from tests.parts import wait_until

BACK_SECONDS = 120.0
# So soon the database has to notice that its disk is full.
NOTICE_SECONDS = 30.0


@dataclass
class Site:
    """What the faults are done to.

    Attributes:
        platform: all services of it.
        proxy: the network between devices and broker.
        chance: which process of the database is killed, and how slow the network is.
        disk: of the database; None: it is on the machine's, which nobody fills.
    """

    platform: RunningPlatform
    proxy: Proxy
    chance: random.Random
    disk: Disk | None = None

    def suffer(self, run: Run) -> None:
        """Do what the plan says; afterwards only the victim is still away."""
        time.sleep(run.pause)
        with self.trouble(run.trouble):
            time.sleep(run.before)
            self.kill(run.victim)
            time.sleep(run.after)

    def kill(self, victim: str) -> None:
        """kill -9 of a process that runs; one that is just being started is waited for."""
        while True:
            with suppress(psutil.NoSuchProcess):
                if victim == SESSION:
                    server = self.process("postgres")
                    # One that comes up on a full disk goes down again before it has sessions.
                    self.chance.choice(server.children() or [server]).kill()
                else:
                    self.process(victim).kill()
                return
            time.sleep(0.05)

    def trouble(self, name: str) -> AbstractContextManager[None]:
        """A fault that lasts."""
        what, _, whom = name.partition(" ")
        match what:
            case "nothing":
                return nullcontext()
            case "restart":
                return self.restarted(whom)
            case "pause":
                return self.paused(whom)
            case "lock":
                return self.locked()
            case "fill":
                return self.filled()
            case "cut":
                return self.proxy.cut()
            case "lose":
                return self.proxy.cut(only_answers=True)
            case "slow":
                return self.proxy.slow(self.chance.uniform(0.05, 0.5))
        raise ValueError(name)

    @contextmanager
    def restarted(self, service: str) -> Iterator[None]:
        """A service is shut down in order, and started again by the supervisor."""
        # Of PostgreSQL, SIGTERM would wait until all its clients are gone.
        how = signal.SIGINT if service == "postgres" else signal.SIGTERM
        process = self.process(service)
        process.send_signal(how)
        yield
        # It may take longer over its shutdown than the trouble was to last, and until it is gone it
        # looks as if it were back.
        process.wait(BACK_SECONDS)

    @contextmanager
    def paused(self, service: str) -> Iterator[None]:
        """SIGSTOP and SIGCONT of a service and all processes that it has."""
        first = self.process(service)
        stopped = [first, *first.children(recursive=True)]
        try:
            for process in stopped:
                with suppress(psutil.NoSuchProcess):
                    process.suspend()
            yield
        finally:
            for process in stopped:
                with suppress(psutil.NoSuchProcess):
                    process.resume()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Nobody else reads or writes readings. Closing the connection ends the lock."""
        with closing(self.platform.database()) as connection:
            connection.autocommit = False
            connection.execute("LOCK TABLE readings IN ACCESS EXCLUSIVE MODE")
            yield

    @contextmanager
    def filled(self) -> Iterator[None]:
        """The database's disk is full, and the database has met it."""
        assert self.disk
        log = Home(self.platform.home).logs / "postgres.log"
        before = log.stat().st_size
        with self.disk.filled():
            wait_until(
                lambda: NO_SPACE in log.read_bytes()[min(before, log.stat().st_size) :],
                "the database to run out of disk",
                NOTICE_SECONDS,
            )
            yield

    def process(self, service: str) -> psutil.Process:
        """The process of a service.

        Raises:
            psutil.NoSuchProcess: it has none at this moment.
        """
        entry = next(entry for entry in self.services() if entry["name"] == service)
        # An id may belong to a stranger by now; with the time of its start it does not.
        if not entry["pid"] or not is_alive(entry["pid"], entry["started"]):
            raise psutil.NoSuchProcess(entry["pid"] or 0)
        return psutil.Process(entry["pid"])

    def services(self) -> list[dict[str, Any]]:
        """What the supervisor wrote down last."""
        services: list[dict[str, Any]] = Home(self.platform.home).read_record()["services"]
        return services

    def wait_until_back(self) -> None:
        """Until the supervisor has every service running, and every service answers."""
        wait_until(self.is_back, "every service to be back", BACK_SECONDS, pause=0.1)

    def is_back(self) -> bool:
        assert self.platform.process
        assert self.platform.process.poll() is None, "`up` itself ended"
        ports = self.platform.ports
        return (
            all(
                entry["state"] == "ready" and is_alive(entry["pid"], entry["started"])
                for entry in self.services()
            )
            and all(
                self.is_connected(entry["pid"])
                for entry in self.services()
                if entry["name"].startswith("ingest")
            )
            and probes.port_answers("127.0.0.1", ports["MQTT"])
            and probes.http_answers("127.0.0.1", ports["INGEST"], "/ready")
            and probes.http_answers("127.0.0.1", ports["API"], "/health/ready")
            and self.database_answers()
        )

    def is_connected(self, pid: int) -> bool:
        """Whether a process has a connection to the broker."""
        with suppress(psutil.NoSuchProcess):
            return any(
                connection.raddr and connection.raddr.port == self.platform.ports["MQTT"]
                for connection in psutil.Process(pid).net_connections("tcp")
                if connection.status == psutil.CONN_ESTABLISHED
            )
        return False

    def database_answers(self) -> bool:
        """Also in the middle of a crash's recovery the other services may not have noticed yet."""
        try:
            with self.platform.database() as connection:
                return connection.execute("SELECT true").fetchone() is not None
        except psycopg.OperationalError:
            return False
