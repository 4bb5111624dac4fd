"""`technopark booking …`: slots on the devices of testbeds."""

from __future__ import annotations

from typing import Annotated

import typer

from cli import asking
from cli.api import path
from cli.asking import AsJson

app = typer.Typer(help="Slots on the devices of testbeds.", no_args_is_help=True)


@app.command()
def add(
    device: Annotated[str, typer.Argument(help="The device, from `booking devices`.")],
    tenant: Annotated[str, typer.Option(help="The tenant that is to have the slot.")],
    until: Annotated[str, typer.Option(help="Its end, for example 2026-03-02T12:00:00Z.")],
    start: Annotated[str | None, typer.Option("--from", help="Its beginning; else now.")] = None,
    as_json: AsJson = False,
) -> None:
    """Book a slot: what the device sends in it is the tenant's.

    Example: technopark booking add campus-bench-1 --tenant sunny --until 2026-03-02T12:00:00Z
    """
    body = {"device_id": device, "tenant_id": tenant, "until": until}
    with asking.asking() as api:
        booked = api.post("bookings", {**body, **asking.given(**{"from": start})})
        asking.show(booked, as_json=as_json)


@app.command()
def devices(
    lab: Annotated[str, typer.Argument(help="The testbed.")], as_json: AsJson = False
) -> None:
    """List the devices of a testbed that can be booked.

    Example: technopark booking devices campus-testbed
    """
    with asking.asking() as api:
        found = api.items(path("labs", lab, "bookable"))
        asking.show_list(found, ("id", "name", "model"), as_json=as_json)


@app.command("list")
def list_(
    lab: Annotated[str | None, typer.Option(help="On this testbed.")] = None,
    device: Annotated[str | None, typer.Option(help="Of this device.")] = None,
    tenant: Annotated[str | None, typer.Option(help="Of this tenant.")] = None,
    start: Annotated[
        str | None, typer.Option("--from", help="From this time on; else running and coming ones.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List slots.

    Example: technopark booking list --lab campus-testbed
    """
    wanted = {"lab_id": lab, "device_id": device, "tenant_id": tenant, "from": start}
    with asking.asking() as api:
        found = api.items("bookings", **wanted)
        asking.show_list(found, ("id", "device_id", "tenant_id", "from", "until"), as_json=as_json)


@app.command()
def cancel(
    booking: Annotated[int, typer.Argument(help="The slot's number, from `booking list`.")],
) -> None:
    """Cancel a slot; one that runs ends now.

    Example: technopark booking cancel 7
    """
    with asking.asking() as api:
        api.delete(path("bookings", booking))
    asking.say("cancelled")
