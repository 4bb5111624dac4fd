"""What `simulate` and `replay` share: options, progress, summary file, Ctrl-C, exit status."""

from __future__ import annotations

import json
import re
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.live import Live
from rich.text import Text

from broker.topics import DEVICE_ID, DEVICE_ID_RULE
from cli import asking
from cli.api import Api
from cli.enrolment import EnrolmentError
from simulators import Address, Fleet, Ledger, Login, run, summary
from simulators.players import DRAIN_SECONDS, Player
from simulators.summary import totals, write

DURATION = re.compile(r"(\d+(?:\.\d+)?)(s|m|h|d)?")
SECONDS_OF = {None: 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}


def duration(text: str | float) -> float:
    """Seconds of ``90``, ``90s``, ``5m``, ``12h`` or ``30d``.

    Raises:
        typer.BadParameter: it is none of these.
    """
    found = DURATION.fullmatch(str(text))
    if found is None:
        raise typer.BadParameter(f"{text!r} is no duration: give one like 90, 5m, 12h or 30d")
    return float(found[1]) * SECONDS_OF[found[2]]


Seconds = Annotated[
    float | None,
    typer.Option("--for", parser=duration, metavar="TIME", help="End after 90, 5m, 12h, 30d …"),
]
Tenant = Annotated[str, typer.Option(help="Owns the devices; created where it is missing.")]
Lab = Annotated[str | None, typer.Option(help="The lab in which new devices stand.")]
TakeOver = Annotated[
    bool, typer.Option("--take-over", help="Take devices from a simulation that is running.")
]
Credentials = Annotated[
    Path | None,
    typer.Option(help='JSON lines {"id": …, "secret": …}: use these devices, register nothing.'),
]
LedgerFile = Annotated[
    Path | None,
    typer.Option(
        "--ledger", help="A new file for all that is sent and acknowledged: `ledger check`."
    ),
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
NOTICEABLE_LAG = 0.2
# So many devices or reasons are told by name.
NAMED = 10


def open_api(api_url: str | None, token: str) -> Api:
    """The API that the options name, else the one of the other commands."""
    return Api(api_url or asking.api_url(), token or asking.token())


def require_device_id(device_id: str) -> None:
    """Raise a usage error for what is no device id."""
    if not DEVICE_ID.fullmatch(device_id):
        raise typer.BadParameter(f"{device_id!r}: {DEVICE_ID_RULE}")


def read_credentials(file: Path, *, foreign: bool = False) -> list[Login]:
    """Log-ins from JSON lines like ``{"id": "dev-1", "secret": "tpd_..."}``.

    For other platforms a line may also have ``username``, ``client_id`` and ``topic``.

    Args:
        file: of the lines.
        foreign: whether ids may be those of another platform.

    Raises:
        EnrolmentError: naming the line that is no such thing, but not its text.
    """
    logins: dict[str, Login] = {}
    try:
        lines = file.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise EnrolmentError(f"cannot read {file}: {error}") from error
    for number, line in enumerate(lines, 1):
        if line.strip():
            login = login_of(line, f"{file}, line {number}")
            if not foreign and not DEVICE_ID.fullmatch(login.device_id):
                raise EnrolmentError(
                    f"{file}, line {number}: {login.device_id!r}: {DEVICE_ID_RULE}"
                )
            if login.device_id in logins:
                raise EnrolmentError(f"{file}, line {number}: {login.device_id} is there twice")
            logins[login.device_id] = login
    if not logins:
        raise EnrolmentError(f"{file} has no credentials")
    return list(logins.values())


def login_of(line: str, where: str) -> Login:
    """The log-in of a line."""
    try:
        entry = json.loads(line)
        names = [entry.get(name) for name in ("username", "client_id", "topic")]
        login = Login(entry["id"], entry["secret"], *names)
        texts = [login.device_id, login.secret, *(name for name in names if name is not None)]
        if not all(isinstance(text, str) and text for text in texts):
            raise TypeError
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise EnrolmentError(
            f'{where}: not like {{"id": "my-device", "secret": "tpd_…"}}'
        ) from error
    return login


@contextmanager
def open_ledger(file: Path | None, address: Address) -> Iterator[Ledger | None]:
    """The ledger that was asked for, sealed at the end.

    Raises:
        EnrolmentError: the file is there already.
    """
    if file is None:
        yield None
        return
    try:
        ledger = Ledger(file, str(address))
    except FileExistsError as error:
        raise EnrolmentError(f"{file} is there already: name a new file with --ledger") from error
    with ledger:
        yield ledger


def play(
    fleet: Fleet,
    players: Sequence[Player],
    *,
    seconds: float | None,
    summary_file: Path | None,
    ledger: Ledger | None = None,
    drain: float = DRAIN_SECONDS,
) -> None:
    """Run a fleet to its end, telling how it goes. A second Ctrl-C does not wait any more.

    Raises:
        typer.Exit: 1 where a device was stopped, or not everything was acknowledged, or nothing.
    """

    def report() -> None:
        if summary_file is not None:
            write(summary_file, summary(fleet, running=True))
        show(totals(fleet))

    with progress(fleet) as show, stop_signals() as stop:
        report()  # a file that cannot be written is told before anything is sent
        run(fleet, players, seconds=seconds, stop=stop, report=report, drain=drain)
    done = summary(fleet, running=False)
    if summary_file is not None:
        write(summary_file, done)
    tell_end(done)
    if ledger is not None:
        ledger.close()
        typer.echo(f"the ledger is sealed: {ledger.seal}")
    if done["refused"] or done["unacknowledged"] or not done["acknowledged"]:
        raise typer.Exit(1)


@contextmanager
def stop_signals() -> Iterator[Callable[[], bool]]:
    """Whether Ctrl-C or SIGTERM has come; the next one ends the program."""
    came: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        came.append(number)
        restore()

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    try:
        yield lambda: bool(came)
    finally:
        restore()


@contextmanager
def progress(fleet: Fleet) -> Iterator[Callable[[dict[str, Any]], None]]:
    """Where the state of a fleet is shown: a line that changes, or plain lines now and then."""
    console = Console(stderr=True)
    started = time.monotonic()

    def text(state: dict[str, Any]) -> str:
        return line(state, len(fleet.devices), time.monotonic() - started, trouble_of(fleet))

    if console.is_terminal:
        with Live(console=console, auto_refresh=False, transient=True) as live:
            yield lambda state: live.update(Text(text(state)), refresh=True)
        return
    due = started

    def tell(state: dict[str, Any]) -> None:
        nonlocal due
        if time.monotonic() >= due:
            due = time.monotonic() + LINE_SECONDS
            typer.echo(text(state), err=True)

    yield tell


def trouble_of(fleet: Fleet) -> str | None:
    """Why a device is not connected, of the first for which that is known."""
    return next((d.trouble for d in fleet.devices.values() if d.trouble), None)


def line(state: dict[str, Any], devices: int, seconds: float, trouble: str | None) -> str:
    """The state of a fleet in one line."""
    rate = state["acknowledged"] / seconds if seconds > 1 else 0
    text = (
        f"{seconds:5.0f} s  {state['connected']:,} of {devices:,} connected  "
        f"{state['acknowledged']:,} messages acknowledged ({rate:,.0f}/s)  "
        f"{state['unacknowledged']:,} on the way"
    )
    if state["lag_seconds"] > NOTICEABLE_LAG:
        text += f"  {state['lag_seconds']:.1f} s behind"
    if state["missed"]:
        text += f"  {state['missed']:,} missed"
    if trouble and not state["connected"]:
        text += f"  {trouble}"
    return text


def tell_end(state: dict[str, Any]) -> None:
    """What a fleet has done, and what it could not do."""
    devices = "1 device" if len(state["devices"]) == 1 else f"{len(state['devices'])} devices"
    typer.echo(
        f"{devices} published {state['published']:,} messages; "
        f"{state['acknowledged']:,} were acknowledged, with {state['values_acknowledged']:,} values"
    )
    for device_id, reason in list(state["refused"].items())[:NAMED]:
        warn(f"{device_id} was stopped: {reason}")
    if len(state["refused"]) > NAMED:
        warn(f"{len(state['refused']) - NAMED:,} more devices were stopped")
    if state["unacknowledged"]:
        warn(f"{state['unacknowledged']:,} messages were not acknowledged in time")
        for reason in sorted(set(state["trouble"].values()))[:NAMED]:
            warn(reason)
    if state["turned_away"]:
        warn(f"{state['turned_away']:,} messages were refused by the broker")
    if state["skipped"]:
        warn(f"{state['skipped']:,} readings were left out, because too many were waiting")
    if state["missed"]:
        warn(
            f"{state['missed']:,} readings were left out, because this machine was too late for "
            f"them, up to {state['longest_lag_seconds']:.1f} s: simulate fewer devices, or slower"
        )
    if state["rejections"]:
        warn(f"the platform rejected {state['rejections']:,} messages: `technopark rejections`")


def warn(text: str) -> None:
    """A sentence that should be noticed."""
    typer.secho(text, fg="yellow", err=True)
