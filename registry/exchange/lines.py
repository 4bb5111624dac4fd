"""What the answers of imports say, an object of JSON on each line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import psycopg
from pydantic import BaseModel, Field

from registry.http.problems import ProblemError, from_database

MEDIA_TYPE = "application/x-ndjson"


class Progress(BaseModel):
    """How far a step of the import is; the total is null where nobody knows it."""

    step: Literal["verifying", "checking", "storing"]
    done: int
    total: int | None


class Clash(BaseModel):
    """An id of the archive that is taken here."""

    kind: Literal["device", "model"]
    id: str
    detail: str


class Fault(BaseModel):
    """What is wrong with a row of the file; the number of the row is that of its line."""

    row: int
    column: str | None
    detail: str


class Counted(BaseModel):
    """How many there were, and how many of them were stored; the others were there before."""

    given: int = 0
    stored: int = 0


class Result(BaseModel):
    """What became of the file. ``resumed_at``: the parts or rows that were stored earlier."""

    stored: bool
    resumed_at: int = 0
    devices: Counted = Field(default_factory=Counted)
    models: Counted = Field(default_factory=Counted)
    readings: Counted = Field(default_factory=Counted)
    states: Counted = Field(default_factory=Counted)
    flags: Counted = Field(default_factory=Counted)
    rejections: Counted = Field(default_factory=Counted)
    faulty: int = 0
    faults: dict[str, int] = Field(default_factory=dict)
    note: str | None = None


class Line(BaseModel):
    """A line of the answer: one of these."""

    progress: Progress | None = None
    clash: Clash | None = None
    fault: Fault | None = None
    problem: str | None = None
    result: Result | None = None

    def written(self) -> bytes:
        """As it is sent."""
        others = {name for name in type(self).model_fields if name not in self.model_fields_set}
        return self.model_dump_json(exclude=others).encode() + b"\n"


def told(work: Iterator[Line]) -> Iterator[bytes]:
    """The text of an answer; what goes wrong on the way is its last line."""
    try:
        for line in work:
            yield line.written()
    except ProblemError as problem:
        yield Line(problem=problem.detail).written()
    except psycopg.Error as error:
        yield Line(problem=from_database(error).detail).written()
