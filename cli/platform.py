"""`technopark up`, `down`, `status`, `logs` and `doctor`: the platform on this machine."""

from __future__ import annotations

import json
import os
import signal
import time
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli import path_check
from cli.failure import plain_errors
from cli.running import Options, run
from stack import doctor as checks
from stack import platform, rollups, settings
from stack.errors import StackError
from stack.home import Home
from stack.supervisor import tail

DOWN_SECONDS = 120.0
POLL_SECONDS = 0.1

PortOption = Annotated[
    int | None, typer.Option(metavar="PORT", min=1, max=65535, help="Instead of the usual one.")
]
AsJson = Annotated[bool, typer.Option("--json", help="As JSON, for programs.")]


def up(
    demo: Annotated[
        bool, typer.Option("--demo", help="With simulated devices and a live view.")
    ] = False,
    seconds: Annotated[
        float | None,
        typer.Option("--for", min=1, metavar="SECONDS", help="Stop by itself after so long."),
    ] = None,
    mqtt_port: PortOption = None,
    mqtts_port: PortOption = None,
    websocket_port: PortOption = None,
    api_port: PortOption = None,
    database_port: PortOption = None,
    registry_port: PortOption = None,
    ingest_port: PortOption = None,
) -> None:
    """Start the platform on this machine, and stop it with Ctrl-C.

    The first time it fetches Mosquitto and PostgreSQL with TimescaleDB, where they are missing.

    Data stays in the folder TECHNOPARK_HOME, by default .technopark.

    Example: technopark up --demo --for 60
    """
    ports = {
        "mqtt_port": mqtt_port,
        "mqtts_port": mqtts_port,
        "websocket_port": websocket_port,
        "api_port": api_port,
        "database_port": database_port,
        "registry_port": registry_port,
        "ingest_port": ingest_port,
    }
    with plain_errors():
        good = run(settings.load(ports), Options(demo=demo, seconds=seconds))
    if not good:
        raise typer.Exit(1)


def down() -> None:
    """Stop the platform that runs in this folder.

    Example: technopark down
    """
    with plain_errors():
        home = Home(settings.load({}).home)
        if not home.is_held():
            ended = home.end_survivors()
            typer.echo(f"ended {len(ended)} processes of before" if ended else "it is not running")
            return
        pid = home.read_record().get("pid")
        if not isinstance(pid, int):
            raise StackError("the platform is just starting: try again in a moment")
        os.kill(pid, signal.SIGTERM)
        wait_until_free(home, pid)
        typer.echo("stopped")


def wait_until_free(home: Home, pid: int) -> None:
    """Return when the process has let go of the folder."""
    deadline = time.monotonic() + DOWN_SECONDS
    while home.is_held():
        if time.monotonic() > deadline:
            raise StackError(
                f"process {pid} does not stop: `kill -9 {pid}` ends it and all that it started"
            )
        time.sleep(POLL_SECONDS)


def status(as_json: AsJson = False) -> None:
    """Show what runs and where it is reached. Exit status 1 where something does not.

    Example: technopark status --json
    """
    with plain_errors():
        home = Home(settings.load({}).home)
        found = state_of(home)
    if as_json:
        typer.echo(json.dumps(found, indent=1))
    elif found["running"]:
        show_status(Console(), found)
    else:
        typer.echo(f"the platform in {home.path} is not running: start it with `technopark up`")
    if not found["healthy"]:
        raise typer.Exit(1)


def state_of(home: Home) -> dict[str, Any]:
    """What ``up`` wrote down, and whether it still holds."""
    running = home.path.exists() and home.is_held()
    record = home.read_record() if running else {}
    services = record.get("services", [])
    metrics = record.get("addresses", {}).get("registry metrics")
    return {
        "running": running,
        "healthy": bool(services) and all(s["state"] in ("ready", "done") for s in services),
        "home": str(home.path),
        "pid": record.get("pid"),
        "since": record.get("started"),
        "services": services,
        "addresses": record.get("addresses", {}),
        "certificate_authority": str(home.authority) if running else None,
        "rollups_behind_seconds": rollups.behind(metrics) if metrics else None,
        "warnings": platform.warnings(home) if running else [],
    }


def show_status(console: Console, found: dict[str, Any]) -> None:
    """The state as a person reads it."""
    services = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("service", "state", "process", "restarts"):
        services.add_column(heading)
    for one in found["services"]:
        good = one["state"] in ("ready", "done")
        state = Text(f"{'✓' if good else '✗'} {one['state']}", "cyan" if good else "bold red")
        services.add_row(one["name"], state, str(one["pid"] or "–"), str(one["deaths"] or "–"))
    console.print(services)
    console.print(address_table(found["addresses"], found["certificate_authority"]))
    console.print(f"\ndata in {found['home']}", style="dim", highlight=False, soft_wrap=True)
    if (seconds := found["rollups_behind_seconds"]) is not None:
        text = f"readings are summed up to {seconds / 60:.0f} min before the newest"
        console.print(text, style="dim", highlight=False)
    for warning in found["warnings"]:
        console.print(f"⚠ {warning}", style="yellow", highlight=False, soft_wrap=True)


def address_table(addresses: dict[str, str], authority: str | None) -> Table:
    """Where things are reached."""
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    table.add_row()
    for name, address in addresses.items():
        table.add_row(Text(name, "dim"), Text(address))
    if authority:
        table.add_row(Text("CA certificate", "dim"), Text(authority, overflow="fold"))
    return table


def logs(
    service: Annotated[str, typer.Argument(help="As in `technopark status`.")],
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on with new lines.")] = False,
    lines: Annotated[int, typer.Option("-n", "--lines", min=1, help="How many.")] = 50,
) -> None:
    """Show the end of a service's log.

    Example: technopark logs ingest -f
    """
    with plain_errors():
        home = Home(settings.load({}).home)
        log = home.logs / f"{service}.log"
        known = sorted(path.stem for path in home.logs.glob("*.log"))
        if service not in known:
            there = f"there are: {', '.join(known)}" if known else "nothing has run here yet"
            raise StackError(f"there is no log of {service!r}; {there}")
    for line in tail(log, lines):
        typer.echo(line)
    if follow:
        with log.open(errors="replace") as file:
            file.seek(0, os.SEEK_END)
            follow_lines(file)


def follow_lines(file: Any) -> None:
    """Print what is appended, until Ctrl-C; start over where the file was made shorter."""
    try:
        while True:
            if text := file.read():
                typer.echo(text, nl=False)
                continue
            if os.fstat(file.fileno()).st_size < file.tell():
                file.seek(0)
            time.sleep(POLL_SECONDS)
    except KeyboardInterrupt:
        typer.echo()


def doctor() -> None:
    """Look for what is wrong, and say how to mend it. Exit status 1 where something is.

    Where the platform runs, a test reading takes the whole way: registered, published by MQTT,
    stored, found by the API.

    Example: technopark doctor
    """
    console = Console()
    with plain_errors():
        chosen = settings.load({})
        bad = 0
        for finding in (*checks.examine(chosen), path_check.examine(chosen)):
            show_finding(console, finding)
            bad += finding.good is False
    if bad:
        raise typer.Exit(1)


def show_finding(console: Console, finding: checks.Finding) -> None:
    """One line: symbol, what was looked at, what was found."""
    symbol, style = {True: ("✓", "cyan"), False: ("✗", "bold red"), None: ("·", "dim")}[
        finding.good
    ]
    line = Text.assemble((symbol, style), f" {finding.what:<15} ", finding.detail)
    console.print(line, highlight=False, soft_wrap=True)
