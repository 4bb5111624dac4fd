"""Why a value that breaks the rules of its series is not stored, in sentences for its maker."""

from __future__ import annotations

from broker.payloads import Reason, Rejection
from broker.payloads.times import moment
from ingest import units
from storage.ingest import Series
from storage.rules import NUMERIC, days_of

ARTICLED = {"number": "a number", "boolean": "a boolean", "text": "a text", "object": "an object"}
HOW_TO_SEND = {
    "number": "send a number",
    "boolean": "send true, false, 1 or 0",
    "text": "send a text",
    "object": "send a list",
}


def refusal(series: Series, value: float) -> Rejection:
    """Why a number is not stored that breaks the rules of its series."""
    if series.kind == "number":
        return out_of_range(series, value)
    return wrong_kind(series, f"{value:.15g}")


def unfit(series: Series, value: object, unit: str | None) -> Rejection | None:
    """Why a value is not stored, whatever number it is; None where it may be.

    Args:
        series: with its rules.
        value: a text is the JSON of a state; everything else is a number, or numbers.
        unit: what the message itself says; None where it says nothing.
    """
    if isinstance(value, str) and series.kind in NUMERIC:
        return wrong_kind(series, value if len(value) <= 60 else f"{value[:57]}...")
    if unit is not None and series.unit and not units.is_same(unit, series.unit):
        return Rejection(
            Reason.WRONG_UNIT,
            f"{series.metric!r} came in {unit!r}, and the model {series.model!r} has it in "
            f"{series.unit!r}: send it in that unit, or change the model",
        )
    return None


def out_of_range(series: Series, value: float) -> Rejection:
    """The rejection of a number outside minimum and maximum."""
    above = series.maximum is not None and value > series.maximum
    side, limit = ("above", series.maximum) if above else ("below", series.minimum)
    unit = f" {series.unit}" if series.unit else ""
    return Rejection(
        Reason.OUT_OF_RANGE,
        f"{series.metric!r} is {value:.15g}{unit}, {side} the limit of {limit:.15g}{unit} in the "
        f"model {series.model!r}: check the sensor, or change the limit in the model",
    )


def wrong_kind(series: Series, value: str) -> Rejection:
    """The rejection of a value of another kind than the model says."""
    kind = series.kind or "number"
    return Rejection(
        Reason.WRONG_KIND,
        f"{series.metric!r} is {value}, and in the model {series.model!r} it is {ARTICLED[kind]}: "
        f"{HOW_TO_SEND[kind]}, or change the kind in the model",
    )


def too_old(series: Series, ts: int) -> Rejection:
    """The rejection of a value that is not kept any more; its time in µs since 1970."""
    return Rejection(
        Reason.OLDER_THAN_RETENTION,
        f"{series.metric!r} of {moment(ts)} is older than the {days_of(series, ts)} days for "
        "which data of this device are kept: send it earlier, or have them kept longer",
    )
