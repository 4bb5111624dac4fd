"""`GET /history`: whole series as columns, raw, in buckets, or as a chart."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Response
from psycopg.errors import NumericValueOutOfRange, QueryCanceled

from registry.access import Database, SignedIn
from registry.history.answer import as_csv, as_json
from registry.history.choosing import chosen_series
from registry.history.question import HistoryQuery, refusal
from registry.http.fields import Answer, example
from storage.history.columns import moment
from storage.history.gaps import Fill
from storage.history.questions import Line, Question, TooLargeError, answer
from storage.rows import Row

router = APIRouter(tags=["telemetry"])

CSV_TYPE = "text/csv; charset=utf-8"
ITEM: dict[str, Any] = {
    "device_id": "sunny-roof-1",
    "metric": "dc_power",
    "unit": "kW",
    "time_zone": "Asia/Jakarta",
    "ts": [1772298000000, 1772384400000],
    "values": {"avg": [1.82, 2.07], "max": [4.4, 4.6]},
    "thinned_from": None,
}
EXAMPLE_CSV = (
    "device_id,metric,ts,avg,max\r\nsunny-roof-1,dc_power,2026-03-01T00:00:00+07:00,1.82,4.4\r\n"
)


class SeriesHistory(Answer):
    """A series: times, and a column of the same length for each aggregate, or ``value``.

    A time is that of a reading, or the beginning of a bucket. ``thinned_from`` is how many points
    there were, where `points` left some out.
    """

    model_config = example(**ITEM)
    device_id: str
    metric: str
    unit: str | None
    time_zone: str
    ts: list[float] | list[str]
    values: dict[str, list[float | None]]
    thinned_from: int | None


class History(Answer):
    """The past of some series, in the order of device and metric."""

    model_config = example(
        items=[ITEM],
        start="2026-02-28T17:00:00Z",
        end="2026-03-02T17:00:00Z",
        by="day",
        fill="none",
    )
    items: list[SeriesHistory]
    start: datetime
    end: datetime
    by: str | None
    fill: Fill


@router.get(
    "/history",
    response_model=History,
    responses={
        200: {
            "description": "The series, as JSON, or as a table where CSV is asked for.",
            "content": {CSV_TYPE: {"example": EXAMPLE_CSV}},
        },
        404: {},
    },
)
async def show_history(
    query: Annotated[HistoryQuery, Query()],
    connection: Database,
    person: SignedIn,
    accept: Annotated[str, Header(include_in_schema=False)] = "",
) -> Response:
    """Read the past of one or many series: readings, buckets of time, or a chart.

    Of each series it is what you may see, as for readings; buckets are made of nothing else.
    """
    question = query.question()
    series = await chosen_series(connection, person, query, question.within)
    try:
        lines = await answer(connection, series, question)
    except TooLargeError as error:
        raise query.too_large(error) from error
    except QueryCanceled as error:
        raise refusal("from", "this took too long: take a shorter time or fewer series") from error
    except NumericValueOutOfRange as error:
        sentence = "the sum of these readings is beyond all numbers: ask for min, max or p50"
        raise refusal("aggregate", sentence) from error
    if query.format == "csv" or (query.format is None and accept.startswith("text/csv")):
        return await table(lines, question)
    body = await asyncio.to_thread(
        as_json, head(query, question), lines, as_text=query.times == "text"
    )
    return Response(body, media_type="application/json")


async def table(lines: list[Line], question: Question) -> Response:
    """The answer as CSV."""
    body = await asyncio.to_thread(as_csv, lines, question.aggregates or ("value",))
    name = {"Content-Disposition": 'attachment; filename="history.csv"'}
    return Response(body, media_type=CSV_TYPE, headers=name)


def head(query: HistoryQuery, question: Question) -> Row:
    """What the answer says of all its series."""
    return {
        "start": moment(question.within.start),
        "end": moment(question.within.end),
        "by": query.by,
        "fill": question.fill,
    }
