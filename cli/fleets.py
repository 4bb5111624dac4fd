"""What `simulate` and `replay` share: options, progress, summary file, Ctrl-C, exit status."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.live import Live
from rich.text import Text

from broker.topics import DEVICE_ID, DEVICE_ID_RULE
from cli import asking
from cli.api import Api
from cli.enrolment import EnrolmentError
from simulators import Fleet, run, summary
from simulators.summary import write

Seconds = Annotated[float | None, typer.Option("--for", min=0.1, help="End after so many seconds.")]
Tenant = Annotated[str, typer.Option(help="Owns the devices; created where it is missing.")]
Lab = Annotated[str | None, typer.Option(help="The lab in which new devices stand.")]
TakeOver = Annotated[
    bool, typer.Option("--take-over", help="Take devices from a simulation that is running.")
]
Credentials = Annotated[
    Path | None,
    typer.Option(help='JSON lines {"id": …, "secret": …}: use these devices, register nothing.'),
]
SummaryFile = Annotated[
    Path | None, typer.Option("--summary", help="Write the counts here, every second.")
]
Host = Annotated[str, typer.Option(envvar="TECHNOPARK_BROKER_HOST", help="Of the broker.")]
Port = Annotated[
    int,
    typer.Option(envvar=["TECHNOPARK_BROKER_PORT", "TECHNOPARK_MQTT_PORT"], help="Of the broker."),
]
ApiUrl = Annotated[
    str | None,
    typer.Option(envvar="TECHNOPARK_API_URL", help="Of the HTTP API; default: this machine's."),
]
Token = Annotated[
    str,
    typer.Option(
        envvar="TECHNOPARK_TOKEN", help="Of the HTTP API; default: that of `technopark login`."
    ),
]

# Without a terminal a line is printed so often.
LINE_SECONDS = 5.0


def open_api(api_url: str | None, token: str) -> Api:
    """The API that the options name, else the one of the other commands."""
    return Api(api_url or asking.api_url(), token or asking.token())


def require_device_id(device_id: str) -> None:
    """Raise a usage error for what is no device id."""
    if not DEVICE_ID.fullmatch(device_id):
        raise typer.BadParameter(f"{device_id!r}: {DEVICE_ID_RULE}")


def read_credentials(file: Path) -> dict[str, str]:
    """Secrets by device id, from JSON lines like ``{"id": "dev-1", "secret": "tpd_..."}``.

    Raises:
        EnrolmentError: naming the line that is no such thing, but not its text.
    """
    secrets: dict[str, str] = {}
    try:
        lines = file.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise EnrolmentError(f"cannot read {file}: {error}") from error
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
            device_id, secret = str(entry["id"]), str(entry["secret"])
        except (ValueError, KeyError, TypeError) as error:
            raise EnrolmentError(
                f'{file}, line {number}: not like {{"id": "my-device", "secret": "tpd_…"}}'
            ) from error
        if not DEVICE_ID.fullmatch(device_id):
            raise EnrolmentError(f"{file}, line {number}: {device_id!r}: {DEVICE_ID_RULE}")
        secrets[device_id] = secret
    if not secrets:
        raise EnrolmentError(f"{file} has no credentials")
    return secrets


def play(
    fleet: Fleet,
    player: Coroutine[Any, Any, None],
    *,
    seconds: float | None,
    summary_file: Path | None,
) -> None:
    """Run a fleet to its end, telling how it goes.

    Raises:
        typer.Exit: 1 where nothing was acknowledged.
    """

    def save(*, running: bool) -> dict[str, Any]:
        state = summary(fleet, running=running)
        if summary_file is not None:
            write(summary_file, state)
        return state

    with closing(player), progress() as show:
        save(running=True)  # a file that cannot be written is told before anything is sent
        asyncio.run(until_stopped(fleet, player, seconds, lambda: show(save(running=True))))
    done = save(running=False)
    tell_end(done)
    if not done["acknowledged"]:
        raise typer.Exit(1)


async def until_stopped(
    fleet: Fleet,
    player: Coroutine[Any, Any, None],
    seconds: float | None,
    report: Callable[[], None],
) -> None:
    """Run a fleet until its end, Ctrl-C or SIGTERM. A second Ctrl-C does not wait any more."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()

    def end() -> None:
        stop.set()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, end)
    await run(fleet, player, seconds=seconds, stop=stop, report=report)


@contextmanager
def progress() -> Iterator[Callable[[dict[str, Any]], None]]:
    """Where the state of a fleet is shown: a line that changes, or plain lines now and then."""
    console = Console(stderr=True)
    started = time.monotonic()
    if console.is_terminal:
        with Live(console=console, auto_refresh=False, transient=True) as live:
            yield lambda state: live.update(
                Text(line(state, time.monotonic() - started)), refresh=True
            )
        return
    due = started

    def tell(state: dict[str, Any]) -> None:
        nonlocal due
        if time.monotonic() >= due:
            due = time.monotonic() + LINE_SECONDS
            typer.echo(line(state, time.monotonic() - started), err=True)

    yield tell


def line(state: dict[str, Any], seconds: float) -> str:
    """The state of a fleet in one line."""
    rate = state["acknowledged"] / seconds if seconds > 1 else 0
    text = (
        f"{seconds:5.0f} s  {state['connected']} of {len(state['devices'])} connected  "
        f"{state['acknowledged']:,} messages acknowledged ({rate:,.0f}/s)  "
        f"{state['unacknowledged']:,} on the way"
    )
    if state["trouble"] and not state["connected"]:
        text += f"  {next(iter(state['trouble'].values()))}"
    return text


def tell_end(state: dict[str, Any]) -> None:
    """What a fleet has done, and what it could not do."""
    devices = "1 device" if len(state["devices"]) == 1 else f"{len(state['devices'])} devices"
    typer.echo(
        f"{devices} published {state['published']:,} messages; "
        f"{state['acknowledged']:,} were acknowledged, with {state['values_acknowledged']:,} values"
    )
    for device_id, reason in state["refused"].items():
        warn(f"{device_id} was stopped: {reason}")
    if state["unacknowledged"]:
        warn(f"{state['unacknowledged']:,} messages were not acknowledged in time")
        for reason in sorted(set(state["trouble"].values())):
            warn(reason)
    if state["turned_away"]:
        warn(f"{state['turned_away']:,} messages were refused by the broker")
    if state["skipped"]:
        warn(f"{state['skipped']:,} readings were left out, because too many were waiting")


def warn(text: str) -> None:
    """A sentence that should be noticed."""
    typer.secho(text, fg="yellow", err=True)
