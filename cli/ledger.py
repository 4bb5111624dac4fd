"""`technopark ledger`: what a simulation says it has sent, against what the platform has."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from cli import asking
from cli.api import Api, Json, Parameter, path
from cli.asking import AsJson
from cli.failure import failed, plain_errors
from cli.fleets import ApiUrl, Token, duration, open_api
from simulators import ledger
from simulators.account import Account, Value, account, canonical

PAGE = 10_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
PAUSE_SECONDS = 1.0
# Clocks of the simulator and of the platform may differ by so much.
CLOCKS = timedelta(minutes=1)
SHOWN = 20

app = typer.Typer(help="What simulated devices sent, and what became of it.", no_args_is_help=True)
File = Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="Made with --ledger.")]


@app.command()
def check(
    file: File,
    seal: Annotated[
        str | None,
        typer.Option(help="That was told at the end; without it the end can be cut off."),
    ] = None,
    wait: Annotated[
        float,
        typer.Option(parser=duration, metavar="TIME", help="For messages that are on their way."),
    ] = 30.0,
    everything: Annotated[
        bool, typer.Option("--all", help=f"Name all differences, not the first {SHOWN}.")
    ] = False,
    as_json: AsJson = False,
    api_url: ApiUrl = None,
    token: Token = "",
) -> None:
    """Compare a ledger with what the platform stored and rejected, and name every difference.

    Ends with status 1 where the file was tampered with, or something cannot be explained.

    Example: technopark ledger check village.ledger --seal 3f2a90c1d4e5b677
    """
    with plain_errors():
        contents = ledger.read(file)
        if seal is not None and seal != contents.seal:
            raise failed(
                f"{file} has the seal {contents.seal}, not {seal}: its end was cut off, or all of "
                "it was written anew"
            )
        with open_api(api_url, token) as api:
            found = settled(contents, Stored(api), wait)
    if as_json:
        asking.show({**asdict(found), "seal": contents.seal, "ended": contents.ended}, as_json=True)
    else:
        tell(found, contents, everything=everything)
    if found.differences:
        raise typer.Exit(1)


class Stored:
    """The platform, asked through its API."""

    def __init__(self, api: Api) -> None:
        """Ask ``api``, in the name of somebody who may see the devices."""
        self.api = api

    def readings(
        self, device_id: str, metric: str, first: int, last: int
    ) -> Iterator[tuple[int, Value]]:
        """Times (µs since 1970) and numbers that are stored."""
        for reading in self._stored("readings", device_id, metric, first, last):
            yield micros(reading["ts"]), reading["value"]

    def states(
        self, device_id: str, metric: str, first: int, last: int
    ) -> Iterator[tuple[int, Value]]:
        """Times (µs since 1970) and states that are stored, as canonical JSON."""
        for state in self._stored("states", device_id, metric, first, last):
            yield micros(state["ts"]), canonical(state["value"])

    def _stored(
        self, kind: str, device_id: str, metric: str, first: int, last: int
    ) -> Iterator[Json]:
        span: dict[str, Parameter] = {"from": text(first), "to": text(last + 1), "limit": PAGE}
        return self.api.items(path("devices", device_id, kind), metric=metric, **span)

    def rejections(self, device_id: str, since: int) -> Iterator[tuple[bytes, str]]:
        """Beginning of the payload and reason, of what came since a moment in ms since 1970."""
        start = EPOCH + timedelta(milliseconds=since) - CLOCKS
        where = path("devices", device_id, "rejections")
        for one in self.api.items(where, **{"from": start.isoformat()}):
            payload = one["payload"]
            yield (
                base64.b64decode(payload) if one["encoding"] == "base64" else payload.encode(),
                one["reason"],
            )


def settled(contents: ledger.Contents, stored: Stored, wait: float) -> Account:
    """The account, made again as long as something is missing that may be on its way.

    Raises:
        ApiError: the API refused, as it does for a device that was deleted.
    """
    deadline = time.monotonic() + wait
    while True:
        found = account(contents, stored)
        if not found.differences or time.monotonic() > deadline:
            return found
        time.sleep(PAUSE_SECONDS)


def tell(found: Account, contents: ledger.Contents, *, everything: bool) -> None:
    """The account for people, and the differences by name."""
    lines: Iterable[tuple[str, Any]] = (
        ("devices", len(contents.devices)),
        ("messages sent", found.messages),
        ("acknowledged", found.acknowledged),
        ("stored, every value", found.stored),
        ("rejected, all or a part", found.rejected),
        ("values", found.values),
        ("values sent again", found.repeated),
        ("values that came late", found.late),
        ("values without a time, not looked for", found.untimed),
        ("refused by the broker", found.turned_away),
        ("never answered", found.unanswered),
    )
    asking.show({name: f"{count:,}" for name, count in lines if count}, as_json=False)
    for reason, count in sorted(found.reasons.items()):
        asking.say(f"  {reason}: {count:,}")
    if not contents.ended:
        asking.say("the ledger was not closed: its writer was killed, or its end was cut off")
    for difference in found.differences[: None if everything else SHOWN]:
        asking.say(f"✗ {difference}")
    if (more := len(found.differences) - SHOWN) > 0 and not everything:
        asking.say(f"… and {more:,} more: --all names them")
    asking.say(f"{len(found.differences):,} unexplained differences")


def text(us: int) -> str:
    """A time in µs since 1970 as the API reads it."""
    return (EPOCH + timedelta(microseconds=us)).isoformat()


def micros(moment: str) -> int:
    """µs since 1970 of a time of the API."""
    return (datetime.fromisoformat(moment) - EPOCH) // timedelta(microseconds=1)
