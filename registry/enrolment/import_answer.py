"""What an import is told, and the lines of its answer."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from registry.http.fields import Answer, Slug, YesNo

Outcome = Literal["created", "updated", "unchanged", "different"]


class ImportOptions(BaseModel):
    """How a file is imported."""

    tenant_id: Slug | None = Field(None, description="owns the devices whose row names no tenant")
    dry_run: YesNo = Field(False, description="tell what would happen, and change nothing")
    valid_only: YesNo = Field(False, description="store the other rows though some are faulty")
    update: YesNo = Field(False, description="change devices that are there and differ")
    reissue: YesNo = Field(
        False, description="give those devices new secrets that are there and were never heard"
    )


class Progress(Answer):
    """How far the import is."""

    step: Literal["checking", "storing"]
    done: int
    total: int


class Fault(Answer):
    """What is wrong with a row; without a field it is the row as a whole."""

    row: int
    field: str | None
    detail: str


class ImportedDevice(Answer):
    """What became of a row. ``different``: there are ``changes`` in it that were not asked for."""

    row: int
    id: str
    outcome: Outcome
    changes: list[str]
    secret: str | None


class Result(Answer):
    """The end. ``stored`` is false after a dry run, and where faulty rows held up the others."""

    stored: bool
    created: int
    updated: int
    unchanged: int
    different: int
    reissued: int
    faulty: int


class ImportLine(Answer):
    """A line of the answer has one of these. Keep the secrets now, nobody can show them again."""

    progress: Progress | None = None
    fault: Fault | None = None
    device: ImportedDevice | None = None
    result: Result | None = None
    problem: str | None = Field(None, description="why there is no result; nothing was changed")
