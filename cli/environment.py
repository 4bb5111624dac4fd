"""Commands that prepare a server: passwords, the broker's folder, the schema.

`technopark up` does the same by itself; these are for containers, where each is a step of its own.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Annotated, TypeVar

import psycopg
import typer
from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from broker.config import BrokerConfig, Durability, Tls, internal_users
from broker.passwords import replace
from service.settings import broken
from stack import broker_service
from storage import aggregates
from storage.accounts import create_first_admin
from storage.errors import StorageError
from storage.migrate import migrate as bring_up_to_date
from storage.migrate import set_grafana_password

PREFIX = "TECHNOPARK_"
# Every secret that compose.yaml requires, and what it is.
SECRETS: Mapping[str, str] = {
    "DATABASE_PASSWORD": "PostgreSQL's superuser technopark",
    "INGEST_PASSWORD": "the broker's user _ingest",
    "REGISTRY_PASSWORD": "the broker's user _registry",
    "IDENTITY_KEY": "encrypts secrets of authenticator apps and alerts, and mails; lost with it",
    "CERTIFICATE_KEY": "makes the key that signs certificates; with another they verify no more",
    "GRAFANA_DB_PASSWORD": "PostgreSQL's role technopark_grafana, which reads for Grafana",
    "GRAFANA_ADMIN_PASSWORD": "Grafana's user admin",
}
# What may be set besides, and its default.
CHOICES: Mapping[str, str] = {
    "LISTEN": "127.0.0.1",
    "MQTT_PORT": "1883",
    "MQTTS_PORT": "8883",
    "WEBSOCKET_PORT": "9001",
    "API_PORT": "8000",
    "DATABASE_PORT": "5433",
    "GRAFANA_PORT": "3000",
    "DURABILITY": "kill",
    "INGEST_WORKERS": "1",
    "LOG_FORMAT": "text",
    "LOG_LEVEL": "info",
    "BROKER_MEMORY": "1GiB",
    "UPLOAD_BYTES": "8GiB",
    "PUBLIC_URL": "",
    "GRAFANA_PUBLIC_URL": "",
    "GRAFANA_LANGUAGE": "en",
    "TRUSTED_PROXIES": "",
    "OIDC_ISSUER": "",
    "OIDC_CLIENT_ID": "",
    "OIDC_CLIENT_SECRET": "",
    "SMTP_HOST": "",
    "SMTP_PORT": "587",
    "SMTP_TLS": "starttls",
    "SMTP_USER": "",
    "SMTP_PASSWORD": "",
    "MAIL_FROM": "",
}


class BrokerSettings(BaseSettings):
    """Settings of ``technopark render-broker``; each is a variable ``TECHNOPARK_…``."""

    model_config = SettingsConfigDict(env_prefix=PREFIX)

    broker_folder: Path = Field(description="the broker's folder, as the broker sees it too")
    broker_plugins: PurePosixPath = Field(
        PurePosixPath("/usr/lib"), description="the folder of Mosquitto's plugins"
    )
    broker_program: PurePosixPath = Field(
        PurePosixPath("/usr/sbin/mosquitto"), description="Mosquitto itself"
    )
    broker_pid_file: PurePosixPath = Field(
        PurePosixPath("/tmp/mosquitto.pid"),  # noqa: S108 - the container's own
        description="outside the shared folder: the number means nothing to other containers",
    )
    listen: str = Field("127.0.0.1", description="where the listeners are bound")
    mqtt_port: int = Field(1883, ge=1, le=65535, description="plain MQTT")
    mqtts_port: int = Field(8883, ge=1, le=65535, description="MQTT over TLS")
    websocket_port: int = Field(9001, ge=1, le=65535, description="MQTT over WebSocket")
    durability: Durability = Field(Durability.KILL, description="what an acknowledged one survives")
    ingest_password: SecretStr = Field(description="of the broker's user _ingest")
    registry_password: SecretStr = Field(description="of the broker's user _registry")


class MigrateSettings(BaseSettings):
    """Settings of ``technopark migrate``; each is a variable ``TECHNOPARK_…``."""

    model_config = SettingsConfigDict(env_prefix=PREFIX)

    database_url: SecretStr = Field(description="PostgreSQL URL of the platform's database")
    grafana_db_password: SecretStr | None = Field(
        None, description="lets Grafana's role log in; without it the role stays as it is"
    )


AnySettings = TypeVar("AnySettings", bound=BaseSettings)


def read(settings: type[AnySettings]) -> AnySettings:
    """The settings of the environment, or the command's end with exit status 2."""
    try:
        return settings()
    except ValidationError as error:
        for name, problem in broken(error):
            typer.echo(f"{name}: {problem.lower()}", err=True)
        raise typer.Exit(2) from None


