"""The kinds of fields that bodies have, each with its rule in a sentence a person understands."""

from __future__ import annotations

import json
import re
import zoneinfo
from collections.abc import Callable
from datetime import UTC, date, datetime
from functools import cache
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
)

from broker.topics import DEVICE_ID, DEVICE_ID_RULE, METRIC_NAME

METADATA_BYTES = 16_384
METADATA_DEPTH = 16
# Beyond them a time in another zone, or the day after, is none that Python knows.
YEARS = range(1970, 9999)


class Body(BaseModel):
    """A request body: a field that is not known is refused, and so is `"1"` for a number."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True, strict=True)

    def changes(self) -> dict[str, Any]:
        """The fields that were sent, as JSON has them."""
        return self.model_dump(mode="json", include=self.model_fields_set)


class Answer(BaseModel):
    """A row as the API shows it; columns that it does not name stay inside."""


def example(**fields: Any) -> ConfigDict:
    """The example that OpenAPI shows of a body or an answer."""
    return ConfigDict(json_schema_extra={"examples": [fields]})


def unset() -> Any:
    """The default of a field of a change that may be left out, but cannot be null."""
    return Field(default_factory=lambda: None)


def read_by(read: Callable[[str], date], pattern: str, rule: str) -> BeforeValidator:
    """Read a day or a time from text of the pattern alone: pydantic would take numbers as well."""
    compiled = re.compile(pattern, re.ASCII)

    def check(value: object) -> date:
        if isinstance(value, date):
            return value
        if not isinstance(value, str) or not compiled.fullmatch(value):
            raise ValueError(rule)
        try:
            found = read(value.upper())
        except ValueError as error:
            raise ValueError(rule) from error
        if found.year not in YEARS:
            raise ValueError(f"give a year from {YEARS[0]} to {YEARS[-1]}")
        return found

    return BeforeValidator(check)


def true_or_false(value: object) -> object:
    """Refuse the other words that pydantic knows, such as `1`, `on` and `yes`."""
    if not isinstance(value, bool) and value not in ("true", "false"):
        raise ValueError("give true or false")
    return value


def matching(pattern: str, rule: str) -> AfterValidator:
    """Refuse text that is not wholly of the pattern; the rule is the sentence that says so."""
    compiled = re.compile(pattern)

    def check(text: str) -> str:
        if not compiled.fullmatch(text):
            raise ValueError(rule)
        return text

    return AfterValidator(check)


@cache
def time_zones() -> frozenset[str]:
    """The names of the IANA time zone database, without its technical entries."""
    return frozenset(zoneinfo.available_timezones() - {"Factory", "localtime", "posixrules"})


def time_zone(text: str) -> str:
    """Refuse what is no IANA time zone."""
    if text not in time_zones():
        raise ValueError("give an IANA time zone, for example Asia/Jakarta")
    return text


def storable(value: dict[str, Any]) -> dict[str, Any]:
    """Refuse JSON that PostgreSQL cannot store, or that is too much for what people say."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
        size = len(text.encode())
    except (ValueError, RecursionError) as error:
        raise ValueError("this is not strict JSON, or nested too deep") from error
    if size > METADATA_BYTES:
        raise ValueError(f"at most {METADATA_BYTES} bytes of JSON")
    if "\\u0000" in text or depth(value) > METADATA_DEPTH:
        raise ValueError(f"no NUL characters, and at most {METADATA_DEPTH} levels")
    return value


