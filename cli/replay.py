"""`technopark replay`: a recorded file, played as a device."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import typer

import simulators
from broker.topics import METRIC_NAME
from cli import enrolment
from cli.api import Api, Json
from cli.failure import plain_errors
from cli.fleets import (
    ApiUrl,
    Credentials,
    Host,
    Lab,
    LedgerFile,
    Port,
    Seconds,
    SummaryFile,
    TakeOver,
    Tenant,
    Token,
    open_api,
    open_ledger,
    play,
    read_credentials,
    require_device_id,
    warn,
)
from simulators import Address, Fleet, Habits, recording, tmy3
from simulators.recording import Layout, Recording, Row

T = TypeVar("T")

WEATHER_STATION: dict[str, Json] = {
    "id": "weather-station",
    "name": "Weather station",
    "description": "Hourly irradiance and weather, from a TMY3 file.",
    "metrics": [
        {"metric": c.metric, "unit": c.unit, "minimum": c.minimum, "maximum": c.maximum}
        for c in tmy3.COLUMNS
    ],
}

File = Annotated[
    Path | None, typer.Argument(help="*.csv, *.jsonl or *.parquet, with a column of times.")
]
Preset = Annotated[
    Literal["tmy3"] | None,
    typer.Option(
        help="A known kind of FILE; without FILE tmy3, the typical year of weather in pvlib.",
    ),
]
DeviceId = Annotated[
    str | None, typer.Option("--device", help="Publishes the readings; a preset makes its own.")
]
Map = Annotated[
    list[str] | None,
    typer.Option(
        "--map", help="METRIC=COLUMN, as often as needed; default: every column by its name."
    ),
]
TimeColumns = Annotated[str, typer.Option("--time", help="The column, or two: DATE,TIME.")]
TimeFormat = Annotated[
    str, typer.Option(help="iso, epoch, epoch-ms, or like %d.%m.%Y %H:%M (Python's strptime).")
]
Zone = Annotated[str, typer.Option(help="±HH:MM of times that do not tell their own.")]
Year = Annotated[
    int | None, typer.Option(min=2000, max=9998, help="Puts every line into this year.")
]
Shift = Annotated[
    str | None,
    typer.Option(
        help="now: by whole days, to end within the last day; or a time, to begin then.",
    ),
]
Speed = Annotated[float, typer.Option(min=0.001, help="Recorded seconds in a second.")]


def replay(
    file: File = None,
    preset: Preset = None,
    device: DeviceId = None,
    columns: Map = None,
    time_columns: TimeColumns = "time",
    time_format: TimeFormat = "iso",
    zone: Zone = "+00:00",
    year: Year = None,
    shift: Shift = None,
    speed: Speed = 1.0,
    seconds: Seconds = None,
    tenant: Tenant = "demo",
    lab: Lab = None,
    take_over: TakeOver = False,
    credentials: Credentials = None,
    ledger: LedgerFile = None,
    summary: SummaryFile = None,
    host: Host = "127.0.0.1",
    port: Port = 1883,
    api_url: ApiUrl = None,
    token: Token = "",
) -> None:
    """Play a recorded file as a device, with the file's own time stamps.

    Without FILE it is the weather of a typical year, from twelve months ago until now.

    Example: technopark replay --speed 3600 --for 60

    Example: technopark replay roof.parquet --device my-roof --speed 60 --shift now

    Example: technopark replay log.csv --map speed=RPM --time Date,Time
    --time-format "%d.%m.%Y %H:%M" --zone +01:00 --device my-bench --speed 10
    """
    if year is not None and shift is not None:
        raise typer.BadParameter("--year and --shift exclude each other")
    if file is None and columns is None:
        preset = preset or "tmy3"
    device_id = device or required(preset and f"{tenant}-weather-station-01", "--device")
    require_device_id(device_id)
    now = time.time()
    with plain_errors():
        if preset is not None:
            found, to_now = typical_year(file, year, now), year is None
        else:
            layout = checked_layout(columns, time_columns, time_format, zone, year)
            found = own_file(required(file, "FILE"), layout, shift, now)
            to_now = shift == "now"
        rows = found.rows
        if to_now and seconds is not None:
            rows = recording.ending_now(rows, now, speed, seconds)
        recording.require_playable(rows, now)
        announce(device_id, rows, found)
        if credentials is not None:
            secret = own_secret(credentials, device_id)
        else:
            with open_api(api_url, token) as api:
                secret = (
                    station_secret(api, device_id, tenant, lab, take_over=take_over)
                    if preset is not None
                    else enrolment.existing_secret(api, device_id, take_over=take_over)
                )
        address = Address(host, port)
        with open_ledger(ledger, address) as book:
            fleet = Fleet(address, {device_id: secret}, habits=Habits(book=book))
            player = simulators.replay(fleet, device_id, rows, speed)
            play(fleet, [player], seconds=seconds, summary_file=summary, ledger=book)


def typical_year(file: Path | None, year: int | None, now: float) -> Recording:
    """The hours of a TMY3 file: in ``year``, or in the last twelve months and on from now."""
    path = file or tmy3.shipped_file()
    return tmy3.up_to_now(path, now) if year is None else tmy3.read_year(path, year)


def own_file(file: Path, layout: Layout, shift: str | None, now: float) -> Recording:
    """The rows of a file, where they were recorded, or moved to the last day or another time."""
    found = recording.read(file, layout)
    if shift is None:
        return found
    if shift == "now":
        return replace(found, rows=recording.shifted(found.rows, now))
    return replace(found, rows=recording.beginning_at(found.rows, moment(shift)))


def moment(text: str) -> float:
    """Seconds since 1970 of a time that was typed."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(
            f"--shift {text!r}: now, or like 2026-03-01T08:00+07:00"
        ) from error
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()


