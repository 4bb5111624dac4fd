"""From the rows of a file of history to values: which columns are read, and as what."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from broker.payloads.times import CLOCK_TOLERANCE_US, EARLIEST_US
from broker.topics import METRIC_NAME
from registry.exchange.history_faults import Faults, says
from registry.exchange.history_files import HistoryFile, Rows
from registry.exchange.history_numbers import decimal_sign, read_numbers
from registry.exchange.history_options import HistoryOptions
from registry.exchange.history_times import read_times
from registry.http.fields import METRIC_RULE
from registry.http.problems import UnprocessableError

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Values:
    """Values of rows, all arrays of equal length; a metric of each, or one for all."""

    lines: NDArray[np.int64]
    devices: pa.Array
    metrics: pa.Array
    ts: NDArray[np.int64]
    value: NDArray[np.float64]

    def at(self, mask: Mask) -> Values:
        """Those of the mask."""
        chosen = pa.array(mask)
        devices, metrics = self.devices.filter(chosen), self.metrics.filter(chosen)
        return Values(self.lines[mask], devices, metrics, self.ts[mask], self.value[mask])


@dataclass
class Columns:
    """Which columns are read, and as what.

    Attributes:
        file: the file.
        options: how it is read.
        metrics: metric to column; empty where each row names its metric.
        decimal: the decimal sign, once it is known.
    """

    file: HistoryFile
    options: HistoryOptions
    metrics: dict[str, str]
    decimal: str | None = None

    @classmethod
    def of(cls, file: HistoryFile, options: HistoryOptions) -> Columns:
        """Find the columns.

        Raises:
            UnprocessableError: one is missing.
        """
        there = set(file.columns)
        metrics = options.mapped
        if not metrics and not {options.metric_column, options.value_column} <= there:
            others = {options.time_column, options.device_column}
            metrics = {name: name for name in file.columns if name not in others}
            if bad := [name for name in metrics if not METRIC_NAME.fullmatch(name)]:
                raise UnprocessableError(
                    f"the column {bad[0]!r} is no metric name: map the columns that are meant, "
                    f"`map=METRIC=COLUMN`; {METRIC_RULE}"
                )
        found = cls(file, options, metrics)
        if missing := [name for name in found.needed if name not in there]:
            raise UnprocessableError(
                f"the file has no column {', '.join(map(repr, missing))}; it has "
                f"{', '.join(map(repr, file.columns[:50]))}"
            )
        if not metrics and options.time_column == options.value_column:
            raise UnprocessableError("the time and the value are the same column")
        return found

    @property
    def needed(self) -> list[str]:
        """The columns that are read, each once."""
        options = self.options
        values = self.metrics.values() or (options.metric_column, options.value_column)
        device = () if options.device_id else (options.device_column,)
        return list(dict.fromkeys([options.time_column, *device, *values]))

    def values(self, rows: Rows, faults: Faults) -> Iterator[Values]:
        """The values of rows whose time and number are good; the others are noted."""
        batch, lines = rows
        options = self.options
        ts, good = self._times(batch, lines, faults)
        if options.device_id:
            devices = pa.array([options.device_id]).take(pa.array(np.zeros(len(lines), np.int32)))
        else:
            devices = plain(batch[options.device_column])
        pairs = self.metrics or {"": options.value_column}
        self._find_decimal([plain(batch[column]) for column in pairs.values()])
        for metric, column in pairs.items():
            cells = plain(batch[column])
            value, there, bad = read_numbers(cells, self.decimal or ".")
            if (wrong := np.flatnonzero(bad & good)).size:
                self._note_numbers(lines, column, cells, wrong, faults)
            metrics = (
                pa.array([metric]).take(pa.array(np.zeros(len(lines), np.int32)))
                if metric
                else plain(batch[options.metric_column])
            )
            yield Values(lines, devices, metrics, ts, value).at(good & there)

    def _find_decimal(self, cells: list[pa.Array]) -> None:
        if self.options.decimal != "auto":
            self.decimal = self.options.decimal
        elif self.decimal is None:
            written = [each for each in cells if pa.types.is_string(each.type)]
            trimmed = [pc.drop_null(pc.utf8_trim_whitespace(each)) for each in written]
            self.decimal = decimal_sign(trimmed)

    def _times(
        self, batch: pa.RecordBatch, lines: NDArray[np.int64], faults: Faults
    ) -> tuple[NDArray[np.int64], Mask]:
        """The times of rows, and which of them are good; the others are noted."""
        name = self.options.time_column
        cells = batch[name]
        ts, good = read_times(plain(cells), self.options)
        empty = np.ones(len(lines), bool)
        for column in batch.columns:
            empty &= ~column.is_valid().to_numpy(zero_copy_only=False)
        early, late = ts < EARLIEST_US, ts > time.time_ns() // 1000 + CLOCK_TOLERANCE_US
        for reason, mask, words in (
            ("bad-time", ~good & ~empty, "is no time of this format, or one that the clock skips "
             "or has twice"),
            ("too-old", good & early, "is before the year 2000"),
            ("clock-ahead", good & late, "is in the future"),
        ):  # fmt: skip
            if (wrong := np.flatnonzero(mask)).size:
                faults.add(lines[wrong], name, reason, says(cells, wrong, words))
        return ts, good & ~early & ~late

    def _note_numbers(
        self,
        lines: NDArray[np.int64],
        column: str,
        cells: pa.Array,
        wrong: NDArray[np.intp],
        faults: Faults,
    ) -> None:
        other = "," if self.decimal == "." else "."
        words = f"is no number; if {other!r} is the decimal sign, say `decimal={other}`"
        faults.add(lines[wrong], column, "not-a-number", says(cells, wrong, words))


def plain(column: pa.Array) -> pa.Array:
    """A column without a dictionary, and texts in the one form that is dealt with here."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_large_string(column.type) or pa.types.is_string_view(column.type):
        column = column.cast(pa.string())
    return column
