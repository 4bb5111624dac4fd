"""`technopark agreement …`: what a tenant lets others read."""

from __future__ import annotations

from typing import Annotated

import typer

from cli import asking
from cli.api import Json, path
from cli.asking import AsJson

app = typer.Typer(help="What a tenant lets others read.", no_args_is_help=True)

COLUMNS = ("id", "tenant_id", "reader", "devices", "metrics", "first_day", "last_day", "state")
READERS = ("reader_tenant_id", "reader_park_id", "reader_email")

Number = Annotated[int, typer.Argument(help="The agreement's number, from `agreement list`.")]
Tenant = Annotated[str, typer.Argument(help="The tenant that lets its devices be read.")]


@app.command()
def offer(
    tenant_id: Tenant,
    last_day: Annotated[str, typer.Option("--until", metavar="DAY", help="The last day.")],
    to_tenant: Annotated[str | None, typer.Option(help="To a tenant.")] = None,
    to_park: Annotated[str | None, typer.Option(help="To the people of a park.")] = None,
    to_email: Annotated[str | None, typer.Option(help="To a person: a mentor's pass.")] = None,
    device: Annotated[
        list[str] | None, typer.Option(help="A device; again for more. Without any: all.")
    ] = None,
    tag: Annotated[list[str] | None, typer.Option(help="The devices with this tag.")] = None,
    model: Annotated[list[str] | None, typer.Option(help="The devices of this model.")] = None,
    metric: Annotated[
        list[str] | None, typer.Option(help="A metric; again for more. Without any: all.")
    ] = None,
    first_day: Annotated[
        str | None, typer.Option("--from", metavar="DAY", help="The first day; today if left out.")
    ] = None,
    history_from: Annotated[
        str | None,
        typer.Option(metavar="DAY", help="Readings from this day on; else from the first day."),
    ] = None,
    include_metadata: Annotated[
        bool, typer.Option("--include-metadata", help="Show tags, metadata and attributes too.")
    ] = False,
    message: Annotated[str | None, typer.Option(help="What it is for.")] = None,
) -> None:
    """Offer to let a tenant, a park or a person read devices.

    Example: technopark agreement offer sunny --to-tenant itb --tag roof --until 2026-12-31
    """
    terms = asking.given(
        reader_tenant_id=to_tenant,
        reader_park_id=to_park,
        reader_email=to_email,
        device_ids=device,
        tags=tag,
        model_ids=model,
        metrics=metric,
        first_day=first_day,
        history_from=history_from,
        message=message,
    )
    body = {**terms, "tenant_id": tenant_id, "last_day": last_day}
    with asking.asking() as api:
        offered = api.post("agreements", {**body, "include_metadata": include_metadata})
        asking.show(offered, as_json=False)


@app.command("list")
def list_(
    tenant: Annotated[str | None, typer.Option(help="Of this tenant's devices.")] = None,
    to_tenant: Annotated[str | None, typer.Option(help="Which this tenant may read.")] = None,
    to_park: Annotated[str | None, typer.Option(help="Which this park may read.")] = None,
    state: Annotated[
        str | None, typer.Option(help="offered, accepted, running, ending, ended or revoked.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the agreements of your tenants and parks, on either side, and those offered to you.

    Example: technopark agreement list --state ending
    """
    filters = {"tenant_id": tenant, "reader_tenant_id": to_tenant, "reader_park_id": to_park}
    with asking.asking() as api:
        rows = list(api.items("agreements", **filters, state=state))
    if as_json:
        asking.show_list(rows, COLUMNS, as_json=True)
        return
    asking.show_list(map(in_words, rows), (*COLUMNS, "warning"), as_json=False)


def in_words(agreement: dict[str, Json]) -> dict[str, Json]:
    """An agreement with its reader and its devices in a column each."""
    named = [*(agreement["device_ids"] or []), *(agreement["model_ids"] or [])]
    tagged = [f"tag {tag}" for tag in agreement["tags"] or []]
    return {
        **agreement,
        "reader": next(agreement[reader] for reader in READERS if agreement[reader]),
        "devices": [*named, *tagged] or "all",
        "metrics": agreement["metrics"] or "all",
    }


@app.command()
def show(number: Number, as_json: AsJson = False) -> None:
    """Show an agreement.

    Example: technopark agreement show 3
    """
    with asking.asking() as api:
        asking.show(api.get(path("agreements", number)), as_json=as_json)


def decide(number: int, action: str) -> None:
    """Do it, and say what the agreement is then."""
    with asking.asking() as api:
        decided = api.post(path("agreements", number, action))
    asking.say(f"agreement {number} is {decided['state']}")


@app.command()
def accept(number: Number) -> None:
    """Accept an offer.

    Example: technopark agreement accept 3
    """
    decide(number, "accept")


@app.command()
def refuse(number: Number) -> None:
    """Refuse an offer.

    Example: technopark agreement refuse 3
    """
    decide(number, "refuse")


@app.command()
def withdraw(number: Number) -> None:
    """Take an offer back that was not accepted yet.

    Example: technopark agreement withdraw 3
    """
    decide(number, "withdraw")


@app.command()
def revoke(number: Number) -> None:
    """End an agreement at once.

    Example: technopark agreement revoke 3
    """
    decide(number, "revoke")


@app.command()
def notices(as_json: AsJson = False) -> None:
    """List the warnings of 30 and 7 days before the ends of your agreements.

    Example: technopark agreement notices
    """
    with asking.asking() as api:
        rows = list(api.items("notices"))
    columns = ("created_at", "agreement_id", "tenant_id", "days", "last_day")
    asking.show_list(rows, columns, as_json=as_json)