def checked_layout(
    columns: list[str] | None, time_columns: str, time_format: str, zone: str, year: int | None
) -> Layout:
    """How the file is to be read; a usage error where that was said wrongly."""
    mapped = dict(mapping(text) for text in columns) if columns else None
    try:
        offset = recording.parse_zone(zone)
    except ValueError as error:
        raise typer.BadParameter(f"--zone: {error}") from error
    return Layout(mapped, time_columns.split(","), time_format, offset, year)


def mapping(text: str) -> tuple[str, str]:
    """Metric and column of ``metric=column``."""
    metric, _, column = text.partition("=")
    if not METRIC_NAME.fullmatch(metric) or not column:
        raise typer.BadParameter(
            f"--map {text!r}: give METRIC=COLUMN; a metric's name has letters, digits, '_', '.' "
            "and '-', at most 64, and begins with a letter or '_'"
        )
    return metric, column


def required(value: T | None, option: str) -> T:
    """The value, or a usage error that names what is missing."""
    if value is None:
        raise typer.BadParameter(f"{option} is needed to play a file of your own")
    return value


def own_secret(credentials: Path, device_id: str) -> str:
    """The device's secret in a file of credentials."""
    for login in read_credentials(credentials):
        if login.device_id == device_id:
            return login.secret
    raise enrolment.EnrolmentError(f"{credentials} has no secret of {device_id}")


def station_secret(
    api: Api, device_id: str, tenant: str, lab: str | None, *, take_over: bool
) -> str:
    """A fresh secret of the weather station, which is registered where it is missing."""
    enrolment.ensure_tenant(api, tenant)
    wanted = {device_id: (enrolment.ensure_model(api, tenant, WEATHER_STATION), lab)}
    return dict(enrolment.enrol(api, tenant, wanted, take_over=take_over))[device_id]


def announce(device_id: str, rows: Sequence[Row], found: Recording) -> None:
    """Say what will be played, and what of the file will not."""
    first, last = (datetime.fromtimestamp(row.time, UTC) for row in (rows[0], rows[-1]))
    typer.echo(
        f"{device_id}: {len(rows):,} readings from {first:%Y-%m-%d %H:%M} "
        f"to {last:%Y-%m-%d %H:%M} UTC",
        err=True,
    )
    if found.skipped_values:
        warn(f"{found.skipped_values:,} cells hold no number and were left out")
    if found.skipped_rows:
        warn(f"{found.skipped_rows:,} lines have no value, or a day that the year does not have")
