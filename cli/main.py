"""`technopark`: the command line, put together from its groups."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.metadata import version
from typing import Annotated

import typer

from cli import (
    agreements,
    alerts,
    audit,
    bookings,
    bulk,
    certificates,
    claims,
    dashboards,
    deletion,
    device_commands,
    devices,
    environment,
    exchange,
    grafana,
    history,
    holdings,
    identity,
    ingest,
    ledger,
    models,
    organisations,
    platform,
    provisioning,
    quality,
    record,
    rejections,
    replay,
    retention,
    showcases,
    simulate,
    sql_access,
    tail,
    totp,
    transfers,
)

app = typer.Typer(
    name="technopark",
    help="Device registry and telemetry platform for technopark labs.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
dashboards_app = typer.Typer(
    help="Grafana, from code: dashboards, organisations, alerts, public links.",
    no_args_is_help=True,
)
dashboards_app.command()(dashboards.render)
dashboards_app.command()(grafana.sync)
dashboards_app.command()(grafana.provision)
dashboards_app.command()(showcases.share)
dashboards_app.command()(showcases.unshare)
dashboards_app.command()(showcases.shared)
organisations.tenant.command()(alerts.alerts)
organisations.tenant.command()(sql_access.sql_access)

PLATFORM = "The platform on this machine"
DEVICES = "Devices and organisations"
DATA = "Data"
SERVER = "Servers and containers"


def add(panel: str, *commands: Callable[..., None]) -> None:
    """Commands of the top level, shown together in the help."""
    for command in commands:
        app.command(rich_help_panel=panel)(command)


add(PLATFORM, platform.up, platform.down, platform.status, platform.logs, platform.doctor)
devices.app.command("import")(bulk.import_)
devices.app.command("export")(bulk.export)
devices.app.command("claim-code")(claims.claim_code)
devices.app.command("claim")(claims.claim)
devices.app.command()(device_commands.command)
devices.app.command()(device_commands.commands)
app.add_typer(devices.app, name="device", rich_help_panel=DEVICES)
for name, group in {
    "tenant": organisations.tenant,
    "park": organisations.park,
    "lab": organisations.lab,
    "model": models.app,
    "provisioning": provisioning.app,
    "user": organisations.user,
    "token": identity.token,
    "transfer": transfers.app,
    "booking": bookings.app,
    "agreement": agreements.app,
}.items():
    app.add_typer(group, name=name, rich_help_panel=DEVICES)
organisations.user.add_typer(totp.app, name="totp")
organisations.tenant.command()(holdings.holdings)
organisations.tenant.command()(deletion.delete)
add(DEVICES, identity.login, audit.audit_log)
add(DATA, tail.tail, history.history, simulate.simulate, record.record, replay.replay)
app.add_typer(exchange.exports, name="export", rich_help_panel=DATA)
app.add_typer(exchange.imports, name="import", rich_help_panel=DATA)
app.add_typer(ledger.app, name="ledger", rich_help_panel=DATA)
app.add_typer(rejections.app, name="rejections", rich_help_panel=DATA)
app.add_typer(retention.app, name="retention", rich_help_panel=DATA)
app.add_typer(quality.app, name="quality", rich_help_panel=DATA)
app.add_typer(certificates.app, name="certificate", rich_help_panel=DATA)
add(SERVER, environment.env, environment.migrate, environment.render_broker, ingest.ingest)
app.add_typer(dashboards_app, name="dashboards", rich_help_panel=SERVER)


def show_version(asked: bool) -> None:
    """Print the version and leave."""
    if asked:
        typer.echo(f"technopark {version('technopark-iot')}")
        raise typer.Exit


@app.callback()
def root(
    asked: Annotated[
        bool, typer.Option("--version", callback=show_version, is_eager=True, help="Show it.")
    ] = False,
) -> None:
    """Device registry and telemetry platform for technopark labs."""


def main() -> None:
    """The entry point: exit status 0, 1 (failed) or 2 (usage)."""
    sys.exit(app())
