"""One running platform: everything in order up, watched, and everything down again."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import sql

from broker import passwords
from broker.config import internal_users
from stack import broker_service, credentials, database, preflight, services, tls
from stack.errors import ServiceFailedError, StackError
from stack.home import Home
from stack.processes import start_time
from stack.runtime import Runtime
from stack.settings import Settings, bracketed
from stack.supervisor import Child, Service, State, Supervisor, keep_small
from storage.accounts import create_first_admin
from storage.errors import StorageError
from storage.migrate import migrate, set_grafana_password

LOOK_AFTER_SECONDS = 30.0


@dataclass
class Platform:
    """The services of one folder. Hold the folder (``Home.held``) as long as it lives.

    Attributes:
        settings: of this run.
        home: its folder.
        runtime: its programs.
        supervisor: watches the processes.
        tell: told in a few words what is being done.
        warnings: what an operator should know now.
        first_token: the first administrator's, on the run that made it; None on all others.
        looked_after: when things were last looked after that slowly go wrong, of the clock.
        certificate_is_new: the broker has not been told of it.
    """

    settings: Settings
    home: Home
    runtime: Runtime
    supervisor: Supervisor
    tell: Callable[[str], None] = lambda _: None
    warnings: list[str] = field(default_factory=list)
    first_token: str | None = None
    looked_after: float = 0.0
    certificate_is_new: bool = False

    def __post_init__(self) -> None:
        self.credentials = credentials.load(self.home)
        self.home.logs.mkdir(exist_ok=True, mode=0o700)
        self.supervisor.on_change = self.record

    @property
    def database_url(self) -> str:
        """Of the platform's database, with its password."""
        return services.database_url(self.settings, self.credentials)

    def start(self) -> None:
        """Start everything in order. Each service stands on those before it.

        Raises:
            StackError: something did not come up; what runs already has to be stopped.
        """
        self.tell("starting the database")
        database.create(self.runtime, self.home.postgres, self.credentials.database)
        self.run(services.postgres(self.settings, self.runtime, self.home, self.credentials))
        self.tell("bringing the schema up to date")
        self.prepare_database()
        self.prepare_broker()
        self.tell("starting the registry")
        self.run(services.registry(self.settings, self.home, self.credentials))
        self.tell("starting the broker")
        self.run(services.broker(self.settings, self.runtime, self.home))
        self.tell("starting ingest")
        for worker in services.ingest(self.settings, self.home, self.credentials):
            self.run(worker)

    def run(self, service: Service) -> None:
        """Start one service more, after those that run."""
        self.supervisor.start(service)

    def prepare_database(self) -> None:
        """Create the database, its schema and the first administrator, as far as they miss."""
        maintenance = services.database_url(self.settings, self.credentials, "postgres")
        try:
            with psycopg.connect(maintenance, autocommit=True) as connection:
                create_database(connection, database.DATABASE)
            with psycopg.connect(
                self.database_url, autocommit=True, application_name="technopark"
            ) as connection:
                migrate(connection)
                set_grafana_password(connection, self.credentials.grafana)
                self.first_token = create_first_admin(connection)
        except (psycopg.Error, StorageError) as error:
            raise ServiceFailedError(f"the database could not be prepared: {error}") from error

    def prepare_broker(self) -> None:
        """Write what the broker reads."""
        config = services.broker_config(self.settings, self.runtime, self.home)
        users = internal_users(self.credentials.ingest, self.credentials.registry)
        broker_service.prepare(self.runtime, self.home.broker, config, users)
        tls.ensure(self.home, self.runtime.owner("mosquitto"))

    def step(self) -> None:
        """Look after the services once, and now and then after what slowly goes wrong."""
        self.supervisor.step()
        if self.supervisor.clock() - self.looked_after < LOOK_AFTER_SECONDS:
            return
        self.looked_after = self.supervisor.clock()
        for child in self.supervisor.children.values():
            keep_small(child.service.log)
        self.certificate_is_new |= tls.ensure(self.home, self.runtime.owner("mosquitto"))
        if self.certificate_is_new:
            self.certificate_is_new = not passwords.reload(self.home.broker / "mosquitto.pid")
        self.warnings = warnings(self.home)

    def record(self, changed: Child) -> None:
        """Write down what runs, for ``status``, ``down`` and the next ``up``; tell of trouble."""
        if changed.state is State.WAITING:
            self.tell(f"{changed.service.name} ended and is started again")
        elif changed.state is State.READY and changed.failures:
            self.tell(f"{changed.service.name} answers again")
        self.home.write_record(
            {
                "pid": os.getpid(),
                "started": start_time(os.getpid()),
                "listen": str(self.settings.listen),
                "ports": self.settings.ports(),
                "addresses": addresses(self.settings),
                "services": [entry(child) for child in self.supervisor.children.values()],
            }
        )


def create_database(connection: psycopg.Connection, name: str) -> None:
    """Create a database unless it is there."""
    found = connection.execute("SELECT FROM pg_database WHERE datname = %s", [name]).fetchone()
    if found is None:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))


def entry(child: Child) -> dict[str, Any]:
    """A service as ``status`` shows it."""
    running = child.state in (State.STARTING, State.READY)
    return {
        "name": child.service.name,
        "state": child.state.value,
        "pid": child.process.pid if running else None,
        "started": start_time(child.process.pid) if running else None,
        "deaths": child.deaths,
    }


def addresses(settings: Settings) -> dict[str, str]:
    """Where the platform is reached, by what one reaches there."""
    host = bracketed(settings.reach)
    return {
        "MQTT": f"mqtt://{host}:{settings.mqtt_port}",
        "MQTT over TLS": f"mqtts://{host}:{settings.mqtts_port}",
        "MQTT over WebSocket": f"ws://{host}:{settings.websocket_port}",
        "API": f"{settings.api_url}/api/v1",
        "API documentation": f"{settings.api_url}/docs",
        "PostgreSQL": f"postgresql://{services.LOOPBACK}:{settings.database_port}",
        "registry metrics": f"http://{services.LOOPBACK}:{settings.registry_port}/metrics",
        "ingest metrics": f"http://{services.LOOPBACK}:{settings.ingest_port}/metrics",
    }


def warnings(home: Home) -> list[str]:
    """What runs well now and soon will not."""
    found = []
    free = preflight.free_bytes(home.path)
    if free < 2 * preflight.NEEDED_BYTES:
        found.append(f"only {free >> 20} MB are free in {home.path}: make room soon")
    return found


def require_programs() -> None:
    """Refuse a machine without the small tools that bind a process to its parent.

    Raises:
        StackError: names what to install.
    """
    for program in ("setpriv", "unshare"):
        if shutil.which(program) is None:
            raise StackError(
                f"{program} is missing: install util-linux, or use `docker compose up`"
            )
