"""`technopark dashboards sync` and `provision`: Grafana is given what the platform knows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import psycopg
import typer
from cryptography.fernet import InvalidToken
from psycopg.conninfo import conninfo_to_dict
from pydantic import AnyHttpUrl, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict
from rich.console import Console
from rich.progress import track

from cli import asking
from cli.asking import AsJson
from cli.environment import PREFIX, read
from cli.failure import failed
from dashboards import provision as provisioning
from dashboards.alerts import Alerts
from dashboards.grafana import Address, GrafanaError
from dashboards.language import Language
from dashboards.plan import Plan
from dashboards.site import Source
from dashboards.sync import Sync
from dashboards.wanted import Decrypt, organisations
from registry.identity.authenticator import cipher_of
from stack import credentials, services
from stack.errors import StackError
from stack.home import Home
from storage.errors import StorageError
from storage.grafana import Memory

SslMode = Literal["disable", "require", "verify-ca", "verify-full"]


class GrafanaSettings(BaseSettings):
    """Settings of ``technopark dashboards sync``; each is a variable ``TECHNOPARK_…``."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True)

    grafana_url: AnyHttpUrl = Field(
        AnyHttpUrl("http://127.0.0.1:3000"), description="where Grafana answers"
    )
    grafana_admin_user: str = Field("admin", description="a server administrator of Grafana")
    grafana_admin_password: SecretStr = Field(description="of that user")
    grafana_db_address: str | None = Field(
        None,
        pattern=r"^[^:\s]+:\d+$|^\[[0-9a-fA-F:]+\]:\d+$",
        description="host:port at which Grafana finds the database",
    )
    grafana_db_sslmode: SslMode = Field("disable", description="how Grafana connects to it")
    grafana_language: Language = Field(
        "en", description="of the operators' dashboards: en, or id for Bahasa Indonesia"
    )
    database_url: SecretStr | None = Field(
        None, description="PostgreSQL URL of the platform's database; else that of `up` here"
    )
    identity_key: SecretStr | None = Field(
        None, description="opens the secrets of contact points; else that of `up` here"
    )


