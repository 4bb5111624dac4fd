"""`technopark transfer …`: devices that change hands."""

from __future__ import annotations

from typing import Annotated

import typer

from cli import asking
from cli.api import path
from cli.asking import AsJson
from cli.devices import tell_secret

app = typer.Typer(help="Devices that go to another tenant.", no_args_is_help=True)

COLUMNS = ("id", "from_tenant_id", "to_tenant_id", "devices", "with_history", "state", "expires_at")

Number = Annotated[int, typer.Argument(help="The offer's number, from `transfer list`.")]


@app.command()
def offer(
    devices: Annotated[list[str], typer.Argument(help="The devices' ids, all of one tenant.")],
    to: Annotated[str, typer.Option(help="The tenant that is to have them.")],
    with_history: Annotated[
        bool, typer.Option("--with-history", help="With the readings of before.")
    ] = False,
    message: Annotated[str | None, typer.Option(help="A word to the receiver.")] = None,
    days: Annotated[int, typer.Option(min=1, max=90, help="How long the offer holds.")] = 14,
    as_json: AsJson = False,
) -> None:
    """Offer devices of your tenant to another one.

    Example: technopark transfer offer sunny-roof-1 sunny-roof-2 --to roofs --with-history
    """
    with asking.asking() as api:
        body = {
            "from_tenant_id": api.get(path("devices", devices[0]))["tenant_id"],
            "to_tenant_id": to,
            "devices": devices,
            "with_history": with_history,
            "days": days,
        }
        offered = api.post("transfers", {**body, **asking.given(message=message)})
        asking.show(offered, as_json=as_json)


@app.command("list")
def list_(
    tenant: Annotated[str | None, typer.Option(help="From or to this tenant.")] = None,
    state: Annotated[
        str | None, typer.Option(help="offered, accepted, refused, withdrawn or expired.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the offers from and to your tenants.

    Example: technopark transfer list --state offered
    """
    with asking.asking() as api:
        found = list(api.items("transfers", tenant_id=tenant, state=state))
        if not as_json:
            for transfer in found:
                transfer["devices"] = [device["id"] for device in transfer["devices"]]
        asking.show_list(found, COLUMNS, as_json=as_json)


@app.command()
def accept(transfer: Number, as_json: AsJson = False) -> None:
    """Take the devices of an offer, and show their new secrets once.

    Example: technopark transfer accept 17
    """
    with asking.asking() as api:
        accepted = api.post(path("transfers", transfer, "accept"))
    if as_json:
        asking.show(accepted, as_json=True)
        return
    for issued in accepted["secrets"]:
        asking.say(f"{issued['device_id']} is yours. Its new secret, shown only this once:\n")
        tell_secret(issued["device_id"], issued["secret"])


@app.command()
def refuse(transfer: Number) -> None:
    """Refuse the devices of an offer.

    Example: technopark transfer refuse 17
    """
    with asking.asking() as api:
        api.post(path("transfers", transfer, "refuse"))
    asking.say("refused")


@app.command()
def withdraw(transfer: Number) -> None:
    """Take back an offer of your tenant.

    Example: technopark transfer withdraw 17
    """
    with asking.asking() as api:
        api.post(path("transfers", transfer, "withdraw"))
    asking.say("withdrawn")
