"""`technopark tenant delete`: a tenant goes with all its data."""

from __future__ import annotations

import time
from typing import Annotated

import typer
from rich.progress import Progress

from cli import asking
from cli.api import Api, path
from cli.asking import Yes
from cli.organisations import Id

# Between two steps that found nothing to delete yet.
PAUSE_SECONDS = 1.0


def delete(
    tenant_id: Id,
    confirm: Annotated[
        str | None, typer.Option(help="The tenant's id once more; asked for if left out.")
    ] = None,
    withdraw: Annotated[
        bool, typer.Option("--withdraw", help="Keep the tenant after all.")
    ] = False,
    run: Annotated[
        bool, typer.Option("--run", help="Carry out what was asked for; administrators only.")
    ] = False,
    yes: Yes = False,
) -> None:
    """Ask for a tenant to be deleted with all its data, or carry it out.

    Example: technopark tenant delete sunny --confirm sunny
    """
    if run and withdraw:
        raise typer.BadParameter("give --run or --withdraw, not both")
    with asking.asking() as api:
        if withdraw:
            api.delete(path("tenants", tenant_id, "deletion"))
            asking.say(f"{tenant_id} is kept")
        elif run:
            if not yes:
                typer.confirm(f"{tenant_id} and all its data are lost. Go on?", abort=True)
            carry_out(api, tenant_id)
        else:
            typed = confirm or typer.prompt(f"Type {tenant_id} to have all its data deleted")
            api.post(path("tenants", tenant_id, "deletion"), {"confirm": typed})
            asking.say(
                f"asked for; an administrator runs `technopark tenant delete {tenant_id} --run`"
            )


def carry_out(api: Api, tenant_id: str) -> None:
    """Step after step, until the tenant is gone."""
    total = left = api.get(path("tenants", tenant_id, "deletion"))["devices"]
    rows, done = 0, False
    with Progress(transient=True) as progress:
        task = progress.add_task("devices", total=total)
        while not done:
            step = api.post(path("tenants", tenant_id, "deletion", "step"))
            waits = not step["rows"] and step["devices"] == left
            rows, left, done = rows + step["rows"], step["devices"], step["done"]
            if waits and not done:
                time.sleep(PAUSE_SECONDS)
            progress.update(task, completed=total - left)
    asking.say(f"{tenant_id} is deleted: {total} devices, {rows} rows of data")
