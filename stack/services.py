"""The platform's services as data: how each is started, and how one sees that it answers."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from urllib.parse import quote

from broker.config import BrokerConfig, Tls
from stack import broker_service, database, probes
from stack.credentials import Credentials
from stack.home import Home
from stack.processes import bound
from stack.runtime import Runtime
from stack.settings import PREFIX, Settings
from stack.supervisor import Service

# What a service may know of the environment of whoever typed `up`; the rest is nobody's business.
INHERITED = ("HOME", "LANG", "LC_ALL", "PATH", "TMPDIR", "TZ", "USER")
# Settings of the registry alone, which it checks by itself.
HANDED_ON = (
    "PUBLIC_URL", "TRUSTED_PROXIES", "OIDC_ISSUER", "OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET",
    "SMTP_HOST", "SMTP_PORT", "SMTP_TLS", "SMTP_USER", "SMTP_PASSWORD", "MAIL_FROM",
    "GRAFANA_PUBLIC_URL", "UPLOAD_FOLDER", "UPLOAD_BYTES", "DATABASE_CONNECTIONS", "SQL_HOST",
    "SQL_PORT",
)  # fmt: skip
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
LOOPBACK = "127.0.0.1"


def inherited(environment: Mapping[str, str]) -> dict[str, str]:
    """The allowed part of ``environment``, and that a service writes its log line by line."""
    kept = {name: environment[name] for name in INHERITED if name in environment}
    return {"PATH": SYSTEM_PATH, **kept, "PYTHONUNBUFFERED": "1", "NO_COLOR": "1"}


def database_url(
    settings: Settings, credentials: Credentials, name: str = database.DATABASE
) -> str:
    """How the platform's own programs reach the database."""
    password = quote(credentials.database, safe="")
    return (
        f"postgresql://{database.SUPERUSER}:{password}@{LOOPBACK}:{settings.database_port}/{name}"
    )


def broker_config(settings: Settings, runtime: Runtime, home: Home) -> BrokerConfig:
    """The broker's configuration, in the names that it sees."""
    folder = PurePosixPath(runtime.inside(home.broker))
    return BrokerConfig(
        folder=folder,
        plugins=PurePosixPath(runtime.plugins),
        address=str(settings.listen),
        mqtt_port=settings.mqtt_port,
        websocket_port=settings.websocket_port,
        tls_port=settings.mqtts_port,
        tls=Tls(folder / "tls/server.pem", folder / "tls/server.key"),
        durability=settings.durability,
    )


def postgres(settings: Settings, runtime: Runtime, home: Home, credentials: Credentials) -> Service:
    """The database."""
    url = database_url(settings, credentials, "postgres")
    return Service(
        name="postgres",
        command=database.command(runtime, home.postgres, settings.database_port),
        environment={"PATH": SYSTEM_PATH, "LC_ALL": "C.UTF-8"},
        log=home.logs / "postgres.log",
        is_ready=lambda: probes.database_answers(url),
        # After a crash it first replays what the checkpoint had not written.
        patience=300,
        # Fast shutdown: sessions are ended, everything is written.
        stop_signal=signal.SIGINT,
        grace=60,
    )


def broker(settings: Settings, runtime: Runtime, home: Home) -> Service:
    """The MQTT broker. Its listeners open when ingest's session exists."""
    return Service(
        name="broker",
        command=broker_service.command(runtime, home.broker),
        environment={"PATH": SYSTEM_PATH, "LC_ALL": "C.UTF-8"},
        log=home.logs / "broker.log",
        is_ready=lambda: probes.port_answers(settings.reach, settings.mqtt_port),
        grace=20,
    )


def registry(settings: Settings, home: Home, credentials: Credentials) -> Service:
    """The HTTP API. It keeps the broker's password file, so it starts before the broker."""
    return Service(
        name="registry",
        command=bound([sys.executable, "-P", "-m", "registry"]),
        environment=python_environment(
            LISTEN=str(settings.listen),
            API_PORT=str(settings.api_port),
            REGISTRY_PORT=str(settings.registry_port),
            BROKER_FOLDER=str(home.broker),
            BROKER_MEMORY=str(int(settings.broker_memory)),
            REGISTRY_PASSWORD=credentials.registry,
            INGEST_PASSWORD=credentials.ingest,
            IDENTITY_KEY=credentials.identity,
            CERTIFICATE_KEY=credentials.certificate,
            **handed_on(os.environ),
            **shared(settings, credentials),
        ),
        log=home.logs / "registry.log",
        is_ready=lambda: probes.http_answers(settings.reach, settings.api_port, "/health/ready"),
    )


def handed_on(environment: Mapping[str, str]) -> dict[str, str]:
    """What the registry is told as it was told to whoever typed `up`."""
    return {name: environment[PREFIX + name] for name in HANDED_ON if PREFIX + name in environment}


def ingest(settings: Settings, home: Home, credentials: Credentials) -> list[Service]:
    """What brings readings from the broker into the database: one service for each worker."""
    environment = python_environment(
        INGEST_PORT=str(settings.ingest_port),
        INGEST_PASSWORD=credentials.ingest,
        INGEST_JOURNAL=str(home.journal),
        INGEST_WORKERS=str(settings.ingest_workers),
        DURABILITY=settings.durability,
        **shared(settings, credentials),
    )
    return [
        ingest_worker(worker, settings.ingest_port, environment, home.logs)
        for worker in range(1, settings.ingest_workers + 1)
    ]


def ingest_worker(
    worker: int, first_port: int, environment: Mapping[str, str], logs: Path
) -> Service:
    """One worker of ingest.

    Args:
        worker: its number, from 1.
        first_port: of the first worker's metrics; the others' follow.
        environment: what all workers are told.
        logs: folder of its log.
    """
    name = "ingest" if worker == 1 else f"ingest-{worker}"
    port = first_port + worker - 1
    return Service(
        name=name,
        command=bound([sys.executable, "-P", "-m", "ingest"]),
        environment={
            **environment,
            f"{PREFIX}INGEST_WORKER": str(worker),
            f"{PREFIX}INGEST_PORT": str(port),
        },
        log=logs / f"{name}.log",
        is_ready=lambda: probes.http_answers(LOOPBACK, port, "/ready"),
        grace=20,
    )


def shared(settings: Settings, credentials: Credentials) -> dict[str, str]:
    """What registry and ingest are both told."""
    return {
        "DATABASE_URL": database_url(settings, credentials),
        "BROKER_HOST": settings.reach,
        "BROKER_PORT": str(settings.mqtt_port),
        "LOG_FORMAT": settings.log_format.value,
        "LOG_LEVEL": settings.log_level.value,
    }


def python_environment(**settings: str) -> dict[str, str]:
    """The environment of a program of ours: a few common variables and its settings."""
    return {
        **inherited(os.environ),
        **{f"{PREFIX}{name}": value for name, value in settings.items()},
    }
