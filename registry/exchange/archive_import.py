"""The import of an archive into a tenant: safe to repeat, and it goes on where it stopped."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from broker.payloads import Reason
from broker.payloads.times import CLOCK_TOLERANCE_US, EARLIEST_US
from registry.exchange.archive_format import SERIES, SERIES_SCHEMA, TABLES, Part
from registry.exchange.archive_plan import Plan, portions
from registry.exchange.archive_reading import ArchiveFile, refused
from registry.exchange.lines import Counted, Line, Progress, Result
from registry.exchange.names import distinct_pairs
from registry.exchange.parquet_files import batches
from registry.http.problems import ConflictError
from storage import archives, writer
from storage.archives import Connection
from storage.ingest import find_series, store_states
from storage.rows import Row
from storage.rules import Rules
from storage.writer import Readings, store_readings

KINDS = frozenset({"number", "boolean", "text", "object"})
REJECTION_COLUMNS = [name for name in TABLES["rejections"].names if name != "device"]


@dataclass(frozen=True)
class ImportRequest:
    """What is asked for.

    Attributes:
        url: of the database.
        actor: who asks, for the audit log.
        tenant_id: whose the data will be.
        path: where the archive is.
        prefix: before the ids of devices and models.
        merge: whether devices of the tenant with the same ids are the same.
        dry_run: whether only to tell what would happen.
    """

    url: str
    actor: Row
    tenant_id: str
    path: Path
    prefix: str = ""
    merge: bool = False
    dry_run: bool = False


def import_archive(request: ImportRequest, archive: ArchiveFile) -> Iterator[Line]:
    """Do it, and tell how it goes.

    Raises:
        ProblemError: the archive is damaged, or the same import runs already.
    """
    yield from verify(archive)
    with archives.opened(request.url, request.actor) as connection:
        source = archive.manifest.id
        if not archives.lock_import(connection, f"{request.tenant_id} {source}"):
            raise ConflictError("this archive is being imported into this tenant just now")
        earlier = archives.earlier_import(connection, request.tenant_id, "archive", source)
        if earlier and earlier["prefix"] != request.prefix:
            raise ConflictError(
                f"this archive was imported with the prefix {earlier['prefix']!r}: use it again"
            )
        plan = Plan(request.tenant_id, request.prefix, request.merge or earlier is not None)
        plan.look_at_models(connection, archive)
        plan.look_at_devices(connection, archive)
        if plan.clashes or request.dry_run:
            yield from (Line(clash=clash) for clash in plan.clashes)
            yield Line(result=expected(plan, archive))
        else:
            yield from ArchiveImport(connection, archive, plan).work()


def verify(archive: ArchiveFile) -> Iterator[Line]:
    """Compare all hashes before anything is stored."""
    total, done = sum(part.bytes for part in archive.manifest.parts), 0
    told = 0.0
    for size in archive.verified():
        done += size
        if time.monotonic() > told + 0.5 or done == total:
            told = time.monotonic()
            yield Line(progress=Progress(step="verifying", done=done, total=total))


def expected(plan: Plan, archive: ArchiveFile) -> Result:
    """What is in the archive, of which nothing was stored."""
    counts = archive.manifest.counts
    given = {kind: Counted(given=counts.get(kind, 0)) for kind in TABLES}
    return Result(
        stored=False,
        devices=Counted(given=len(plan.devices)),
        models=Counted(given=len(plan.models)),
        note="nothing was stored: ids are taken" if plan.clashes else "nothing was stored: dry run",
        **given,
    )


@dataclass
class ArchiveImport:
    """The storing of an archive that nothing stands in the way of."""

    connection: Connection
    archive: ArchiveFile
    plan: Plan
    result: Result = field(default_factory=lambda: Result(stored=True))
    series: dict[tuple[str, str], int] = field(default_factory=dict)
    rules: Rules = field(default_factory=Rules)
    arrival: int = field(default_factory=lambda: time.time_ns() // 1000)

    def work(self) -> Iterator[Line]:
        """Store everything, part by part, and tell how far it is."""
        with self.connection.transaction():
            self._add_things()
            begun = archives.begin_import(
                self.connection, self.plan.tenant_id, "archive", self.archive.manifest.id,
                self.plan.prefix,
            )  # fmt: skip
        self.result.resumed_at = begun["done"]
        total = sum(part.rows for _, part in self.archive.tables())
        done = 0
        for number, (kind, part) in enumerate(self.archive.tables(), 1):
            if number <= begun["done"]:
                done += part.rows
                continue
            for batch in self._batches(kind, part):
                self._store(kind, batch, part.name)
                done += len(batch)
                yield Line(progress=Progress(step="storing", done=done, total=total))
            archives.note_done(self.connection, begun["id"], number)
        archives.finish_import(self.connection, begun["id"])
        yield Line(result=self._told())

    def _told(self) -> Result:
        tables = (self.result.readings, self.result.states, self.result.rejections)
        if self.result.faulty:
            self.result.note = "what is older than data are kept here was not stored"
        elif any(each.given for each in tables) and not any(each.stored for each in tables):
            self.result.note = "everything was here already: nothing was stored twice"
        return self.result

    def _add_things(self) -> None:
        plan, connection = self.plan, self.connection
        self.result.models = Counted(given=len(plan.models), stored=len(plan.new_models))
        for model in plan.new_models:
            archives.add_model(connection, plan.tenant_id, model)
        self.result.devices.given = len(plan.devices)
        for portion in portions(self.archive):
            rows = [plan.row(device) for device in portion]
            added = archives.add_devices(connection, plan.tenant_id, rows)
            self.result.devices.stored += len(added)
        file = self.archive.table(SERIES, SERIES_SCHEMA)
        for batch in batches(file, SERIES):
            self._add_series([self._series_row(row) for row in batch.to_pylist()])

    def _add_series(self, rows: list[Row]) -> None:
        """Add series, and learn their ids and how long their data are kept here."""
        archives.add_series(self.connection, rows)
        for each in find_series(self.connection, [(row["device"], row["metric"]) for row in rows]):
            self.rules.learn(each)
            self.series[each.device_id, each.metric] = each.id

    def _series_row(self, row: Row) -> Row:
        if row["kind"] not in KINDS:
            raise refused(f"{SERIES} has a series of an unknown kind")
        return {**row, "device": self._device(row["device"])}

    def _device(self, device: str | None) -> str:
        new_id = self.plan.devices.get(device or "")
        if new_id is None:
            raise refused("a table has a device that devices.jsonl does not have")
        return new_id

    def _batches(self, kind: str, part: Part) -> Iterator[pa.RecordBatch]:
        file = self.archive.table(part.name, TABLES[kind])
        if file.metadata.num_rows != part.rows:
            raise refused(f"{part.name} has {file.metadata.num_rows} rows, not {part.rows}")
        yield from batches(file, part.name)

    def _store(self, kind: str, batch: pa.RecordBatch, name: str) -> None:
        ts = moments(batch, name)
        counted: Counted = getattr(self.result, kind)
        counted.given += len(batch)
        with self.connection.transaction():
            if kind == "rejections":
                counted.stored += self._store_rejections(batch)
            else:
                series = self._series_of(batch)
                kept = self._kept(series, ts)
                batch = batch.take(pa.array(kept))
                counted.stored += self._store_values(kind, series[kept], ts[kept], batch, name)

    def _kept(self, series: NDArray[np.int32], ts: NDArray[np.int64]) -> NDArray[np.intp]:
        """The rows that are not older than data of their devices are kept here."""
        expired = self.rules.expired(series, ts, self.arrival - ts)
        self._note_expired(len(expired))
        return np.delete(np.arange(len(series)), expired)

    def _note_expired(self, count: int) -> None:
        if count:
            reason = Reason.OLDER_THAN_RETENTION
            self.result.faulty += count
            self.result.faults[reason] = self.result.faults.get(reason, 0) + count

    def _store_values(
        self, kind: str, series: NDArray[np.int32], ts: NDArray[np.int64], batch: Any, name: str
    ) -> int:
        column = batch.column(3)
        if column.null_count:
            raise refused(f"{name} has rows without a value")
        if kind == "readings":
            value = column.to_numpy()
            if not np.isfinite(value).all():
                raise refused(f"{name} has values that are no numbers")
            return len(store_readings(self.connection, Readings(series, ts, value)))
        if kind == "states":
            rows = list(zip(series.tolist(), ts.tolist(), column.to_pylist(), strict=True))
            return store_states(self.connection, rows)
        return writer.store_flags(self.connection, series, ts, column.to_pylist())

    def _series_of(self, batch: pa.RecordBatch) -> NDArray[np.int32]:
        """The series' ids of rows; each pair of names is looked up once."""
        devices, metrics = batch.column(0), batch.column(1)
        if devices.null_count or metrics.null_count:
            raise refused("a table has rows without a device or a metric")
        pairs, places = distinct_pairs(devices, metrics)
        return np.array([self._one_series(*pair) for pair in pairs], np.int32)[places]

    def _one_series(self, device: str, metric: str) -> int:
        number = self.series.get((self._device(device), metric))
        if number is None:
            raise refused(f"a table has a metric of {device} that {SERIES} does not have")
        return number

    def _store_rejections(self, batch: pa.RecordBatch) -> int:
        old = batch.column("device").to_pylist()
        columns = {name: batch.column(name).to_pylist() for name in REJECTION_COLUMNS}
        columns["device"] = [self._device(device) for device in old]
        columns["topic"] = [
            topic.replace(f"/{before}/", f"/{after}/", 1)
            for topic, before, after in zip(columns["topic"], old, columns["device"], strict=True)
        ]
        stored, expired = archives.add_rejections(self.connection, columns)
        self._note_expired(expired)
        return stored


def moments(batch: pa.RecordBatch, name: str) -> NDArray[np.int64]:
    """The times of rows in µs since 1970.

    Raises:
        UnprocessableError: one lies before 2000 or in the future.
    """
    column = batch.column("ts")
    if column.null_count:
        raise refused(f"{name} has rows without a time")
    ts: NDArray[np.int64] = column.cast(pa.int64()).to_numpy()
    latest = time.time_ns() // 1000 + CLOCK_TOLERANCE_US
    if len(ts) and (ts.min() < EARLIEST_US or ts.max() > latest):
        raise refused(f"{name} has times before 2000 or in the future")
    return ts
