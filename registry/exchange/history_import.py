"""The import of history: every row is looked at first, then all of them are stored.

Values go by the rules of ingest: times, names, kinds and ranges. Quotas do not hold them up.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from broker.payloads import Reason
from broker.payloads.times import CLOCK_TOLERANCE_US, EARLIEST_US
from broker.topics import METRIC_NAME
from registry.exchange.history_files import HistoryFile, Rows, open_history
from registry.exchange.history_numbers import decimal_sign, read_numbers
from registry.exchange.history_options import HistoryOptions
from registry.exchange.history_times import read_times
from registry.exchange.lines import Fault, Line, Progress, Result
from registry.http.fields import METRIC_RULE
from registry.http.problems import ConflictError, UnprocessableError
from storage import archives
from storage.archives import Connection
from storage.ingest import resolve_series
from storage.rows import Row
from storage.rules import Rules, days_of
from storage.writer import Readings, store_readings

# So many faults are told one by one; the others are counted.
TOLD = 100
NO_DEVICE, NO_METRIC = -1, -2
EPOCH, MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)
Mask = NDArray[np.bool_]


class Faults:
    """What is wrong with rows: the first ones in words, and all of them counted."""

    def __init__(self) -> None:
        self.told: list[Fault] = []
        self.counts: Counter[str] = Counter()
        self.rows = 0

    def add(
        self,
        lines: NDArray[np.int64],
        column: str | None,
        reason: str,
        detail: Callable[[int], str],
    ) -> None:
        """Note rows; ``detail`` makes the sentence about one of them, by its index."""
        for index in range(min(len(lines), TOLD - len(self.told))):
            self.told.append(Fault(row=int(lines[index]), column=column, detail=detail(index)))
        self.counts[reason] += len(lines)
        self.rows += len(lines)

    def add_line(self, number: int, detail: str) -> None:
        """Note a line that has too few or too many cells."""
        self.add(np.array([number]), None, "bad-line", lambda _: detail)


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


@dataclass(frozen=True)
class HistoryRequest:
    """What is asked for; see ``archive_import.ImportRequest``."""

    url: str
    actor: Row
    tenant_id: str
    path: Path
    options: HistoryOptions


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
        time_column = batch[options.time_column]
        ts, good = read_times(plain(time_column), options)
        self._note_times(batch, lines, ts, good, faults)
        latest = time.time_ns() // 1000 + CLOCK_TOLERANCE_US
        good &= (ts >= EARLIEST_US) & (ts <= latest)
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

    def _note_times(
        self,
        batch: pa.RecordBatch,
        lines: NDArray[np.int64],
        ts: NDArray[np.int64],
        good: Mask,
        faults: Faults,
    ) -> None:
        name = self.options.time_column
        cells = batch[name]
        empty = np.ones(len(lines), bool)
        for column in batch.columns:
            empty &= ~column.is_valid().to_numpy(zero_copy_only=False)
        latest = time.time_ns() // 1000 + CLOCK_TOLERANCE_US
        for reason, mask, words in (
            ("bad-time", ~good & ~empty, "is no time of this format, or one that the clock skips "
             "or has twice"),
            ("too-old", good & (ts < EARLIEST_US), "is before the year 2000"),
            ("clock-ahead", good & (ts > latest), "is in the future"),
        ):  # fmt: skip
            if (wrong := np.flatnonzero(mask)).size:
                faults.add(lines[wrong], name, reason, says(cells, wrong, words))

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


def says(cells: pa.Array, wrong: NDArray[np.intp], words: str) -> Callable[[int], str]:
    """A sentence about the cell of a row."""
    return lambda index: f"{ascii(cells[int(wrong[index])].as_py())[:60]} {words}"


def plain(column: pa.Array) -> pa.Array:
    """A column without a dictionary, and texts in the one form that is dealt with here."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_large_string(column.type) or pa.types.is_string_view(column.type):
        column = column.cast(pa.string())
    return column


