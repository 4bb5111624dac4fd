"""`technopark provisioning …`: keys with which devices make their own entries."""

from __future__ import annotations

from typing import Annotated

import typer

from cli import asking
from cli.api import path
from cli.asking import AsJson

app = typer.Typer(help="Keys with which devices make their own entries.", no_args_is_help=True)

COLUMNS = ("id", "name", "id_prefix", "made", "max_devices", "expires_at", "revoked_at")

Tenant = Annotated[str, typer.Option(help="Owns the devices.")]


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="What the key is for.")],
    tenant: Tenant,
    devices: Annotated[int, typer.Option(min=1, help="How many it makes at most.")],
    days: Annotated[int, typer.Option(min=1, help="How long it is good.")] = 30,
    prefix: Annotated[
        str | None, typer.Option(help="Of its devices' ids; default: the tenant's id.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="The model of its devices.")] = None,
    lab: Annotated[str | None, typer.Option(help="The lab in which they stand.")] = None,
    tag: Annotated[
        list[str] | None, typer.Option("--tag", help="A tag; several are several options.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a key, and show it once with a line by which a device uses it.

    Example: technopark provisioning add "First roofs" --tenant sunny --devices 100 --model pv
    """
    body = {"name": name, "max_devices": devices, "days": days}
    more = asking.given(id_prefix=prefix, model_id=model, lab_id=lab, tags=tag)
    with asking.asking() as api:
        key = api.post(keys(tenant), {**body, **more})
    if as_json:
        asking.show(key, as_json=True)
        return
    asking.say(
        f"The key, shown only this once:\n\n  {key['key']}\n\n"
        f"  curl --json '{{\"serial\": \"SN-1\"}}' -H 'Authorization: Bearer {key['key']}' \\\n"
        f"    {asking.api_url()}/api/v1/provision"
    )


@app.command("list")
def list_(tenant: Tenant, as_json: AsJson = False) -> None:
    """List a tenant's keys, and how many devices each has made.

    Example: technopark provisioning list --tenant sunny
    """
    with asking.asking() as api:
        asking.show_list(api.items(keys(tenant)), COLUMNS, as_json=as_json)


@app.command()
def revoke(
    key: Annotated[int, typer.Argument(help="The key's number, from `provisioning list`.")],
    tenant: Tenant,
) -> None:
    """Make a key worthless. The devices that it made stay.

    Example: technopark provisioning revoke 7 --tenant sunny
    """
    with asking.asking() as api:
        api.delete(path("tenants", tenant, "provisioning-keys", key))
    asking.say(f"key {key} of {tenant} is revoked")


def keys(tenant: str) -> str:
    """Where the tenant's keys are."""
    return path("tenants", tenant, "provisioning-keys")
