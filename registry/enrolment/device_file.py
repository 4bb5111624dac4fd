"""A file of devices: CSV, a JSON list or JSON lines, told apart by how it begins."""

from __future__ import annotations

import codecs
import csv
import io
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from registry.enrolment.device_cells import COLUMNS, FACT, read_cells
from registry.http.problems import UnprocessableError

MAX_ROWS = 20_000
SEPARATORS = ",;\t"
UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class FileRow(NamedTuple):
    """A device of a file.

    Attributes:
        number: of the row, as spreadsheets count (the header is the first); of the line; or the
            place in a JSON list, from 1.
        fields: as JSON would have them.
        faults: field ("" for the row as a whole) and sentence of what cannot be read.
    """

    number: int
    fields: dict[str, Any]
    faults: list[tuple[str, str]]


def read_file(body: bytes) -> list[FileRow]:
    """The devices of a file.

    Raises:
        UnprocessableError: the file as a whole cannot be read; the sentence says where and why.
    """
    text = decoded(body)
    beginning = text.lstrip()[:1]
    if beginning == "[":
        rows = json_list(text)
    elif beginning == "{":
        rows = list(json_lines(text))
    else:
        rows = list(csv_rows(text))
    if not rows:
        raise UnprocessableError("there is no device in the file")
    if len(rows) > MAX_ROWS:
        raise UnprocessableError(f"the file has {len(rows)} devices: send {MAX_ROWS} at a time")
    return rows


def decoded(body: bytes) -> str:
    """The text of the file, without a byte order mark."""
    encoding = "utf-16" if body.startswith(UTF_16) else "utf-8-sig"
    try:
        return body.decode(encoding)
    except UnicodeDecodeError as error:
        line = body.count(b"\n", 0, error.start) + 1
        raise UnprocessableError(
            f"line {line} is not UTF-8: save the file with that encoding (“CSV UTF-8” in Excel)"
        ) from error


def json_list(text: str) -> list[FileRow]:
    """The devices of a JSON list."""
    return [json_row(number, value) for number, value in enumerate(parsed(text, "the file"), 1)]


def json_lines(text: str) -> Iterator[FileRow]:
    """The devices of JSON lines, blank ones left out."""
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            yield json_row(number, parsed(line, f"line {number}"))


def parsed(text: str, what: str) -> Any:
    """The value of JSON."""
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise UnprocessableError(f"{what} is no JSON: {error.msg} at {place}") from error
    except (ValueError, RecursionError) as error:
        sentence = "it is nested too deep, or a number is too long"
        raise UnprocessableError(f"{what} is no JSON: {sentence}") from error


def json_row(number: int, value: Any) -> FileRow:
    """A device, or that there is none."""
    if isinstance(value, dict):
        return FileRow(number, value, [])
    return FileRow(number, {}, [("", 'a device is an object like {"id": "roof-1", …}')])


def csv_rows(text: str) -> Iterator[FileRow]:
    """The devices of a table; rows without any text are left out."""
    first, *rest = records(text)
    columns = header(first)
    for number, cells in enumerate(rest, 2):
        if any(map(str.strip, cells)):
            yield csv_row(number, columns, cells)


def csv_row(number: int, columns: Sequence[str], cells: Sequence[str]) -> FileRow:
    """A device of a table. Cells behind the last column are no fault while they are empty."""
    if len(cells) < len(columns) or any(map(str.strip, cells[len(columns) :])):
        sentence = f"the row has {len(cells)} cells, the header {len(columns)}: is a quote missing?"
        return FileRow(number, {}, [("", sentence)])
    return FileRow(number, *read_cells(columns, cells[: len(columns)]))


def records(text: str) -> list[list[str]]:
    """The cells of each row."""
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=separator(text), strict=True)
    found: list[list[str]] = []
    try:
        found.extend(lines)
    except csv.Error as error:
        raise UnprocessableError(f"row {len(found) + 1} is no CSV: {error}") from error
    return found or [[]]


def separator(text: str) -> str:
    """What stands between the names of the header: Excel takes ``;`` where ``,`` is decimal."""
    first = text.partition("\n")[0]
    return max(SEPARATORS, key=first.count)


def header(cells: Sequence[str]) -> list[str]:
    """The columns that the first row names.

    Raises:
        UnprocessableError: it names one twice, one that there is not, or none that is needed.
    """
    columns = [column(cell) for cell in cells]
    while columns and not columns[-1]:
        columns.pop()
    if unknown := [name for name in columns if not is_column(name)]:
        raise UnprocessableError(
            f"the first row names a column {unknown[0][:64]!r} that there is not: the columns are "
            f"{', '.join(COLUMNS)}, and metadata.… for facts of your own, such as metadata.serial"
        )
    if twice := [name for name, count in Counter(columns).items() if count > 1]:
        raise UnprocessableError(f"the first row names the column {twice[0]} twice")
    if not {"id", "name"} & set(columns):
        raise UnprocessableError("the first row has to name the columns, id or name among them")
    return columns


def column(cell: str) -> str:
    """A column's name. Capitals make no difference, but in the name of a fact."""
    name = cell.strip()
    return name if name.startswith(FACT) else name.lower()


def is_column(name: str) -> bool:
    """Whether there is such a column."""
    return name in COLUMNS or (name.startswith(FACT) and name != FACT)
