"""Reading recorded files."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from simulators import recording, tmy3
from simulators.recording import Layout, Row, read
from simulators.tables import RecordingError

LAYOUT = Layout({"t": "Temp"}, ["Time"])


def moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    return tmp_path / "file.csv"


def rows(file: Path, text: str, layout: Layout = LAYOUT) -> list[Row]:
    file.write_text(text)
    return list(read(file, layout).rows)


def test_lines_become_rows_in_the_order_of_time(csv: Path) -> None:
    text = "Time,Temp\n2025-01-01T02:00:00Z,2\n2025-01-01T01:00:00+00:00,1.5\n"
    first, second = moment("2025-01-01T01:00:00Z"), moment("2025-01-01T02:00:00Z")
    assert rows(csv, text) == [Row(first, {"t": 1.5}), Row(second, {"t": 2.0})]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_taken_from_the_first_line(csv: Path, delimiter: str) -> None:
    text = "Other,Time,Temp\nx,2025-01-01T00:00:00Z,1\n".replace(",", delimiter)
    assert rows(csv, text)[0].values == {"t": 1.0}


@pytest.mark.parametrize(
    ("time_format", "text"),
    [
        ("iso", "2025-03-04 05:06:00"),
        ("iso", "2025-03-04T05:06+01:00"),
        ("epoch", "1741061160"),
        ("epoch-ms", "1741061160000"),
        ("%d.%m.%Y %H:%M", "04.03.2025 05:06"),
    ],
)
def test_a_time_is_read_in_the_format_and_the_zone_that_was_named(
    csv: Path, time_format: str, text: str
) -> None:
    layout = Layout({"t": "Temp"}, ["Time"], time_format, timezone(timedelta(hours=1)))
    found = rows(csv, f"Time,Temp\n{text},1\n", layout)
    assert found[0].time == moment("2025-03-04T05:06+01:00")


def test_two_columns_can_be_the_time_and_24_00_is_the_next_day(csv: Path) -> None:
    layout = Layout({"t": "Temp"}, ["Date", "Clock"], "%m/%d/%Y %H:%M")
    text = "Date,Clock,Temp\n12/31/2024,23:00,1\n12/31/2024,24:00,2\n"
    assert [row.time for row in rows(csv, text, layout)] == [
        moment("2024-12-31T23:00Z"),
        moment("2025-01-01T00:00Z"),
    ]


def test_24_minutes_past_midnight_is_no_end_of_a_day(csv: Path) -> None:
    text = "Time,Temp\n2025-01-01T00:24:00Z,1\n"
    assert [row.time for row in rows(csv, text)] == [moment("2025-01-01T00:24Z")]


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
def test_json_lines_and_parquet_are_read_as_csv_is(tmp_path: Path, suffix: str) -> None:
    file, first = tmp_path / f"file{suffix}", moment("2025-01-01T00:00Z")
    if suffix == ".parquet":
        times = [datetime.fromtimestamp(first + n, UTC) for n in range(2)]
        pq.write_table(pa.table({"time": times, "t": [1.5, None], "h": [40, 41]}), file)
    else:
        file.write_text(
            '{"time": "2025-01-01T00:00:00Z", "t": 1.5, "h": 40}\n\n'
            '{"time": "2025-01-01T00:00:01Z", "values": {"t": null, "h": 41}}\n'
        )
    found = read(file, Layout(None, ["time"]))
    assert found.rows == [Row(first, {"t": 1.5, "h": 40.0}), Row(first + 1, {"h": 41.0})]
    assert found.skipped_values == 1
    with pytest.raises(RecordingError, match="no column 'Clock'; it has 'time', 't', 'h'"):
        read(file, Layout(None, ["Clock"]))


def test_without_a_map_every_column_is_its_metric_if_it_can_be(csv: Path) -> None:
    text = "Time,Temp,Hum\n2025-01-01T00:00Z,1,2\n"
    assert rows(csv, text, Layout(None, ["Time"]))[0].values == {"Temp": 1.0, "Hum": 2.0}
    csv.write_text(text.replace("Hum", "Rel. hum"))
    with pytest.raises(RecordingError, match=r"'Rel. hum' is no name of a metric: say with `--map"):
        read(csv, Layout(None, ["Time"]))


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.jsonl", "[1]\n", "line 1: this is no JSON object"),
        ("a.jsonl", "{\n", "cannot read"),
        ("a.parquet", "PAR1", "cannot read"),
    ],
)
def test_a_file_of_another_format_is_told_so(
    tmp_path: Path, name: str, text: str, words: str
) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(RecordingError, match=words):
        read(tmp_path / name, Layout(None, ["time"]))


def test_a_rewritten_year_keeps_the_calendar(csv: Path) -> None:
    layout = Layout({"t": "Temp"}, ["Time"], "%Y-%m-%d %H:%M", year=2025)
    lines = ["1996-02-28 24:00,1", "1996-02-29 10:00,2", "1980-12-31 24:00,3", "1988-01-01 01:00,0"]
    csv.write_text("\n".join(["Time,Temp", *lines]))
    found = read(csv, layout)
    assert [(row.time, row.values["t"]) for row in found.rows] == [
        (moment("2025-01-01T01:00Z"), 0),
        (moment("2025-03-01T00:00Z"), 1),
        (moment("2026-01-01T00:00Z"), 3),
    ]
    assert found.skipped_rows == 1


@pytest.mark.parametrize("bad", ["", "n/a", "nan", "inf", "1,5"])
def test_a_cell_without_a_number_costs_only_itself(csv: Path, bad: str) -> None:
    layout = Layout({"t": "Temp", "h": "Hum"}, ["Time"])
    csv.write_text(f'Time,Temp,Hum\n2025-01-01T00:00Z,"{bad}",40\n2025-01-01T01:00Z,2,41\n')
    found = read(csv, layout)
    assert [dict(row.values) for row in found.rows] == [{"h": 40}, {"t": 2, "h": 41}]
    assert found.skipped_values == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        ("\n\n", "is empty"),
        ("Time,Temp\n", "no line with a value"),
        ("Time,Temp\n2025-01-01T00:00Z,\n", "no line with a value"),
        ("Time,Other\n2025-01-01T00:00Z,1\n", "no column 'Temp'; it has 'Time', 'Other'"),
        ("Time,Temp\n2025-01-01T00:00Z,1\nyesterday,2\n", "line 3: cannot read the time"),
        ("Time,Temp\n,2\n", "line 2: cannot read the time"),
    ],
)
def test_a_file_that_cannot_be_played_is_told_why(csv: Path, text: str, words: str) -> None:
    with pytest.raises(RecordingError, match=words):
        rows(csv, text)


def test_a_file_that_is_no_text_or_not_there_is_told_so(csv: Path) -> None:
    with pytest.raises(RecordingError, match="No such file"):
        read(csv, LAYOUT)
    csv.write_bytes(b"Time,Temp\n\xff\xfe\x00,1\n")
    with pytest.raises(RecordingError, match="cannot read"):
        read(csv, LAYOUT)


def test_a_shift_is_of_whole_days_and_ends_within_the_last_one() -> None:
    noon = moment("1988-06-01T12:00Z")
    now = moment("2026-11-21T09:30Z")
    moved = recording.shifted([Row(noon - 3600, {}), Row(noon, {})], now)
    assert [row.time for row in moved] == [moment("2026-11-20T11:00Z"), moment("2026-11-20T12:00Z")]


def test_a_replay_that_meets_the_present_plays_the_last_part() -> None:
    now = moment("2026-11-21T09:30Z")
    hours = [Row(moment("2026-11-20T00:00Z") + 3600 * n, {}) for n in range(60)]
    chosen = recording.ending_now(hours, now, speed=3600, seconds=10)
    assert chosen[0].time == moment("2026-11-21T00:00Z")
    assert chosen[-1].time == moment("2026-11-21T09:00Z")


@pytest.mark.parametrize(("year", "words"), [(1999, "before 2000"), (2030, "in the future")])
def test_times_that_the_platform_rejects_are_told_before_anything_is_sent(
    year: int, words: str
) -> None:
    with pytest.raises(RecordingError, match=words):
        recording.require_playable([Row(moment(f"{year}-06-01T00:00Z"), {})], moment("2026-11-21"))


@pytest.mark.parametrize(
    ("text", "minutes"), [("+05:30", 330), ("-05:00", -300), ("+0100", 60), ("-00:30", -30)]
)
def test_a_zone_is_an_offset(text: str, minutes: int) -> None:
    assert recording.parse_zone(text) == timezone(timedelta(minutes=minutes))


@pytest.mark.parametrize("text", ["", "5", "CET", "+5:30", "+05:30x", "+25:00"])
def test_what_is_no_offset_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        recording.parse_zone(text)


def test_the_typical_year_is_8760_hours_in_local_standard_time() -> None:
    year = tmy3.read_year(tmy3.shipped_file(), 2025)
    assert len(year.rows) == 8760
    assert year.rows[0].time == moment("2025-01-01T01:00-05:00")
    assert year.rows[-1].time == moment("2026-01-01T00:00-05:00")
    assert {b.time - a.time for a, b in pairwise(year.rows)} == {3600}
    # The first line of the file, as its text has it.
    assert year.rows[0].values == {
        "ghi": 0, "dni": 0, "dhi": 0, "temperature": 10, "dew_point": 6.1, "humidity": 77,
        "pressure": 993, "wind_speed": 6.2, "wind_direction": 200,
    }  # fmt: skip


def test_the_typical_year_is_within_the_ranges_of_its_model() -> None:
    ranges = {column.metric: (column.minimum, column.maximum) for column in tmy3.COLUMNS}
    for row in tmy3.read_year(tmy3.shipped_file(), 2024).rows:
        for metric, value in row.values.items():
            assert ranges[metric][0] <= value <= ranges[metric][1]


def test_calm_air_has_no_direction() -> None:
    rows = tmy3.read_year(tmy3.shipped_file(), 2025).rows
    assert all("wind_direction" not in r.values for r in rows if r.values["wind_speed"] == 0)
    assert sum("wind_direction" not in r.values for r in rows) > 100


def test_the_typical_year_up_to_now_is_gapless_and_goes_on() -> None:
    now = datetime(2026, 11, 21, 9, 30, tzinfo=UTC).timestamp()
    rows = tmy3.up_to_now(tmy3.shipped_file(), now).rows
    assert now - 365 * 86_400 <= rows[0].time < now - 364 * 86_400
    assert {b.time - a.time for a, b in pairwise(rows)} == {3600}
    assert rows[-1].time == moment("2027-01-01T00:00-05:00")


def test_a_file_that_is_no_tmy3_is_told_so(csv: Path) -> None:
    csv.write_text("a,b\n1,2\n")
    with pytest.raises(RecordingError, match="no TMY3 file"):
        tmy3.read_year(csv, 2025)
    with pytest.raises(RecordingError, match="cannot read"):
        tmy3.read_year(csv.with_name("missing"), 2025)
