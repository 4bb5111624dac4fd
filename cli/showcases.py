"""`technopark dashboards share`: what everybody may see of a device."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from cli import asking
from cli.api import path
from cli.asking import AsJson

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
COLUMNS = ("id", "device_id", "metrics", "last_day", "delay_seconds", "decimals", "state", "link")
Device = Annotated[str, typer.Argument(help="The device's id.")]


def seconds(text: str) -> int:
    """The length of a time such as 90s, 15m, 1h or 2d."""
    found = re.fullmatch(r"(\d{1,9})([smhd])", text)
    if found is None:
        raise typer.BadParameter(f"{text!r} is no length of time: give one such as 15m, 1h or 2d")
    return int(found[1]) * UNITS[found[2]]


def share(
    device: Device,
    until: Annotated[str, typer.Option(metavar="DAY", help="The last day.")],
    delay: Annotated[
        str, typer.Option(metavar="TIME", help="Readings are shown so much later.")
    ] = "1h",
    decimals: Annotated[
        int, typer.Option("--round", min=-9, max=9, help="Digits after the point; -2: hundreds.")
    ] = 1,
    metric: Annotated[
        list[str] | None, typer.Option(help="A metric; again for more. Without any: all.")
    ] = None,
    history_from: Annotated[
        str | None, typer.Option(metavar="DAY", help="Readings from this day on; else from today.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show a device to everybody, late and rounded, until a day; the next sync puts it up.

    Example: technopark dashboards share sunny-roof-1 --until 2026-12-31 --delay 1h --round 1
    """
    terms = asking.given(metrics=metric, history_from=history_from)
    body = {
        **terms,
        "device_id": device,
        "last_day": until,
        "delay_seconds": seconds(delay),
        "decimals": decimals,
    }
    with asking.asking() as api:
        asking.show(api.post("showcases", body), as_json=as_json)


def unshare(device: Device) -> None:
    """Show a device no more, at once.

    Example: technopark dashboards unshare sunny-roof-1
    """
    with asking.asking() as api:
        running = list(api.items("showcases", device_id=device, state="running"))
        for showcase in running:
            api.post(path("showcases", showcase["id"], "end"))
    asking.say(f"{device} is shown no more" if running else f"{device} was not shown")


def shared(
    tenant: Annotated[str | None, typer.Option(help="Of this tenant.")] = None,
    as_json: AsJson = False,
) -> None:
    """List what is shown to everybody, with the links.

    Example: technopark dashboards shared
    """
    with asking.asking() as api:
        rows = list(api.items("showcases", tenant_id=tenant, state="running"))
    asking.show_list(rows, COLUMNS, as_json=as_json)
