"""`technopark simulate`: devices of the technoparks' fields that are not there."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from cli import enrolment
from cli.failure import plain_errors
from cli.fleets import (
    ApiUrl,
    Credentials,
    Host,
    Lab,
    LedgerFile,
    Port,
    Seconds,
    SummaryFile,
    TakeOver,
    Tenant,
    Token,
    duration,
    open_api,
    open_ledger,
    play,
    read_credentials,
)
from simulators import KINDS, Address, Login, Site
from simulators import scenario as scenarios
from simulators.company import Company
from simulators.dialect import Dialect, DialectError
from simulators.players import DRAIN_SECONDS
from simulators.scenario import Scenario, ScenarioError, UnknownScenarioError

DEFAULT_DEVICES = 8
# Without --for, a faster simulation begins so long ago.
DEFAULT_PAST = 86_400.0
# For the last acknowledgements of a past that was sent as fast as it goes.
PAST_DRAIN_SECONDS = 60.0

What = Annotated[
    str | None,
    typer.Argument(help="A scenario, a kind of device, or a YAML file; default: all kinds."),
]
Backfill = Annotated[
    float | None,
    typer.Option(
        parser=duration, metavar="TIME", help="Send the last 12h, 30d … first, as fast as it goes."
    ),
]
Speed = Annotated[float, typer.Option(min=1, help="Simulated seconds in a second.")]


def simulate(
    what: What = None,
    devices: Annotated[int | None, typer.Option(min=1, help="How many in all.")] = None,
    interval: Annotated[
        float | None, typer.Option(min=0.01, help="Seconds between readings of every device.")
    ] = None,
    rate: Annotated[
        float | None, typer.Option(min=0.001, help="Messages a second of all devices.")
    ] = None,
    speed: Speed = 1.0,
    seconds: Seconds = None,
    backfill: Backfill = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed repeats the values.")] = 1,
    tenant: Tenant = "demo",
    prefix: Annotated[str | None, typer.Option(help="Of device ids; default: the tenant.")] = None,
    lab: Lab = None,
    take_over: TakeOver = False,
    credentials: Credentials = None,
    topic: Annotated[
        str | None, typer.Option(help="Of another platform, like dt/$device/data.")
    ] = None,
    payload: Annotated[
        str | None, typer.Option(help='Of another platform, like {"t": $ts, "d": $values}.')
    ] = None,
    tls: Annotated[bool, typer.Option("--tls", help="Connect with TLS.")] = False,
    ca_file: Annotated[
        Path | None, typer.Option(help="Certificates to trust instead of the system's.")
    ] = None,
    ledger: LedgerFile = None,
    summary: SummaryFile = None,
    list_them: Annotated[
        bool, typer.Option("--list", help="List the scenarios and kinds, and leave.")
    ] = False,
    host: Host = "127.0.0.1",
    port: Port = 1883,
    api_url: ApiUrl = None,
    token: Token = "",
) -> None:
    """Simulate devices that publish to a broker, until Ctrl-C.

    Park, tenants, models and devices are registered where they are missing; or --credentials names
    devices of any MQTT 5 platform.

    Example: technopark simulate pv-inverter --devices 4 --interval 1 --for 60

    Example: technopark simulate solar-village --backfill 30d --ledger village.ledger
    """
    if list_them:
        list_all()
        return
    if rate is not None and interval is not None:
        raise typer.BadParameter("--rate and --interval exclude each other")
    if topic is not None and credentials is None:
        raise typer.BadParameter("--topic is for another platform: give its --credentials")
    with plain_errors():
        plan = planned(what, devices, tenant=tenant, prefix=prefix, lab=lab)
        dialect = spoken(topic, payload)
        site = None
        if credentials is None:
            plan = plan.scaled(None, interval, rate)
            logins, site = enrolled(plan, api_url, token, take_over=take_over)
        else:
            logins = read_credentials(credentials, foreign=topic is not None)
            number = min(len(logins), devices or len(logins)) if what in (None, *KINDS) else None
            plan = plan.scaled(number, interval, rate)
        address = Address(host, port, tls or ca_file is not None, ca_file)
        with open_ledger(ledger, address) as book:
            company = Company(
                plan,
                logins,
                address,
                begin=beginning(seconds, speed, backfill),
                seed=seed,
                site=site,
                dialect=dialect,
                book=book,
            )
            warm_up(company)
            past_first = backfill is not None and speed == 1
            play(
                company.fleet,
                company.players(speed=speed, past_first=past_first, seconds=seconds),
                seconds=None if past_first else seconds,
                summary_file=summary,
                ledger=book,
                drain=PAST_DRAIN_SECONDS if past_first else DRAIN_SECONDS,
            )


def planned(
    what: str | None, devices: int | None, *, tenant: str, prefix: str | None, lab: str | None
) -> Scenario:
    """The scenario that was asked for; a usage error where there is none of that name."""
    try:
        if what is None or what in KINDS:
            kinds = [what] if what else list(KINDS)
            number = devices or DEFAULT_DEVICES
            return scenarios.of_kinds(kinds, number, tenant=tenant, prefix=prefix, lab=lab)
        return scenarios.load(what).scaled(devices, None, None)
    except UnknownScenarioError as error:
        raise typer.BadParameter(str(error)) from error
    except ScenarioError as error:
        if what is None or what in KINDS:
            raise typer.BadParameter(str(error)) from error
        raise


def spoken(topic: str | None, payload: str | None) -> Dialect:
    """How readings are put into messages; a usage error where a template is wrong."""
    try:
        return Dialect(topic, payload)
    except DialectError as error:
        raise typer.BadParameter(str(error)) from error


def enrolled(
    plan: Scenario, api_url: str | None, token: str, *, take_over: bool
) -> tuple[list[Login], Site]:
    """Log-ins of the plan's devices, which are registered where they are missing, and the place."""
    with open_api(api_url, token) as api:
        pairs = track(
            enrolment.register(api, plan, take_over=take_over),
            "registering",
            total=plan.devices,
            transient=True,
            console=Console(stderr=True),
        )
        logins = [Login(device_id, secret) for device_id, secret in pairs]
        return logins, enrolment.site_of(api, enrolment.ensure_tenant(api, plan.tenants[0].id))


def beginning(seconds: float | None, speed: float, backfill: float | None) -> float:
    """When simulated time begins, so that it meets the present at the end or soon."""
    now = time.time()
    if backfill is not None:
        return now - backfill
    if speed == 1:
        return now
    return now - (DEFAULT_PAST if seconds is None else seconds * (speed - 1))


def warm_up(company: Company) -> None:
    """Let the devices live through the day before; it takes a while only where they are many."""
    console = Console(stderr=True)
    for _ in track(
        company.warm_up(), "warming up", total=len(company.crews), transient=True, console=console
    ):
        pass


def list_all() -> None:
    """Print the scenarios and the kinds."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("name", "is", "what"):
        table.add_column(column)
    for name, description in scenarios.provided().items():
        table.add_row(name, "scenario", description)
    for kind in KINDS.values():
        table.add_row(kind.id, "kind", kind.description)
    Console().print(table)
