"""`technopark device claim-code` and `claim`: a device goes to who has its code."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import segno
import typer

from cli import asking
from cli.api import path
from cli.asking import AsJson
from cli.devices import Device, tell_secret
from cli.failure import plain_errors

# Pixels, or units of SVG, for each square of the QR code.
SCALE = 8


def claim_code(
    device: Device,
    days: Annotated[int, typer.Option(min=1, help="How long the code is good.")] = 365,
    png: Annotated[Path | None, typer.Option(help="Write the QR code to this file.")] = None,
    svg: Annotated[Path | None, typer.Option(help="Write the QR code to this file.")] = None,
    withdraw: Annotated[
        bool, typer.Option("--withdraw", help="Make the device's code worthless instead.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make a code, to be printed on a device, by which another tenant takes the device over.

    Example: technopark device claim-code sunny-roof-1 --png label.png
    """
    where = path("devices", device, "claim-code")
    with asking.asking() as api:
        if withdraw:
            api.delete(where)
            asking.say(f"the code of {device} is worthless")
            return
        issued = api.post(where, {"days": days})
    if as_json:
        asking.show(issued, as_json=True)
    else:
        until = asking.moment(issued["expires_at"])
        asking.say(f"The code of {device}, shown only this once, is good until {until}:\n")
        asking.say(f"  {issued['code']}\n")
        segno.make_qr(issued["code"]).terminal(sys.stdout, compact=True)
    with plain_errors():
        for file, kind in ((png, "png"), (svg, "svg")):
            if file is not None:
                segno.make_qr(issued["code"]).save(str(file), kind=kind, scale=SCALE)


def claim(
    code: Annotated[str, typer.Argument(help="As it is printed on the device.")],
    tenant: Annotated[str, typer.Option(help="The tenant that shall own the device.")],
    as_json: AsJson = False,
) -> None:
    """Take a device over by the code that is printed on it, and show its new secret once.

    Example: technopark device claim K7QD-9M2X-4HVP-0TWA6 --tenant moon
    """
    with asking.asking() as api:
        device = api.post("claims", {"code": code, "tenant_id": tenant})
    if as_json:
        asking.show(device, as_json=True)
    else:
        asking.say(f"{device['id']} belongs to {tenant}. Its secret, shown only this once:\n")
        tell_secret(device["id"], device["secret"])
