"""Numbers of a column, with a point or a comma."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from registry.http.problems import UnprocessableError

NUMERIC = (
    pa.types.is_boolean,
    pa.types.is_integer,
    pa.types.is_floating,
    pa.types.is_decimal,
    pa.types.is_null,
)
NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
WITH_COMMA = r"^[+-]?\d*,\d+([eE][+-]?\d+)?$"
# Could be a number in thousands as well.
THOUSANDS = r"^[+-]?\d{1,3}(,\d{3})+$"
WITH_POINT = r"^[+-]?\d*\.\d+([eE][+-]?\d+)?$"


def decimal_sign(columns: list[pa.Array]) -> str:
    """The decimal sign of texts.

    Raises:
        UnprocessableError: it could be either.
    """
    found = {
        name: any(pc.any(pc.match_substring_regex(each, pattern)).as_py() for each in columns)
        for name, pattern in (("comma", WITH_COMMA), ("point", WITH_POINT))
    }
    if not found["comma"]:
        return "."
    if found["point"]:
        raise UnprocessableError(
            "some numbers have a comma and some a point: say which is the decimal sign, "
            "`decimal=,` or `decimal=.`"
        )
    commas = [each.filter(pc.match_substring_regex(each, WITH_COMMA)) for each in columns]
    if all(pc.all(pc.match_substring_regex(each, THOUSANDS)).as_py() for each in commas):
        raise UnprocessableError(
            "numbers such as 1,234 could be thousands or have a decimal comma: say `decimal=,`, "
            "or write them without the comma"
        )
    return ","


def read_numbers(
    column: pa.Array, decimal: str
) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_]]:
    """The values of a column; which rows have one, and which have what is no number.

    Raises:
        UnprocessableError: the column is of a kind that holds no numbers.
    """
    kind = column.type
    there = column.is_valid().to_numpy(zero_copy_only=False)
    if pa.types.is_string(kind):
        numbers = from_text(column, decimal)
    elif any(is_kind(kind) for is_kind in NUMERIC):
        numbers = column.cast(pa.float64(), safe=False)
    else:
        raise UnprocessableError(f"a column holds no numbers, but {kind}")
    values = pc.fill_null(numbers, float("nan")).to_numpy(zero_copy_only=False)
    finite = np.isfinite(values)
    # A missing number is NaN in files of other programs.
    nan = there & np.isnan(values) & numbers.is_valid().to_numpy(zero_copy_only=False)
    return values, finite, there & ~finite & ~nan


def from_text(column: pa.Array, decimal: str) -> pa.Array:
    """Texts as numbers, null where they are none; true is 1 and false 0."""
    text = pc.utf8_trim_whitespace(column)
    if decimal == ",":
        text = pc.if_else(
            pc.match_substring(text, "."),
            "no number",
            pc.replace_substring(text, ",", ".", max_replacements=1),
        )
    lower = pc.utf8_lower(text)
    text = pc.if_else(pc.equal(lower, "true"), "1", pc.if_else(pc.equal(lower, "false"), "0", text))
    good = pc.match_substring_regex(text, NUMBER)
    text = pc.if_else(good, text, pa.scalar(None, pa.string()))
    return pc.cast(pc.replace_substring_regex(text, r"^\+", ""), pa.float64())