def env(file: Annotated[Path, typer.Argument(help="The file to make.")] = Path(".env")) -> None:
    """Make the file of passwords that `docker compose` needs, once; it is never overwritten.

    Example: technopark env
    """
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        typer.echo(f"{file} is there already and was left as it is", err=True)
        raise typer.Exit(1) from None
    except OSError as error:
        typer.echo(f"{file} could not be made: {error.strerror}", err=True)
        raise typer.Exit(1) from None
    with os.fdopen(descriptor, "w") as opened:
        opened.write(render_env())
    typer.echo(f"{file} is made. Keep a copy in a safe place: the database opens with it only.")


def render_env() -> str:
    """The text of an environment file: random secrets, and the choices as comments."""
    lines = ["# Passwords of this installation, made at random. Read by `docker compose`."]
    for name, what in SECRETS.items():
        # Letters that need no escaping in a URL, in YAML or for Compose's own "$".
        lines += [f"# {what}", f"{PREFIX}{name}={secrets.token_urlsafe(24)}"]
    lines += ["", "# What may be changed, with its default."]
    lines += [f"# {PREFIX}{name}={default}" for name, default in CHOICES.items()]
    return "\n".join([*lines, ""])


def render_broker() -> None:
    """Write the broker's folder: configuration, rules, its own users and start scripts.

    Devices that the password file already has stay in it. MQTT over TLS is served where
    tls/server.pem and tls/server.key are in the folder.

    Example: TECHNOPARK_BROKER_FOLDER=/broker … technopark render-broker
    """
    settings = read(BrokerSettings)
    folder = settings.broker_folder
    config = broker_config(settings)
    users = internal_users(
        settings.ingest_password.get_secret_value(), settings.registry_password.get_secret_value()
    )
    owner = os.geteuid(), os.getegid()
    broker_service.write(folder, config, users, settings.broker_program, owner)
    replace(folder / "serve.sh", render_serve_script(config))
    (folder / "tls").mkdir(mode=0o700, exist_ok=True)
    typer.echo(f"{folder} is ready, MQTT over TLS is {'on' if config.tls else 'off'}")


def broker_config(settings: BrokerSettings) -> BrokerConfig:
    """The broker's configuration."""
    folder = PurePosixPath(settings.broker_folder)
    tls = Tls(folder / "tls/server.pem", folder / "tls/server.key")
    return BrokerConfig(
        folder=folder,
        plugins=settings.broker_plugins,
        address=settings.listen,
        mqtt_port=settings.mqtt_port,
        websocket_port=settings.websocket_port,
        tls_port=settings.mqtts_port,
        tls=tls if Path(tls.certificate).exists() and Path(tls.key).exists() else None,
        durability=settings.durability,
        pid_file=settings.broker_pid_file,
    )


def render_serve_script(config: BrokerConfig) -> str:
    """A shell script that starts the broker, and beside it a watch over its password file.

    The registry replaces that file, but from its own container it cannot signal the broker, and
    a shared process namespace would end with the broker's container and take the registry along
    (moby issue 35502). So the broker's container looks by itself, twice a second.
    """
    return f"""\
#!/bin/sh
set -eu
cd '{config.folder}'
rm -f '{config.process_id}'
version() {{ stat -c '%i %y %s' passwords; }}
# Whether the broker has a handler for SIGHUP, bit 0 of the mask: else it ends of it, or loses it.
handled() {{
    while read -r key mask; do
        [ "$key" != SigCgt: ] || break
    done < /proc/$$/status
    case $mask in *[13579bdf]) ;; *) false ;; esac
}}
(
    known=$(version)
    # $$ is this script, and after both exec the broker.
    while sleep 0.5 && kill -0 $$ 2>/dev/null; do
        now=$(version)
        if [ "$now" != "$known" ] && handled; then
            kill -HUP $$
            known=$now
        fi
    done
) &
exec sh start.sh
"""


def migrate(
    leave_community: Annotated[
        bool,
        typer.Option(
            "--leave-community",
            help="Afterwards undo what only TimescaleDB's Community edition can read.",
        ),
    ] = False,
) -> None:
    """Bring the database's schema up to date; the first time, show the administrator's token.

    Example: TECHNOPARK_DATABASE_URL=postgresql://… technopark migrate
    """
    settings = read(MigrateSettings)
    try:
        with psycopg.connect(
            settings.database_url.get_secret_value(), autocommit=True, application_name="technopark"
        ) as opened:
            applied = bring_up_to_date(opened)
            if settings.grafana_db_password is not None:
                set_grafana_password(opened, settings.grafana_db_password.get_secret_value())
            token = create_first_admin(opened)
            if leave_community:
                aggregates.leave_community(opened)
    except (psycopg.Error, StorageError) as error:
        typer.echo(f"the database could not be prepared: {error}", err=True)
        raise typer.Exit(1) from None
    typer.echo(f"the schema is up to date, {len(applied)} migrations were applied now")
    if token is not None:
        typer.echo(f"The first administrator's token, shown only this once: {token}")
