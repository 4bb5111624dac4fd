"""`technopark tail`."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Annotated, Any

import typer

from cli import asking
from cli.api import Api, Json, path
from cli.asking import AsJson
from cli.devices import Device

POLL_SECONDS = 1.0


def tail(
    device: Device,
    rejected: Annotated[
        bool, typer.Option("--rejected", help="Show what was not stored, and why.")
    ] = False,
    metric: Annotated[
        list[str] | None, typer.Option(help="Only this; several are several options.")
    ] = None,
    seconds: Annotated[
        float | None, typer.Option("--for", min=0, help="End after so many seconds.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Print a device's newest values as they come, until Ctrl-C.

    Example: technopark tail sunny-roof-1 --rejected
    """
    if rejected and metric:
        raise typer.BadParameter("rejections have no metric", param_hint="--metric")
    with asking.asking() as api, suppress(KeyboardInterrupt):
        news = (
            rejections(api, device, seconds) if rejected else values(api, device, metric, seconds)
        )
        for batch in news:
            for item in batch:
                tell(item, as_json=as_json)


def values(
    api: Api, device: str, metrics: list[str] | None, seconds: float | None
) -> Iterator[list[Json]]:
    """The newest values, then what comes, as long as the device may be seen."""
    for event in api.events("live", device_id=[device], metric=metrics, seconds=seconds):
        yield event.json()


def rejections(api: Api, device: str, seconds: float | None) -> Iterator[list[Json]]:
    """Again and again, the rejections that came since; at first the last page of them."""
    until = None if seconds is None else time.monotonic() + seconds
    where = path("devices", device, "rejections")
    newest = api.get(where, limit=20)["items"]
    seen: set[int] = set()
    while True:
        yield [item for item in reversed(newest) if item["id"] not in seen]
        seen |= {item["id"] for item in newest}
        since: dict[str, Any] = {"from": newest[0]["ts"]} if newest else {}
        if until is not None and time.monotonic() >= until:
            return
        time.sleep(POLL_SECONDS)
        newest = list(api.items(where, **since)) or newest


def tell(item: Json, *, as_json: bool) -> None:
    """One line for a value or a rejection."""
    if as_json:
        asking.say(json.dumps(item, ensure_ascii=False))
    elif "reason" in item:
        asking.say(f"{item['ts']}  {item['reason']}: {item['detail']}")
    else:
        value = json.dumps(item["value"], ensure_ascii=False)
        line = f"{item['ts']}  {item['metric']} = {value} {item['unit'] or ''}".rstrip()
        asking.say(f"{line}  {warning(item['flag'])}" if item["flag"] else line)


def warning(flag: str) -> str:
    """A flag that is noticed, also without colours."""
    return typer.style(f"⚠ {flag.replace('-', ' ')}", fg="yellow", bold=True)
