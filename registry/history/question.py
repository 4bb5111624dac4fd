"""What can be asked of the past, and what is refused before anything is read."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, Field

from registry.devices import MAX_IDS
from registry.history.times import StepText, TimeText, parse_step, parse_time
from registry.http.fields import DeviceId, MetricName, TimeZone
from registry.http.problems import WRONG_FIELDS, FieldError, UnprocessableError
from storage.history.columns import microseconds
from storage.history.gaps import Fill
from storage.history.questions import AGGREGATE_RULE, Question, TooLargeError, is_aggregate
from storage.history.series import Part
from storage.telemetry_queries import BEGINNING

# Of one question.
MAX_SERIES = 1000
MAX_DEVICES = 1000
MAX_METRICS = 20
MAX_POINTS = 10_000


def known_aggregate(name: str) -> str:
    """Refuse what is no aggregate."""
    if not is_aggregate(name):
        raise ValueError(f"there is no such aggregate: give {AGGREGATE_RULE}")
    return name


Aggregate = Annotated[
    str, Field(max_length=16, description=AGGREGATE_RULE), AfterValidator(known_aggregate)
]


class DeviceChoice(BaseModel):
    """Which devices, of those that you may see: those named, or all for which the filters hold."""

    device_ids: list[DeviceId] | None = Field(
        None, alias="device_id", min_length=1, max_length=MAX_IDS, description="these devices"
    )
    tenant_id: str | None = Field(None, description="all devices of a tenant")
    park_id: str | None = Field(None, description="all devices of a park")
    lab_id: str | None = Field(None, description="all devices in a lab")
    model_id: str | None = Field(None, description="all devices of a model")
    tag: str | None = Field(None, description="all devices with a tag")

    @property
    def filters(self) -> dict[str, object]:
        """The filters that were given."""
        names = ("tenant_id", "park_id", "lab_id", "model_id", "tag")
        return {name: value for name in names if (value := getattr(self, name)) is not None}

    def require(self) -> None:
        """Return only if there is any choice."""
        if self.device_ids is None and not self.filters:
            raise refusal("device_id", "name a device, or a tenant, park, lab, model or tag")


class HistoryQuery(DeviceChoice):
    """Which series, which time, and in which form."""

    metrics: list[MetricName] = Field(alias="metric", min_length=1, max_length=MAX_METRICS)
    start: TimeText = Field("-24h", alias="from")
    end: TimeText = Field("now", alias="to", description="the end, itself left out")
    by: StepText | None = Field(
        None, description="the buckets' step; none: one bucket, or as `points` needs"
    )
    time_zone: TimeZone | None = Field(
        None, description="of the calendar's buckets and of CSV; default: that of the device's park"
    )
    aggregates: list[Aggregate] = Field(
        default_factory=list,
        alias="aggregate",
        max_length=12,
        description="of each bucket; none: the readings themselves, or with `by` avg",
    )
    fill: Fill = Field("none", description="what stands in buckets without readings")
    points: int | None = Field(
        None, ge=10, le=MAX_POINTS, description="of each series at most, for a chart"
    )
    format: Literal["json", "csv"] | None = Field(
        None, description="default: as the header Accept says, else json"
    )
    times: Literal["ms", "text"] = Field(
        "ms", description="in JSON: ms since 1970, or text in the time zone"
    )

    def question(self) -> Question:
        """The question.

        Raises:
            UnprocessableError: there is no such time, or nothing for ``fill`` to do.
        """
        now = datetime.now(UTC)
        start, end = parse_time(self.start, now), parse_time(self.end, now)
        if start >= end:
            raise refusal("from", f"{self.start} is not before the end, {self.end}")
        if end <= BEGINNING:
            raise refusal("to", "no reading is from before 2000-01-01: take a later time")
        step = None if self.by is None else parse_step(self.by)
        aggregates = tuple(dict.fromkeys(self.aggregates)) or (("avg",) if self.by else ())
        if self.fill != "none" and not aggregates:
            raise refusal("fill", "only buckets are filled: say which with `by`")
        within = Part(microseconds(max(start, BEGINNING)), microseconds(end))
        return Question(
            within, step, aggregates, self.fill, self.points, self.time_zone, microseconds(now)
        )

    def too_large(self, error: TooLargeError) -> UnprocessableError:
        """What to do about a question that is too large."""
        number, limit = f"{error.number:,}", f"{error.limit:,}"
        match error.what:
            case "buckets":
                where = "by" if self.by else "points"
                cure = f"this would give {number} buckets, and at most {limit} are given at once"
                return refusal(where, f"{cure}: take a longer step, a shorter time or fewer series")
            case "readings" if not self.aggregates:
                cure = f"these are {number} readings, and at most {limit} are given at once"
                return refusal("from", f"{cure}: take a shorter time, or buckets with `by`")
            case "readings":
                cure = f"this would read {number} readings, and at most {limit} are read at once"
                hint = "take a shorter time, or an aggregate that is no percentile, twa or delta"
                return refusal("aggregate", f"{cure}: {hint}")
        cure = f"you may see these series in {number} different times, of which at most {limit}"
        return refusal("from", f"{cure} are asked at once: take a shorter time or fewer series")


def refusal(parameter: str, detail: str) -> UnprocessableError:
    """The refusal of one parameter."""
    error: FieldError = {"parameter": parameter, "detail": detail}
    return UnprocessableError(WRONG_FIELDS, [error])
