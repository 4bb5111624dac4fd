"""`technopark device command` and `device commands`: what devices are to do, and what they say."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from itertools import islice
from typing import Annotated

import typer
from rich.console import Console

from cli import asking
from cli.api import Api, Json, path
from cli.asking import AsJson
from cli.devices import Device
from cli.failure import failed

COLUMNS = ("id", "sent_at", "name", "params", "status", "replied_at", "reason")
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.1, 1.0


def command(
    device: Device,
    name: Annotated[str, typer.Argument(help="What it is to do, as the device calls it.")],
    param: Annotated[
        list[str] | None,
        typer.Option(
            help="KEY=VALUE, as often as needed. A value that is JSON (2.5, true, [1, 2]) is sent "
            "as such, every other as text."
        ),
    ] = None,
    ttl: Annotated[
        int | None,
        typer.Option(min=1, help="Seconds for which it waits for a device that is away; else 60."),
    ] = None,
    wait: Annotated[
        float, typer.Option(min=0, help="Seconds to wait for the answer; 0: do not wait.")
    ] = 10,
    as_json: AsJson = False,
) -> None:
    """Send a command to a device, wait for its answer and show it.

    The exit status is 1 where the device refuses, does not get it, or does not answer in time.

    Example: technopark device command sunny-pack-1 start_charge --param current_a=2.5
    """
    body = asking.given(name=name, params=parameters(param or ()), ttl_seconds=ttl)
    with asking.asking() as api:
        sent = api.post(path("devices", device, "commands"), body)
        if wait:
            sent = answered(api, sent, wait)
    if as_json:
        asking.show(sent, as_json=True)
    if wait and sent["status"] != "done":
        raise failed(trouble(sent, wait))
    if not as_json:
        asking.say(
            f"{device} answers {json.dumps(sent['reply'], ensure_ascii=False)}"
            if sent["status"] == "done"
            else f"command {sent['id']} is sent"
        )


def parameters(texts: Sequence[str]) -> dict[str, Json]:
    """The parameters that were typed.

    Raises:
        typer.BadParameter: one has no name.
    """
    found: dict[str, Json] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not key or not equals:
            raise typer.BadParameter(f"{text!r}: give KEY=VALUE", param_hint="--param")
        try:
            found[key] = asking.parsed(value, "--param")
        except typer.BadParameter:
            found[key] = value
    return found


def answered(api: Api, sent: Json, seconds: float) -> Json:
    """The command as soon as it is decided what became of it, or after so many seconds."""
    deadline, pause = time.monotonic() + seconds, FIRST_PAUSE_SECONDS
    console = Console(stderr=True)
    with console.status("waiting for the answer"):
        while sent["status"] == "sent" and (left := deadline - time.monotonic()) > 0:
            time.sleep(min(pause, left))
            pause = min(pause * 1.5, LONGEST_PAUSE_SECONDS)
            sent = api.show_command(sent["device_id"], sent["id"])
    return sent


def trouble(sent: Json, seconds: float) -> str:
    """Why a command was not done, in a sentence."""
    device = sent["device_id"]
    if sent["status"] == "refused":
        return f"{device} refuses: {sent['reason'] or 'it does not say why'}"
    if sent["status"] == "undelivered":
        return f"{device} did not get it: {sent['reason']}"
    if sent["status"] == "expired":
        return f"{device} did not answer in time: whether it did it is not known"
    return (
        f"no answer of {device} in {seconds:g} s; it may still come until "
        f"{asking.moment(sent['expires_at'])}: see technopark device commands {device}"
    )


def commands(
    device: Device,
    limit: Annotated[int, typer.Option(min=1, help="The newest so many.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List the commands that were sent to a device, the newest first, with what became of them.

    Example: technopark device commands sunny-pack-1
    """
    with asking.asking() as api:
        rows = list(islice(api.list_commands(device), limit))
        asking.show_list(rows, COLUMNS, as_json=as_json)
