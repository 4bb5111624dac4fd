"""`technopark tenant sql-access`: the way in for a tenant's own programs."""

from __future__ import annotations

from typing import Annotated

import typer

from cli import asking
from cli.api import path
from cli.asking import AsJson


def sql_access(
    tenant_id: Annotated[str, typer.Argument(help="The tenant's id.")],
    lock: Annotated[bool, typer.Option("--lock", help="Let nobody in any more instead.")] = False,
    as_json: AsJson = False,
) -> None:
    """Let the tenant's programs read with SQL by a new password, shown once; the old one ends.

    Example: technopark tenant sql-access sunny
    """
    where = path("tenants", tenant_id, "sql-password")
    with asking.asking() as api:
        if lock:
            api.delete(where)
            asking.say("locked")
            return
        access = api.post(where)
    if as_json:
        asking.show(access, as_json=True)
        return
    url = "postgresql://{user}:{password}@{host}:{port}/{database}".format(**access)
    asking.say(f"Shown only this once:\n\n  psql '{url}'")
