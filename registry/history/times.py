"""Times and lengths of buckets as people write them in a question."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, get_args

from pydantic import AfterValidator, Field

from storage.history.grid import Step, Unit

TIME_RULE = (
    "a time with its zone, such as 2026-03-01T00:00:00Z or 2026-03-01T07:00:00+07:00 (in a URL `+` "
    "is `%2B`), `now`, or one before now such as -15m, -24h or -7d"
)
STEP_RULE = (
    "a length such as 500ms, 10s, 15m, 1h, 1d or 1w, not zero, or of the calendar: "
    f"{', '.join(get_args(Unit))}"
)
LENGTHS = {
    "ms": timedelta(milliseconds=1), "s": timedelta(seconds=1), "m": timedelta(minutes=1),
    "h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1),
}  # fmt: skip
LENGTH = re.compile(r"(\d{1,9})(ms|[smhdw])")
# In a URL a plus that was not escaped is a space.
SPACE_FOR_PLUS = re.compile(r" (?=\d\d:\d\d$)")
# No length is longer, no time later: readings are from this century.
LONGEST = timedelta(days=36_525)
LATEST = datetime(3000, 1, 1, tzinfo=UTC)


def length(text: str) -> timedelta | None:
    """A length of time; None where it is none, or longer than a hundred years."""
    found = LENGTH.fullmatch(text)
    if found is None:
        return None
    number, unit = int(found[1]), LENGTHS[found[2]]
    return number * unit if number <= LONGEST / unit else None


def parse_time(text: str, now: datetime) -> datetime:
    """The time that a text says.

    Raises:
        ValueError: it says none, or without a zone.
    """
    if text == "now":
        return now
    before = length(text[1:]) if text.startswith("-") else None
    if before is not None:
        return now - before
    try:
        time = datetime.fromisoformat(SPACE_FOR_PLUS.sub("+", text))
    except ValueError as error:
        raise ValueError(f"give {TIME_RULE}") from error
    if time.tzinfo is None:
        raise ValueError(f"which time zone? Give {TIME_RULE}")
    try:
        return min(time.astimezone(UTC), LATEST)
    except OverflowError as error:
        raise ValueError(f"give {TIME_RULE}") from error


def parse_step(text: str) -> Step:
    """The step that a text says, in µs or as a unit of the calendar.

    Raises:
        ValueError: it says none.
    """
    for unit in get_args(Unit):
        if text == unit:
            return unit  # type: ignore[no-any-return]
    found = length(text)
    if not found:
        raise ValueError(f"give {STEP_RULE}")
    return found // timedelta(microseconds=1)


def check_time(text: str) -> str:
    """Refuse what is no time."""
    parse_time(text, datetime.now(UTC))
    return text


def check_step(text: str) -> str:
    """Refuse what is no step."""
    parse_step(text)
    return text


TimeText = Annotated[str, AfterValidator(check_time), Field(max_length=64, description=TIME_RULE)]
StepText = Annotated[str, AfterValidator(check_step), Field(max_length=16, description=STEP_RULE)]
