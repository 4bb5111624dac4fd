"""Weather of a typical year: TMY3 files of the US National Solar Radiation Data Base.

pvlib reads them, and ships the one of Greensboro, North Carolina. Format: S. Wilcox and W. Marion,
"Users Manual for TMY3 Data Sets", NREL/TP-581-43156, 2008.
"""

from __future__ import annotations

import importlib.util
import math
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from simulators.recording import Recording, Row
from simulators.tables import RecordingError

STATION = Path("data/723170TYA.CSV")


@dataclass(frozen=True)
class Column:
    """A metric, its unit (UCUM) and plausible range, and pvlib's name of its column."""

    metric: str
    unit: str
    minimum: float
    maximum: float
    pvlib: str


COLUMNS = (
    Column("ghi", "W/m2", 0, 1500, "ghi"),
    Column("dni", "W/m2", 0, 1500, "dni"),
    Column("dhi", "W/m2", 0, 1000, "dhi"),
    Column("temperature", "Cel", -60, 60, "temp_air"),
    Column("dew_point", "Cel", -70, 40, "temp_dew"),
    Column("humidity", "%", 0, 100, "relative_humidity"),
    # A millibar is a hectopascal.
    Column("pressure", "hPa", 500, 1100, "pressure"),
    Column("wind_speed", "m/s", 0, 100, "wind_speed"),
    Column("wind_direction", "deg", 0, 360, "wind_direction"),
)


def shipped_file() -> Path:
    """The station file inside the installed pvlib.

    Raises:
        RecordingError: there is none.
    """
    package = importlib.util.find_spec("pvlib")
    folders = package.submodule_search_locations if package else None
    if not folders or not (found := Path(folders[0]) / STATION).exists():
        raise RecordingError("pvlib with its example data is not installed: name a TMY3 file")
    return found


def read_year(path: Path, year: int) -> Recording:
    """The typical year, laid into ``year``: its 8,760 hours, each stamped with its end.

    The months of a typical year come from different years. In a leap year 29 February stays empty.

    Raises:
        RecordingError: the file cannot be read, or is no TMY3 file.
    """
    # pandas takes a second to import, which no other command should wait for.
    from pvlib.iotools import read_tmy3

    try:
        data, _ = read_tmy3(path, coerce_year=year)
        table = data[[column.pvlib for column in COLUMNS]]
    except OSError as error:
        raise RecordingError(f"cannot read {path}: {error}") from error
    except (KeyError, ValueError, IndexError) as error:
        raise RecordingError(f"{path} is no TMY3 file that pvlib can read: {error}") from error
    rows = [
        Row(moment.timestamp(), values)
        for moment, cells in zip(table.index, table.itertuples(index=False), strict=True)
        if (values := readings(cells))
    ]
    return Recording(
        rows, skipped_values=len(table) * len(COLUMNS) - sum(len(r.values) for r in rows)
    )


def readings(cells: Any) -> dict[str, float]:
    """The values of an hour, without those that are missing and the direction of no wind."""
    named = zip((column.metric for column in COLUMNS), map(float, cells), strict=True)
    values = {metric: value for metric, value in named if math.isfinite(value)}
    if values.get("wind_direction") == 0:  # "undefined, calm"; north is 360
        del values["wind_direction"]
    return values


def up_to_now(path: Path, now: float) -> Recording:
    """The typical year laid over the last twelve months, and what it has in store for this year.

    So season and time of day of the station are those of the real calendar.
    """
    this_year = datetime.fromtimestamp(now, UTC).year
    years = [read_year(path, year) for year in (this_year - 1, this_year)]
    since = now - 365 * 86_400
    rows = {row.time: row for year in years for row in year.rows if row.time >= since}
    return Recording(sorted(rows.values(), key=lambda row: row.time))