def sync(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only tell what would be done.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Bring Grafana to what the platform knows: organisations, dashboards, people, alerts, links.

    Example: technopark dashboards sync --dry-run
    """
    settings = with_own(read(GrafanaSettings))
    plan = Plan(dry_run)
    with connected(settings) as memory:
        address = Address(
            settings.grafana_url, settings.grafana_admin_user, settings.grafana_admin_password
        )
        console = Console(stderr=True)
        watch = partial(track, description="Grafana", console=console, transient=True)
        # One after another: a dry run may look while another sync works.
        if not dry_run:
            memory.lock()
        wanted = organisations(memory.wanted(), opener(settings), settings.grafana_language)
        try:
            Sync(address, memory, source_of(settings), plan, watch=watch).run(wanted)
        except GrafanaError as error:
            # What was done until then is told too.
            plan.failures.append(str(error))
    report(plan, as_json)


def report(plan: Plan, as_json: bool) -> None:
    """Show the plan; failures are told, and are exit status 1."""
    if as_json:
        typer.echo(json.dumps(plan.as_json(), ensure_ascii=False, indent=2))
    else:
        steps = [asdict(step) for step in plan.steps]
        if steps:
            asking.show_list(steps, ("verb", "organisation", "what"), as_json=False)
        count = len(plan.changes)
        done = "would be made" if plan.is_dry else "made"
        asking.say(f"{count} changes {done}" if count else "nothing to change")
    for failure in plan.failures:
        typer.echo(f"technopark: {failure}", err=True)
    if plan.failures:
        raise typer.Exit(1)


def with_own(settings: GrafanaSettings) -> GrafanaSettings:
    """The settings, with what `up` on this machine has made in the places of what is missing.

    Raises:
        typer.Exit: there is neither a database's URL nor a folder of `up`.
    """
    stack_settings = asking.settings()
    home = Home(stack_settings.home)
    if not home.secrets.exists():
        if settings.database_url is None:
            raise failed(
                "set TECHNOPARK_DATABASE_URL, or run this where `technopark up` has its folder"
            )
        return settings
    try:
        own = credentials.load(home)
    except StackError as error:
        raise failed(str(error)) from error
    url = SecretStr(services.database_url(stack_settings, own))
    return settings.model_copy(
        update={
            "database_url": settings.database_url or url,
            "identity_key": settings.identity_key or SecretStr(own.identity),
        }
    )


def source_of(settings: GrafanaSettings) -> Source:
    """Where Grafana finds the database: as it was set, else where it is from here."""
    assert settings.database_url  # noqa: S101 - with_own has seen to it
    own = conninfo_to_dict(settings.database_url.get_secret_value())
    address = settings.grafana_db_address or (
        f"{own.get('host') or '127.0.0.1'}:{own.get('port') or 5432}"
    )
    return Source(address, str(own.get("dbname") or "technopark"), settings.grafana_db_sslmode)


def opener(settings: GrafanaSettings) -> Decrypt:
    """What opens the secrets of contact points."""

    def opened(secret: bytes) -> str:
        if settings.identity_key is None:
            raise GrafanaError("set TECHNOPARK_IDENTITY_KEY: it opens secrets of contact points")
        try:
            return cipher_of(settings.identity_key).decrypt(secret).decode()
        except InvalidToken:
            raise GrafanaError(
                "TECHNOPARK_IDENTITY_KEY is not the one that closed the secrets of contact "
                "points: give the registry's, or set those secrets anew"
            ) from None

    return opened


@contextmanager
def connected(settings: GrafanaSettings) -> Iterator[Memory]:
    """The sync's memory; what goes wrong becomes one sentence and exit status 1."""
    assert settings.database_url  # noqa: S101 - with_own has seen to it
    url = settings.database_url.get_secret_value()
    try:
        with psycopg.connect(url, autocommit=True, application_name="technopark-sync") as opened:
            yield Memory(opened)
    except psycopg.Error as error:
        raise failed(f"the database: {error}") from None
    except StorageError as error:
        raise failed(str(error)) from None


def provision(
    folder: Annotated[Path, typer.Argument(help="Grafana's provisioning folder, or one to copy.")],
    tenant: Annotated[
        str | None, typer.Option(help="For a Grafana of this tenant; else for the operators.")
    ] = None,
    database: Annotated[
        str, typer.Option(help="host:port at which Grafana finds the database.")
    ] = "127.0.0.1:5433",
    sslmode: Annotated[SslMode, typer.Option(help="How Grafana connects to it.")] = "disable",
    path: Annotated[
        str | None, typer.Option(help="The dashboards' folder as Grafana sees it.")
    ] = None,
    org_id: Annotated[int, typer.Option(min=1, help="Number of Grafana's organisation.")] = 1,
    silent_minutes: Annotated[int, typer.Option(min=1, help="A device is silent after them.")] = 60,
    email: Annotated[
        list[str] | None, typer.Option(help="Alerts go there; again for more.")
    ] = None,
    telegram_chat: Annotated[
        str | None, typer.Option(help="And there, by the bot of $TECHNOPARK_TELEGRAM_TOKEN.")
    ] = None,
    webhook: Annotated[
        bool, typer.Option("--webhook", help="And to $TECHNOPARK_WEBHOOK_URL.")
    ] = False,
    language: Annotated[
        Language, typer.Option(help="English (en), or Bahasa Indonesia (id).")
    ] = "en",
) -> None:
    """Write the files by which Grafana is told everything when it starts, without a sync.

    Example: technopark dashboards provision /etc/grafana/provisioning --tenant sunny
    """
    chosen = Alerts(
        silent_minutes=silent_minutes,
        emails=email or (),
        telegram_chat=telegram_chat,
        telegram_token=provisioning.TELEGRAM_TOKEN if telegram_chat else None,
        webhook_url=provisioning.WEBHOOK_URL if webhook else None,
    )
    source = Source(database, "technopark", sslmode)
    seen_as = path or str((folder / "dashboards").absolute())
    texts = dict(provisioning.files(source, seen_as, org_id, tenant, chosen, language))
    try:
        written = provisioning.write(folder, texts)
    except OSError as error:
        raise failed(f"{error.filename}: {error.strerror}") from error
    for file in written:
        typer.echo(file)
