"""The import of history: every row is looked at first, then all of them are stored.

Values go by the rules of ingest: times, names, kinds and ranges. Quotas do not hold them up.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path

from registry.exchange.history_columns import Columns
from registry.exchange.history_faults import Faults
from registry.exchange.history_files import open_history
from registry.exchange.history_options import HistoryOptions
from registry.exchange.history_target import Target
from registry.exchange.lines import Line, Progress, Result
from registry.http.problems import ConflictError
from storage import archives
from storage.rows import Row
from storage.writer import store_readings


@dataclass(frozen=True)
class HistoryRequest:
    """What is asked for; see ``archive_import.ImportRequest``."""

    url: str
    actor: Row
    tenant_id: str
    path: Path
    options: HistoryOptions


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
