"""`technopark retention …`: how long data are kept, and what goes."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from typing import Annotated

import typer
from rich.console import Console
from rich.filesize import decimal
from rich.progress import Progress

from cli import asking
from cli.api import Api, Json, path
from cli.asking import AsJson, Yes
from cli.fleets import warn

app = typer.Typer(help="How long data are kept, and what goes.", no_args_is_help=True)

SET = ("id", "tenant_id", "model_id", "device_id", "days", "longest_days")
KEPT = ("tenant_id", "days", "level", "kept_from", "data_from")
KINDS = ("readings", "states", "flags", "rejections")
# Between two steps ingest has the database for itself.
PAUSE_SECONDS = 0.2

OfTenant = Annotated[str | None, typer.Option("--tenant", help="Of this tenant.")]
OfModel = Annotated[str | None, typer.Option("--model", help="Of devices of this model.")]
OfDevice = Annotated[str | None, typer.Option("--device", help="Of this device.")]
NUMBER_OF_DAYS = typer.Option(
    "--days", help="A number, `forever`, or `inherit` for what the more general setting says."
)


@app.command()
def show(
    device: Annotated[str | None, typer.Argument(help="A device; else list what is set.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show what is set, or how long the data of a device are kept and from when on there are any.

    Example: technopark retention show sunny-roof-1
    """
    with asking.asking() as api:
        if device is None:
            asking.show_list(api.items("retention"), SET, as_json=as_json)
        else:
            kept = api.get(path("devices", device, "retention"))["items"]
            asking.show_list(kept, KEPT, as_json=as_json)


@app.command("set")
def set_(
    days: Annotated[str, NUMBER_OF_DAYS],
    tenant: OfTenant = None,
    model: OfModel = None,
    device: OfDevice = None,
    longest: Annotated[
        int | None, typer.Option(help="Nothing is kept longer, whatever others set; of all.")
    ] = None,
    yes: Yes = False,
) -> None:
    """Set how many days data are kept: of a device, model or tenant, or without any of all.

    It tells first what goes, and asks.

    Example: technopark retention set --tenant sunny --days 90
    """
    place = asking.given(tenant_id=tenant, model_id=model, device_id=device)
    with asking.asking() as api:
        if not yes and days != "forever":
            tell(pages(api, {**place, "days": typed(days)}))
            typer.confirm("What is older goes, and nothing brings it back. Go on?", abort=True)
        body = {**place, **asking.given(longest_days=longest), "days": typed(days)}
        asking.show(api.post("retention", body), as_json=False)


@app.command("dry-run")
def dry_run(
    tenant: OfTenant = None,
    model: OfModel = None,
    device: OfDevice = None,
    days: Annotated[str | None, NUMBER_OF_DAYS] = None,
    as_json: AsJson = False,
) -> None:
    """Tell what would go now, or if another number of days were set; nothing is changed.

    Example: technopark retention dry-run --tenant sunny --days 30
    """
    place = asking.given(tenant_id=tenant, model_id=model, device_id=device)
    body = place if days is None else {**place, "days": typed(days)}
    with asking.asking() as api:
        if as_json:
            plans = list(pages(api, body))
            whole = {name: [x for plan in plans for x in plan[name]] for name in plans[0]
                     if name != "next"}  # fmt: skip
            asking.say(json.dumps(whole, ensure_ascii=False, indent=2))
        else:
            tell(pages(api, body))


@app.command()
def run(as_json: AsJson = False) -> None:
    """Let go now what may go; the platform does it by itself every ten minutes.

    Example: technopark retention run
    """
    went, console = {"chunks": 0, "rows": 0}, Console(stderr=True)
    with (
        asking.asking() as api,
        Progress(console=console, transient=True, disable=not console.is_terminal) as bar,
    ):
        task, done = bar.add_task("letting go", total=None), False
        while not done:
            step = api.post("retention/step")
            went = {name: went[name] + step[name] for name in went}
            bar.update(task, description=f"{went['chunks']:,} chunks, {went['rows']:,} rows")
            done = step["done"]
            if step["busy"]:
                warn("the platform is at it already: look again in a moment")
            elif not done:
                time.sleep(PAUSE_SECONDS)
    if as_json:
        asking.say(json.dumps(went))
    else:
        asking.say(f"{went['chunks']:,} chunks and {went['rows']:,} rows are gone")


def typed(days: str | None) -> Json:
    """The days as the API takes them.

    Raises:
        typer.BadParameter: they are none.
    """
    if days in ("forever", "inherit"):
        return None if days == "inherit" else days
    if days is None or not days.isdecimal():
        sentence = f"{days!r} is no number of days: give one such as 90, forever or inherit"
        raise typer.BadParameter(sentence, param_hint="--days")
    return int(days)


def pages(api: Api, body: Mapping[str, Json]) -> Iterator[Json]:
    """All pages of a dry run."""
    plan = api.post("retention/dry-run", body)
    yield plan
    while plan["next"] is not None:
        plan = api.post("retention/dry-run", {**body, "cursor": plan["next"]})
        yield plan


def tell(plans: Iterator[Json]) -> None:
    """What would go, in two tables."""
    all_ = list(plans)
    if chunks := [readable(chunk) for plan in all_ for chunk in plan["chunks"]]:
        asking.show_list(chunks, ("table", "start", "end", "rows", "bytes"), as_json=False)
    devices = [readable(device) for plan in all_ for device in plan["devices"]]
    if devices:
        asking.show_list(devices, ("device_id", "tenant_id", *KINDS, "bytes"), as_json=False)
    else:
        asking.say("nothing goes")


def readable(item: Mapping[str, Json]) -> dict[str, Json]:
    """A line of a table, with bytes as people read them."""
    return {**item, "bytes": decimal(item["bytes"])}
