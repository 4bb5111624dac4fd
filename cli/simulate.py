"""`technopark simulate`: devices of the technoparks' fields that are not there."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import typer
from rich.console import Console
from rich.progress import track

import simulators
from cli import enrolment
from cli.api import Api
from cli.failure import plain_errors
from cli.fleets import (
    ApiUrl,
    Credentials,
    Host,
    Lab,
    Port,
    Seconds,
    SummaryFile,
    TakeOver,
    Tenant,
    Token,
    open_api,
    play,
    read_credentials,
    require_device_id,
)
from simulators import KINDS, Address, Crew, Fleet, Kind, Simulation, Site, model_of

KindName = Annotated[
    Literal[
        "pv-inverter",
        "battery-pack",
        "motor-bench",
        "air-quality",
        "cold-chain",
        "smart-meter",
        "e-motorcycle",
        "classroom-kit",
    ]
    | None,
    typer.Argument(help="What they are; default: all kinds."),
]


def simulate(
    kind: KindName = None,
    devices: Annotated[int, typer.Option(min=1, help="How many in all.")] = 8,
    interval: Annotated[float, typer.Option(min=0.01, help="Seconds between readings.")] = 1.0,
    seconds: Seconds = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed repeats the values.")] = 1,
    tenant: Tenant = "demo",
    prefix: Annotated[str | None, typer.Option(help="Of device ids; default: the tenant.")] = None,
    lab: Lab = None,
    take_over: TakeOver = False,
    credentials: Credentials = None,
    summary: SummaryFile = None,
    host: Host = "127.0.0.1",
    port: Port = 1883,
    api_url: ApiUrl = None,
    token: Token = "",
) -> None:
    """Simulate devices that publish to the platform's broker, until Ctrl-C.

    Tenant, models and devices are registered where they are missing.

    Example: technopark simulate pv-inverter --devices 4 --interval 1 --for 60
    """
    kinds = [KINDS[kind]] if kind else list(KINDS.values())
    with plain_errors():
        if credentials is not None:
            secrets, site = read_credentials(credentials), Site()
            assigned = dict(zip(secrets, itertools.cycle(kinds)))
        else:
            assigned = named_devices(prefix or tenant, kinds, devices)
            with open_api(api_url, token) as api:
                site = enrolment.site_of(api, enrolment.ensure_tenant(api, tenant))
                secrets = enrolled(api, tenant, assigned, lab, take_over=take_over)
        attributes = {i: {"simulated": True, "kind": k.id} for i, k in assigned.items()}
        fleet = Fleet(Address(host, port), secrets, attributes=attributes)
        player = simulators.simulate(fleet, crews(assigned, seed, site), interval)
        play(fleet, player, seconds=seconds, summary_file=summary)


def enrolled(
    api: Api, tenant: str, assigned: Mapping[str, Kind[Any]], lab: str | None, *, take_over: bool
) -> dict[str, str]:
    """The devices' secrets by id; models and devices are registered where they are missing."""
    models = {
        kind.id: enrolment.ensure_model(api, tenant, model_of(kind))
        for kind in {kind.id: kind for kind in assigned.values()}.values()
    }
    wanted = {device_id: models[kind.id] for device_id, kind in assigned.items()}
    pairs = enrolment.enrol(api, tenant, wanted, lab_id=lab, take_over=take_over)
    return dict(
        track(pairs, "registering", total=len(wanted), transient=True, console=Console(stderr=True))
    )


def named_devices(prefix: str, kinds: list[Kind[Any]], devices: int) -> dict[str, Kind[Any]]:
    """Ids like ``demo-pv-inverter-01``, the kinds dealt out in turn."""
    dealt = [(number // len(kinds) + 1, kinds[number % len(kinds)]) for number in range(devices)]
    named = {f"{prefix}-{kind.id}-{number:02}": kind for number, kind in dealt}
    for device_id in named:
        require_device_id(device_id)
    return named


def crews(assigned: Mapping[str, Kind[Any]], seed: int, site: Site) -> list[Crew]:
    """The devices of each kind, with the simulation that they publish."""
    by_kind: dict[str, list[str]] = defaultdict(list)
    for device_id, kind in assigned.items():
        by_kind[kind.id].append(device_id)
    return [
        Crew(Simulation(KINDS[kind_id], len(ids), seed, site), ids)
        for kind_id, ids in by_kind.items()
    ]
