"""The kinds of fields that bodies have, each with its rule in a sentence a person understands."""

from __future__ import annotations

import json
import re
import zoneinfo
from datetime import UTC, datetime
from functools import cache
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from broker.topics import DEVICE_ID, DEVICE_ID_RULE, METRIC_NAME

METADATA_BYTES = 16_384
METADATA_DEPTH = 16


class Body(BaseModel):
    """A request body: a field that is not known is refused."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

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


SLUG_RULE = "an id has 2 to 63 small letters, digits and '-', not '-' at the beginning"
METRIC_RULE = (
    "a metric name has 1 to 64 letters, digits, '_', '.' or '-', and begins with a letter or '_'"
)
# PostgreSQL cannot store NUL, and no name needs the other control characters.
ONE_LINE = matching(r"[^\x00-\x1f\x7f]*", "one line, without control characters")

Slug = Annotated[str, matching(r"[a-z0-9][a-z0-9-]{1,62}", SLUG_RULE), Field(description=SLUG_RULE)]
DeviceId = Annotated[
    str,
    matching(DEVICE_ID.pattern, DEVICE_ID_RULE),
    Field(description=DEVICE_ID_RULE, json_schema_extra={"pattern": f"^{DEVICE_ID.pattern}$"}),
]
MetricName = Annotated[
    str, matching(METRIC_NAME.pattern, METRIC_RULE), Field(description=METRIC_RULE)
]
Name = Annotated[str, Field(min_length=1, max_length=200), ONE_LINE]
Text = Annotated[
    str, Field(max_length=4000), matching(r"(?s)[^\x00]*", "NUL characters are not allowed")
]
Email = Annotated[
    str, Field(max_length=254), matching(r"[^@\s\x00]+@[^@\s\x00]+", "give an e-mail address")
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
FutureTime = Annotated[AwareDatetime, AfterValidator(future)]
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
