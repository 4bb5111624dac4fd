"""`technopark rejections …`: what was not stored, why, and its replay."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from broker.payloads import Reason
from cli import asking
from cli.api import Api, ApiError, Json, path
from cli.asking import AsJson
from cli.fleets import warn

app = typer.Typer(help="What was not stored, why, and its replay.", no_args_is_help=True)

COLUMNS = ("ts", "device_id", "reason", "detail", "replayable", "replayed_at")
COUNTED = ("replayed", "skipped", "not_kept")

Tenant = Annotated[str | None, typer.Option(help="Of the devices of this tenant.")]
Park = Annotated[str | None, typer.Option(help="Of the devices in this park.")]
OfReason = Annotated[Reason | None, typer.Option(help="Only for this reason.")]
Start = Annotated[
    str | None, typer.Option("--from", help="The first arrival, like 2026-03-01T00:00:00Z.")
]
End = Annotated[str | None, typer.Option("--to", help="The end, itself left out.")]


@app.command("list")
def list_(
    device: Annotated[
        str | None, typer.Argument(help="The device's id; else all, of the last seven days.")
    ] = None,
    tenant: Tenant = None,
    park: Park = None,
    reason: OfReason = None,
    only_open: Annotated[
        bool, typer.Option("--open/--all", help="Without or with what was replayed.")
    ] = True,
    start: Start = None,
    end: End = None,
    limit: Annotated[int, typer.Option(min=1, help="The newest so many.")] = 100,
    as_json: AsJson = False,
) -> None:
    """List what was not stored, the newest first.

    Example: technopark rejections list --tenant sunny --reason clock-ahead
    """
    if device is not None and (tenant or park):
        raise typer.BadParameter("--tenant and --park choose devices: leave DEVICE out")
    where = "rejections" if device is None else path("devices", device, "rejections")
    filters = {"tenant_id": tenant, "park_id": park, "reason": reason, "from": start, "to": end}
    with asking.asking() as api:
        found = api.items(where, **filters, state="open" if only_open else None)
        rows = list(islice(found, limit))
        more = next(found, None) is not None
        asking.show_list(rows, COLUMNS, as_json=as_json)
    if more:
        warn(f"these are the newest {limit}: --limit shows more, `rejections summary` counts them")


@app.command()
def summary(
    tenant: Tenant = None,
    park: Park = None,
    start: Start = None,
    end: End = None,
    as_json: AsJson = False,
) -> None:
    """Count by reason what was not stored, in the last seven days or in another time.

    Example: technopark rejections summary --park cimahi
    """
    range_ = {"from": start, "to": end}
    with asking.asking() as api:
        counted = api.get("rejections/summary", tenant_id=tenant, park_id=park, **range_)
    if as_json:
        asking.show(counted, as_json=True)
        return
    rows = [{**item, "most of": devices(item["most"])} for item in counted["items"]]
    columns = ("reason", "count", "open", "devices", "newest", "most of")
    asking.show_list(rows, columns, as_json=False)


def devices(most: list[dict[str, Json]]) -> list[str]:
    """Devices, each with its count."""
    return [f"{one['device_id']} ({one['count']:,})" for one in most]


@app.command()
def replay(
    device: Annotated[str, typer.Argument(help="The device's id.")],
    reason: OfReason = None,
    start: Start = None,
    end: End = None,
    again: Annotated[bool, typer.Option("--again", help="Also what was replayed already.")] = False,
    as_json: AsJson = False,
) -> None:
    """Send a device's rejected messages again, once the cause is mended.

    What was stored before is not stored twice; what is refused again is open again.

    Example: technopark rejections replay sunny-roof-1 --reason out-of-range
    """
    body = asking.given(reason=reason, include_replayed=again, **{"from": start, "to": end})
    done: Counter[str] = Counter(dict.fromkeys(COUNTED, 0))
    with asking.asking() as api:
        try:
            send(api, device, body, done)
        except ApiError:
            if done.total():
                tell(device, done, as_json=as_json)
            raise
    tell(device, done, as_json=as_json)


def send(api: Api, device: str, body: Mapping[str, Json], done: Counter[str]) -> None:
    """Replay call after call behind a bar, and count into ``done``."""
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("replaying", total=None)
        for answer in calls(api, device, body):
            done.update({name: answer[name] for name in COUNTED})
            bar.update(task, completed=done.total(), total=done.total() + answer["remaining"])


def calls(api: Api, device: str, body: Mapping[str, Json]) -> Iterator[Json]:
    """The answers of the API until nothing remains."""
    where = path("devices", device, "rejections", "replay")
    answer = api.post(where, body)
    yield answer
    while answer["next"] is not None:
        answer = api.post(where, {**body, "cursor": answer["next"]})
        yield answer


def tell(device: str, done: Mapping[str, int], *, as_json: bool) -> None:
    """What became of the messages."""
    if as_json:
        asking.say(json.dumps(done))
        return
    asking.say(f"{done['replayed']:,} messages of {device} were replayed")
    if done["skipped"]:
        warn(f"{done['skipped']:,} were left out: only telemetry and attributes are sent again")
    if done["not_kept"]:
        warn(f"{done['not_kept']:,} were too long to be kept whole: the device has to send them")
