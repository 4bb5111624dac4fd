"""`technopark tenant holdings`: which times of which devices are a tenant's."""

from __future__ import annotations

from typing import Annotated

import typer

from cli import asking
from cli.api import path
from cli.asking import AsJson
from cli.organisations import Id


def holdings(
    tenant_id: Id,
    device: Annotated[str | None, typer.Option(help="Only of this device.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the times of devices whose readings are the tenant's: owned, or booked.

    Example: technopark tenant holdings sunny
    """
    with asking.asking() as api:
        held = api.items(path("tenants", tenant_id, "holdings"), device_id=device)
        asking.show_list(held, ("device_id", "from", "until"), as_json=as_json)
