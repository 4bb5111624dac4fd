"""The series of a question: of devices that are named, or of all that have what filters say."""

from __future__ import annotations

from collections.abc import Container, Sequence

from registry.access import Person
from registry.history.question import (
    MAX_DEVICES,
    MAX_SERIES,
    DeviceChoice,
    HistoryQuery,
    refusal,
)
from registry.http.problems import FieldError, NotFoundError, UnprocessableError
from storage import devices
from storage.history.series import Part, Series, find_series, metrics_of
from storage.rows import Connection

NUMBERS = ("number", "boolean")
# Of those that an error names.
NAMED = 20


async def chosen_devices(
    connection: Connection, person: Person, choice: DeviceChoice, limit: int
) -> list[str]:
    """The ids of the devices: those named as they are, those of filters if the person sees them.

    Raises:
        UnprocessableError: nothing was chosen, or too many.
    """
    choice.require()
    if not choice.filters:
        return list(dict.fromkeys(choice.device_ids or ()))
    filters = {**choice.filters, "ids": choice.device_ids}
    found = await devices.device_ids(connection, person.scope, filters, limit + 1)
    if len(found) > limit:
        where = next(iter(choice.filters))
        raise refusal(where, f"these are more than {limit:,} devices: choose fewer")
    return found


async def chosen_series(
    connection: Connection, person: Person, query: HistoryQuery, within: Part
) -> list[Series]:
    """The series of numbers that the question is about.

    Raises:
        NotFoundError: a device that is named is not one that the person may see.
        UnprocessableError: a device has no such metric, or there are too many series.
    """
    wanted = await chosen_devices(connection, person, query, MAX_DEVICES)
    found = await find_series(
        connection, person.scope, wanted, query.metrics, within, MAX_SERIES + 1
    )
    if len(found) > MAX_SERIES:
        sentence = f"these are more than {MAX_SERIES:,} series: choose fewer devices or metrics"
        raise refusal("metric", sentence)
    series = [each for each in found if each.kind in NUMBERS]
    if query.filters:
        # Of many devices, those without the metric have nothing to say.
        missing = set(query.metrics) - {each.metric for each in series} if wanted else set()
        pairs = [(device, metric) for metric in sorted(missing) for device in wanted]
    else:
        there = {(each.device_id, each.metric) for each in series}
        pairs = [
            (device, metric)
            for device in wanted
            for metric in query.metrics
            if (device, metric) not in there
        ]
    if pairs:
        await refuse(connection, person, query, pairs, found)
    return series


async def refuse(
    connection: Connection,
    person: Person,
    query: HistoryQuery,
    missing: Sequence[tuple[str, str]],
    found: Sequence[Series],
) -> None:
    """Say what is missing: a device, or one of its metrics, and which there are.

    Raises:
        NotFoundError: a device is not one that the person may see.
        UnprocessableError: always else.
    """
    asked = list(dict.fromkeys(device for device, _ in missing))
    known = await metrics_of(connection, person.scope, asked)
    if not known.keys() >= set(asked):
        raise NotFoundError("there is no such device", [no_device(query, known)])
    device, metric = missing[0]
    if any((each.device_id, each.metric) == (device, metric) for each in found):
        sentence = f"{metric} of {device} is no number: read it at /devices/{device}/states"
    else:
        sentence = f"there is no metric {metric}: {listing(known)}"
    raise unknown(sentence)


def no_device(query: DeviceChoice, known: Container[str]) -> FieldError:
    """Which of the devices that are named is not there."""
    place = next(n for n, each in enumerate(query.device_ids or ()) if each not in known)
    return {"parameter": f"device_id.{place}", "detail": "there is no such device"}


def listing(known: dict[str, list[str]]) -> str:
    """Which metrics there are."""
    names = sorted({metric for metrics in known.values() for metric in metrics})
    if not names:
        return "there are no numbers yet"
    more = f", and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"there is {', '.join(names[:NAMED])}{more}"


def unknown(sentence: str) -> UnprocessableError:
    """The refusal of a metric."""
    return refusal("metric", sentence)