@dataclass
class Target:
    """The series that values go to, with the rules of their models.

    Attributes:
        connection: to the database.
        tenant_id: whose devices they may be.
        dry: whether new series are only tried out.
        arrival: when the file came, in µs since 1970.
    """

    connection: Connection
    tenant_id: str
    dry: bool
    arrival: int
    rules: Rules = field(default_factory=Rules)
    series: dict[tuple[str, str], int] = field(default_factory=dict)
    times: dict[str, list[tuple[int, int]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for row in archives.times(self.connection, self.tenant_id):
            part = in_microseconds(row["start"]), in_microseconds(row["end"])
            self.times.setdefault(row["device_id"], []).append(part)

    def readings(self, values: Values, faults: Faults) -> Readings:
        """Those that may be stored, flagged as the models say; the others are noted."""
        series, held = self._places(values)
        if (wrong := np.flatnonzero(series == NO_DEVICE)).size:
            words = "is no device of the tenant"
            faults.add(
                values.lines[wrong], "device", "unknown-device", says(values.devices, wrong, words)
            )
        if (wrong := np.flatnonzero(series == NO_METRIC)).size:
            words = f"is no metric name: {METRIC_RULE}"
            faults.add(
                values.lines[wrong], "metric", "bad-metric-name", says(values.metrics, wrong, words)
            )
        if (wrong := np.flatnonzero((series >= 0) & ~held)).size:
            words = "was not the tenant's at this time"
            faults.add(
                values.lines[wrong], "device", "not-yours", says(values.devices, wrong, words)
            )
        kept = np.flatnonzero((series >= 0) & held)
        ts = values.ts[kept]
        rows = Readings(series[kept], ts, values.value[kept], delay=self.arrival - ts)
        flagged, refused, expired = self.rules.judge(rows)
        if expired.size:
            numbers = values.lines[kept[expired]]
            faults.add(
                numbers, "time", Reason.OLDER_THAN_RETENTION, self._too_old(rows.at(expired))
            )
        if refused.size:
            wrong = kept[refused]
            words = "has a value that the model refuses: out of its range, or of another kind"
            faults.add(
                values.lines[wrong], "value", "out-of-range", says(values.metrics, wrong, words)
            )
        return flagged.without(np.concatenate([refused, expired]))

    def _too_old(self, rows: Readings) -> Callable[[int], str]:
        """A sentence about a reading that is not kept any more."""

        def sentence(index: int) -> str:
            series, ts = self.rules.kept(int(rows.series[index])), int(rows.ts[index])
            days = days_of(series, ts)
            return f"is older than the {days} days for which data of {series.device_id} are kept"

        return sentence

    def _places(self, values: Values) -> tuple[NDArray[np.int32], Mask]:
        """The series of each value, and whether its time is the tenant's."""
        devices, metrics = (
            pc.fill_null(each.cast(pa.string()), "").dictionary_encode()
            for each in (values.devices, values.metrics)
        )
        width = max(len(metrics.dictionary), 1)
        pairs = devices.indices.to_numpy().astype(np.int64) * width + metrics.indices.to_numpy()
        distinct, places = np.unique(pairs, return_inverse=True)
        ids, names = devices.dictionary.to_pylist(), metrics.dictionary.to_pylist()
        keys = [(ids[pair // width], names[pair % width]) for pair in distinct.tolist()]
        self._learn(keys)
        series = np.array([self._number(key) for key in keys], np.int32)[places]
        held = np.zeros(len(pairs), bool)
        for index, device in enumerate(ids):
            rows = devices.indices.to_numpy() == index
            for start, end in self.times.get(device, ()):
                held |= rows & (values.ts >= start) & (values.ts < end)
        return series, held

    def _number(self, key: tuple[str, str]) -> int:
        if key[0] not in self.times:
            return NO_DEVICE
        return self.series.get(key, NO_METRIC)

    def _learn(self, keys: Sequence[tuple[str, str]]) -> None:
        """Find or make the series that are not known yet."""
        new = {
            key: "number"
            for key in keys
            if key not in self.series and key[0] in self.times and METRIC_NAME.fullmatch(key[1])
        }
        if not new:
            return
        with self.connection.transaction(force_rollback=self.dry):
            found = resolve_series(self.connection, new)
        for each in found:
            self.rules.learn(each)
            self.series[each.device_id, each.metric] = each.id


def in_microseconds(moment: datetime) -> int:
    """A time of the database in µs since 1970."""
    return (moment - EPOCH) // MICROSECOND


def import_history(request: HistoryRequest) -> Iterator[Line]:
    """Do it, and tell how it goes.

    Raises:
        ProblemError: the file cannot be read, or the same import runs already.
    """
    options = request.options
    columns = Columns.of(open_history(request.path, options), options)
    source = fingerprint(request.path, options)
    with archives.opened(request.url, request.actor) as connection:
        if not archives.lock_import(connection, f"{request.tenant_id} {source}"):
            raise ConflictError("this file is being imported into this tenant just now")
        faults = Faults()
        columns.file.blamed = faults.add_line
        target = Target(connection, request.tenant_id, True, time.time_ns() // 1000)
        given = yield from checked(target, columns, faults)
        yield from (Line(fault=fault) for fault in faults.told)
        result = Result(stored=False, faulty=faults.rows, faults=dict(faults.counts))
        result.readings.given = given
        if options.dry_run or (faults.rows and not options.valid_only):
            result.note = "nothing was stored: " + (
                "dry run" if options.dry_run else "rows are faulty; `valid_only` stores the others"
            )
            yield Line(result=result)
            return
        columns.file.blamed = lambda _number, _detail: None
        target = Target(connection, request.tenant_id, False, target.arrival)
        begun = archives.begin_import(connection, request.tenant_id, "history", source)
        result.stored, result.resumed_at = True, begun["done"]
        yield from stored(target, columns, begun, result)


def fingerprint(path: Path, options: HistoryOptions) -> str:
    """What tells the import of one file from that of another."""
    digest = hashlib.sha256(options.meaning().encode())
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def checked(target: Target, columns: Columns, faults: Faults) -> Generator[Line, None, int]:
    """Look at every row; how many values there are that can be stored."""
    given = done = 0
    for rows in columns.file.rows(columns.needed):
        for values in columns.values(rows, faults):
            given += len(target.readings(values, faults))
        done += len(rows[1])
        yield Line(progress=Progress(step="checking", done=done, total=None))
    return given


def stored(target: Target, columns: Columns, begun: Row, result: Result) -> Iterator[Line]:
    """Store the good values, but for the rows that were stored before it was cut off."""
    ignored, done = Faults(), 0
    for rows in columns.file.rows(columns.needed):
        done += len(rows[1])
        if done <= begun["done"]:
            continue
        with target.connection.transaction():
            for values in columns.values(rows, ignored):
                readings = target.readings(values, ignored)
                result.readings.stored += len(store_readings(target.connection, readings))
            archives.note_done(target.connection, begun["id"], done)
        yield Line(progress=Progress(step="storing", done=done, total=None))
    archives.finish_import(target.connection, begun["id"])
    if result.readings.given and not result.readings.stored:
        result.note = "everything was here already: nothing was stored twice"
    yield Line(result=result)
