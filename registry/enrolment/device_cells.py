"""Devices as the cells of a table: what an export writes, an import reads back unchanged."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from storage.rows import Row

COLUMNS = (
    "id", "tenant_id", "name", "model_id", "lab_id", "stage", "tags", "metadata",
    "values_per_second", "latitude", "longitude",
)  # fmt: skip
# A column of facts, one fact each: ``metadata.serial``.
FACT = "metadata."
# What an empty cell stands for; in the other columns it says nothing.
EMPTY: Mapping[str, Any] = {
    "model_id": None,
    "lab_id": None,
    "tags": [],
    "metadata": {},
    "values_per_second": None,
    "latitude": None,
    "longitude": None,
}
# A spreadsheet would compute what begins so: with a quote before it, it stays a text.
FORMULA = re.compile(r"^(?='*[=+\-@])")
QUOTED_FORMULA = re.compile(r"^'(?='*[=+\-@])")


class CellError(ValueError):
    """A cell cannot be read; the message says what it should hold."""


def read_cells(
    columns: Sequence[str], cells: Iterable[str]
) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """The fields of a device as JSON would have them.

    Args:
        columns: names from ``COLUMNS``, or facts.
        cells: one for each column.

    Returns:
        The fields, and for each cell that cannot be read its column and why.
    """
    fields: dict[str, Any] = {}
    faults = []
    for column, cell in zip(columns, cells, strict=True):
        text = QUOTED_FORMULA.sub("", cell.strip())
        try:
            add_field(fields, column, text)
        except CellError as error:
            faults.append((column, str(error)))
    return fields, faults


def add_field(fields: dict[str, Any], column: str, text: str) -> None:
    """Put what a cell says into the fields."""
    if column.startswith(FACT):
        facts = fields.setdefault("metadata", {})
        if text:
            facts[column.removeprefix(FACT)] = text
    elif column == "metadata":
        fields["metadata"] = {**fields.get("metadata", {}), **metadata(text)}
    elif text:
        fields[column] = VALUES[column](text) if column in VALUES else text
    elif column in EMPTY:
        fields[column] = EMPTY[column]


def metadata(text: str) -> dict[str, Any]:
    """The facts of a cell, which is a JSON object or empty."""
    facts = from_json(text or "{}")
    if not isinstance(facts, dict):
        raise CellError('give a JSON object like {"serial": "SN-1"}, or use columns metadata.…')
    return facts


def tags(text: str) -> list[Any]:
    """The tags of a cell: separated by ``;``, or a JSON list where a tag itself has one."""
    if text.startswith("["):
        return list(from_json(text))
    return [tag.strip() for tag in text.split(";") if tag.strip()]


def number(text: str) -> float | str:
    """A number, also as it is written where the comma is the decimal sign; else the text."""
    try:
        return float(text.replace(",", "."))
    except ValueError:
        return text


VALUES = {"tags": tags, **dict.fromkeys(("values_per_second", "latitude", "longitude"), number)}


def from_json(text: str) -> Any:
    """The value of strict JSON."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CellError("this is no JSON: write it like {} or []") from error


def write_cells(device: Row) -> list[str]:
    """The cells of a device, one for each of ``COLUMNS``."""
    return [written(device[column]) for column in COLUMNS]


def written(value: Any) -> str:
    """A field as a cell."""
    if value is None or value in ([], {}):
        return ""
    return str(value) if isinstance(value, float) else FORMULA.sub("'", as_text(value))


def as_text(value: Any) -> str:
    """What is no number as a text."""
    if isinstance(value, list):
        plain = all(";" not in tag for tag in value) and not value[0].startswith("[")
        return ";".join(value) if plain else json.dumps(value, ensure_ascii=False)
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else str(value)