def depth(value: Any) -> int:
    """How many levels of objects and lists are nested."""
    if isinstance(value, dict):
        return 1 + max(map(depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(depth, value), default=0)
    return 0


def future(moment: datetime) -> datetime:
    """Refuse a time that is over."""
    if moment <= datetime.now(UTC):
        raise ValueError("this time is over: give one in the future")
    return moment


def distinct(values: list[str]) -> list[str]:
    """Refuse a list that says something twice."""
    if len(set(values)) != len(values):
        raise ValueError("each at most once")
    return values


SLUG = "[a-z0-9][a-z0-9-]{1,62}"
SLUG_RULE = "an id has 2 to 63 small letters, digits and '-', not '-' at the beginning"
METRIC_RULE = (
    "a metric name has 1 to 64 letters, digits, '_', '.' or '-', and begins with a letter or '_'"
)
DAY_RULE = "give a day like 2026-03-01"
TIME_RULE = (
    "give a time with its offset (RFC 3339), like 2026-03-01T09:00:00Z or "
    "2026-03-01T16:00:00+07:00; in a URL write %2B for +"
)
TIME = r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)"
# PostgreSQL cannot store NUL, and no name needs the other control characters.
ONE_LINE = matching(r"[^\x00-\x1f\x7f]*", "one line, without control characters")

Slug = Annotated[
    str,
    StringConstraints(strip_whitespace=False),
    matching(SLUG, SLUG_RULE),
    Field(description=SLUG_RULE, json_schema_extra={"pattern": f"^{SLUG}$"}),
]
DeviceId = Annotated[
    str,
    StringConstraints(strip_whitespace=False),
    matching(DEVICE_ID.pattern, DEVICE_ID_RULE),
    Field(description=DEVICE_ID_RULE, json_schema_extra={"pattern": f"^{DEVICE_ID.pattern}$"}),
]
MetricName = Annotated[
    str,
    StringConstraints(strip_whitespace=False),
    matching(METRIC_NAME.pattern, METRIC_RULE),
    Field(description=METRIC_RULE, json_schema_extra={"pattern": f"^{METRIC_NAME.pattern}$"}),
]
# The numbers of users, tokens and the like, as PostgreSQL counts them.
Number = Annotated[int, Field(ge=1, le=2**63 - 1)]
Day = Annotated[date, read_by(date.fromisoformat, r"\d{4}-\d\d-\d\d", DAY_RULE)]
Moment = Annotated[AwareDatetime, read_by(datetime.fromisoformat, TIME, TIME_RULE)]
# Of a query, where everything is text.
YesNo = Annotated[bool, BeforeValidator(true_or_false)]
Name = Annotated[str, Field(min_length=1, max_length=200), ONE_LINE]
Text = Annotated[
    str, Field(max_length=4000), matching(r"(?s)[^\x00]*", "NUL characters are not allowed")
]
# Filters of free text.
Words = Annotated[str, Field(max_length=254), ONE_LINE]
Email = Annotated[
    str, Field(max_length=254), matching(r"[^@\s\x00]+@[^@\s\x00]+", "give an e-mail address")
]
GrafanaLanguage = Annotated[
    Literal["en", "id"],
    Field(description="of dashboards and alerts in Grafana: English, or Bahasa Indonesia"),
]
TimeZone = Annotated[
    str, AfterValidator(time_zone), Field(description="a name of the IANA time zone database")
]
Latitude = Annotated[float, Field(ge=-90, le=90, description="degrees north")]
Longitude = Annotated[float, Field(ge=-180, le=180, description="degrees east")]
Unit = Annotated[
    str,
    Field(min_length=1, max_length=64, description="a UCUM code such as Cel, kW or %"),
    ONE_LINE,
]
FutureTime = Annotated[Moment, AfterValidator(future)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Quota = Annotated[
    float,
    Field(gt=0, allow_inf_nan=False, description="values per second on average; null: no quota"),
]
Interval = Annotated[
    float,
    Field(gt=0, allow_inf_nan=False, description="seconds from one to the next; null: irregular"),
]
Tag = Annotated[str, Field(min_length=1, max_length=64), ONE_LINE]
Tags = Annotated[list[Tag], Field(max_length=32), AfterValidator(distinct)]
Metadata = Annotated[
    dict[str, Any], AfterValidator(storable), Field(description="a JSON object of 16 KiB at most")
]
