"""Data quality over the API: of a device, and of many, the worst first."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from registry.access import Database, SignedIn, found
from registry.http.fields import Answer, MetricName, Moment, example
from registry.http.problems import FieldError, UnprocessableError
from registry.quality.figures import figures, share
from registry.sight import SeenDevice
from storage import quality
from storage.rows import Row

router = APIRouter(tags=["quality"])

USUAL_RANGE = dt.timedelta(days=7)
LONGEST = dt.timedelta(days=366)
# A report looks at all readings of many devices.
LONGEST_REPORT = dt.timedelta(days=92)
MOST_DEVICES = 2000
HOUR = dt.timedelta(hours=1)
GAP: dict[str, Any] = {
    "from": "2026-03-02T10:15:00Z",
    "to": "2026-03-02T10:20:00Z",
    "seconds": 300.0,
}
SERIES: dict[str, Any] = {
    "metric": "dc_power",
    "unit": "kW",
    "interval_seconds": 10.0,
    "expected": 8640,
    "received": 8610,
    "completeness": 0.996528,
    "late": 12,
    "late_share": 0.001394,
    "duplicates": 0,
    "out_of_range": 3,
    "out_of_range_share": 0.000348,
    "offset_median_seconds": 0.24,
    "offset_p95_seconds": 0.9,
    "gaps": {"count": 1, "total_seconds": 300.0, "longest": GAP, "items": [GAP]},
    "days": [{"day": "2026-03-02", "received": 8610, "expected": 8640}],
}
DEVICE: dict[str, Any] = {
    "device_id": "sunny-roof-1",
    "from": "2026-03-01T17:00:00Z",
    "to": "2026-03-02T17:00:00Z",
    "time_zone": "Asia/Jakarta",
    "uptime": 0.996644,
    "by_status": True,
    "days": [{"day": "2026-03-02", "uptime": 0.996644, "received": 8610, "expected": 8640}],
    "series": [SERIES],
    "rejections": [{"reason": "not-a-number", "count": 2}],
}
LINE: dict[str, Any] = {
    "device_id": "sunny-roof-1",
    "name": "Roof 1",
    "tenant_id": "sunny",
    "model_id": "pv-inverter",
    "lab_id": "cimahi-solar",
    "expected": 60_480,
    "received": 60_210,
    "completeness": 0.995536,
    "late_share": 0.001394,
    "duplicates": 0,
    "out_of_range_share": 0.000348,
    "rejected": 2,
    "last_seen": "2026-03-02T10:15:00Z",
    "online": True,
}


class QualityGap(Answer):
    """A pause between two readings, or before the first or after the last of the time."""

    model_config = example(**GAP)
    start: dt.datetime = Field(alias="from")
    end: dt.datetime = Field(alias="to")
    seconds: float


class QualityGaps(Answer):
    """How many gaps there are and how long they are together; ``items``: the longest hundred."""

    count: int
    total_seconds: float
    longest: QualityGap | None
    items: list[QualityGap]


class SeriesDay(Answer):
    """The readings of a series on a day."""

    day: dt.date
    received: int
    expected: int | None


class SeriesQuality(Answer):
    """The figures of a series; what depends on an interval that nobody gives is null.

    ``late``, ``duplicates`` and the clock's offset are of the whole days that the time touches.
    """

    model_config = example(**SERIES)
    metric: str
    unit: str | None
    interval_seconds: float | None
    expected: int | None
    received: int
    completeness: float | None
    late: int
    late_share: float | None
    duplicates: int
    out_of_range: int
    out_of_range_share: float | None
    offset_median_seconds: float | None
    offset_p95_seconds: float | None
    gaps: QualityGaps
    days: list[SeriesDay]


class DeviceDay(Answer):
    """A device on a day: which share of it it was up, and the readings of all its series."""

    day: dt.date
    uptime: float | None
    received: int
    expected: int | None


class RejectedCount(Answer):
    """How many messages, or parts of them, were not stored for a reason."""

    reason: str
    count: int


class DeviceQuality(Answer):
    """The data quality of a device over a time; days are those of its park.

    Only what you may see is counted. ``by_status`` tells whether uptime knows of the device's
    status; of its silence it does. ``rejections`` is null for readers by an agreement.
    """

    model_config = example(**DEVICE)
    device_id: str
    start: dt.datetime = Field(alias="from")
    end: dt.datetime = Field(alias="to")
    time_zone: str
    uptime: float | None
    by_status: bool
    days: list[DeviceDay]
    series: list[SeriesQuality]
    rejections: list[RejectedCount] | None


class QualityLine(Answer):
    """A device in a report. ``completeness`` is null where no model says how often it sends."""

    model_config = example(**LINE)
    device_id: str
    name: str
    tenant_id: str
    model_id: str | None
    lab_id: str | None
    expected: int | None
    received: int
    completeness: float | None
    late_share: float | None
    duplicates: int
    out_of_range_share: float | None
    rejected: int
    last_seen: dt.datetime | None
    online: bool | None


class QualityReport(Answer):
    """The devices with the worst data first; ``devices`` is how many were looked at."""

    model_config = example(
        **{"from": "2026-02-23T10:00:00Z", "to": "2026-03-02T10:00:00Z"}, devices=1, items=[LINE]
    )
    start: dt.datetime = Field(alias="from")
    end: dt.datetime = Field(alias="to")
    devices: int
    items: list[QualityLine]


class Range(BaseModel):
    """From when until when; without ``from`` it is seven days, without ``to`` until now."""

    start: Moment | None = Field(None, alias="from", description="the beginning")
    end: Moment | None = Field(None, alias="to", description="the end, itself left out")

    def times(self, longest: dt.timedelta = LONGEST) -> tuple[dt.datetime, dt.datetime]:
        """Beginning and end; what is to come is left out.

        Raises:
            UnprocessableError: there is no time between them, or too much.
        """
        now = dt.datetime.now(dt.UTC)
        end = min(self.end or now, now)
        try:
            start = self.start or end - USUAL_RANGE
        except OverflowError:
            start = end
        if start >= end:
            raise refused("from", "this is not before the end, and not in the past")
        if end - start > longest:
            raise refused("from", f"at most {longest.days} days at once: ask for parts of it")
        return start, end


class QualityQuery(Range):
    """Which figures."""

    metrics: list[MetricName] | None = Field(
        None, alias="metric", max_length=500, description="only these; none: all"
    )


class ReportQuery(Range):
    """Which devices. What is counted are full hours, until the last one that is over."""

    tenant_id: str | None = None
    park_id: str | None = None
    lab_id: str | None = None
    model_id: str | None = None
    limit: int = Field(50, ge=1, le=1000, description="devices, the worst so many")


def refused(parameter: str, sentence: str) -> UnprocessableError:
    """The refusal of a parameter."""
    error: FieldError = {"parameter": parameter, "detail": sentence}
    return UnprocessableError(sentence, [error])


@router.get("/devices/{device_id}/quality", response_model=DeviceQuality)
async def show_quality(
    query: Annotated[QualityQuery, Query()],
    device_id: SeenDevice,
    connection: Database,
    person: SignedIn,
) -> Row:
    """Show the data quality of a device: what was to come and what came, gaps, delays, uptime."""
    start, end = query.times()
    device = found(await quality.device(connection, person.scope, device_id), "device")
    return await figures(connection, person.scope, device, start, end, query.metrics)


@router.get("/quality", response_model=QualityReport)
async def report_quality(
    query: Annotated[ReportQuery, Query()], connection: Database, person: SignedIn
) -> Row:
    """Report the data quality of devices in service that you may see, the worst first."""
    start, end = query.times(LONGEST_REPORT)
    start, end = min(full_hour(start), full_hour(end) - HOUR), full_hour(end)
    filters = query.model_dump(include={"tenant_id", "park_id", "lab_id", "model_id"})
    rows = await quality.report(connection, person.scope, filters, start, end, MOST_DEVICES)
    lines = sorted((line(row) for row in rows), key=badness)
    return {"from": start, "to": end, "devices": len(lines), "items": lines[: query.limit]}


def full_hour(moment: dt.datetime) -> dt.datetime:
    """The hour in which a moment is, in UTC."""
    return moment.astimezone(dt.UTC).replace(minute=0, second=0, microsecond=0)


def line(row: Row) -> Row:
    """A device's sums as a line of the report."""
    expected, received = row["expected"], row["received_of_expected"] or 0
    return {
        **row,
        "completeness": None if expected is None else share(min(received, expected), expected),
        "late_share": share(row["late"], row["timed"]),
        "out_of_range_share": share(row["out_of_range"], row["received"]),
    }


def badness(line: Row) -> tuple[bool, float, int, str]:
    """What the report is sorted by: what is missing, then what was refused."""
    completeness = line["completeness"]
    return completeness is None, completeness or 0, -line["rejected"], line["device_id"]
