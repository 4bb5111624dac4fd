import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.enrolment.device_cells import COLUMNS, read_cells, write_cells
from registry.enrolment.device_file import MAX_ROWS, FileRow, read_file
from registry.http.problems import UnprocessableError

ROOF = {"id": "roof-1", "name": "Roof 1", "tags": ["a", "b"]}
SAME = [
    "id,name,tags\nroof-1,Roof 1,a;b\n",
    "id,name,tags\r\nroof-1,Roof 1,a;b\r\n",
    "id,name,tags\rroof-1,Roof 1,a;b",
    'ID; Name ;Tags\n"roof-1";"Roof 1";"a;b"\n',
    "id\tname\ttags\nroof-1\t Roof 1\t a ; b;\n\n\t\t\n",
    'id,name,tags,,\nroof-1,Roof 1,"[""a"", ""b""]",,\n',
    '[{"id": "roof-1", "name": "Roof 1", "tags": ["a", "b"]}]',
    '\n{"id": "roof-1",\t"name": "Roof 1", "tags": ["a", "b"]}\r\n\r\n',
]


@pytest.mark.parametrize("text", SAME)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_device_is_the_same_however_its_file_is_written(text: str, encoding: str) -> None:
    [row] = read_file(text.encode(encoding))
    assert (row.fields, row.faults) == (ROOF, [])


def test_the_file_that_the_documentation_shows_is_a_good_one() -> None:
    page = (Path(__file__).parents[3] / "docs/enrolment.md").read_text()
    [table] = re.findall(r"```csv\n(.*?)```", page, re.DOTALL)
    rows = read_file(table.encode())
    assert [row.faults for row in rows] == [[], [], []]
    assert set(re.findall(r"^\| `(\w+)`", page, re.MULTILINE)) <= {*COLUMNS}
    assert all(f"`{column}`" in page for column in COLUMNS)


BROKEN = [
    (b"", "has to name the columns"),
    (b" \n", "has to name the columns"),
    (b"id,name\n", "no device"),
    (b"[]", "no device"),
    (b"roof-1,Roof 1\n", "a column 'roof-1' that there is not"),
    (b"id,nmae\nroof-1,x\n", "a column 'nmae' that there is not"),
    (b"id,metadata.\nroof-1,x\n", "metadata.serial"),
    (b"id,name,ID\nroof-1,x,y\n", "the column id twice"),
    (b"stage,tags\npilot,x\n", "id or name among them"),
    (b"id,name\nroof-1,Caf\xe9\n", "line 2 is not UTF-8"),
    (b"\xff\xfei", "not UTF-8"),
    (b'id,name\nroof-1,"x\n', "row 2 is no CSV: unexpected end of data"),
    (b'id,name\nroof-1,"x"y\n', "row 2 is no CSV"),
    (b'[{"id": "roof-1",}]', "no JSON: .* at line 1, column"),
    (b'{"id": "roof-1"}\n{"id"\n', "line 2 is no JSON"),
    (b"[" * 100_000, "nested too deep"),
    (b'[{"id": ' + b"9" * 5000 + b"}]", "number"),
    (b"[" + b"1," * MAX_ROWS + b"1]", f"send {MAX_ROWS} at a time"),
]


@pytest.mark.parametrize(("body", "words"), BROKEN)
def test_a_file_that_cannot_be_read_is_refused_with_the_place(body: bytes, words: str) -> None:
    with pytest.raises(UnprocessableError, match=words):
        read_file(body)


def test_a_row_is_counted_as_spreadsheets_count() -> None:
    rows = read_file(b'id,name\nroof-1,"two\nlines"\n\nroof-2,x\n')
    assert [row.number for row in rows] == [2, 4]
    assert [row.number for row in read_file(b'{"id": "a"}\n\n{"id": "b"}')] == [1, 3]


def test_a_row_with_the_wrong_number_of_cells_is_a_fault_of_its_own() -> None:
    rows = read_file(b"id,name,tags\nroof-1,x\nroof-2,x,y,z\nroof-3,x,y\n")
    assert [[name for name, _ in row.faults] for row in rows] == [[""], [""], []]
    [row] = read_file(b"[5]")
    assert row == FileRow(1, {}, [("", 'a device is an object like {"id": "roof-1", …}')])


def test_facts_come_from_columns_of_their_own_or_from_json() -> None:
    text = 'id,metadata.Serial No,metadata\nr1,SN-1,"{""row"": 3}"\nr2,,\nr3,x,[1]\nr4,x,{\n'
    first, second, *others = read_file(text.encode())
    assert first.fields["metadata"] == {"Serial No": "SN-1", "row": 3}
    assert second.fields["metadata"] == {}
    assert [row.faults[0][0] for row in others] == ["metadata", "metadata"]


def test_an_empty_cell_takes_away_only_what_can_be_away() -> None:
    [row] = read_file(b"id,name,model_id,lab_id,stage,tags,values_per_second\nr1,,,,,,")
    assert row.fields == {
        "id": "r1", "model_id": None, "lab_id": None, "tags": [], "values_per_second": None
    }  # fmt: skip


def test_a_comma_may_be_the_decimal_sign() -> None:
    [row] = read_file(b"id;values_per_second\nr1;0,5\n")
    assert row.fields["values_per_second"] == 0.5


TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1).map(str.strip)
NAMES = TEXT.filter(bool)
DEVICES = st.fixed_dictionaries(
    {
        "id": st.just("roof-1"),
        "tenant_id": st.just("sunny"),
        "name": st.one_of(NAMES, st.sampled_from(["=1+1", "'=x", "-5", "''@a", "سقف ☀️"])),
        "model_id": st.sampled_from([None, "pv"]),
        "lab_id": st.sampled_from([None, "lab"]),
        "stage": st.sampled_from(["pilot", "retired"]),
        "tags": st.lists(st.one_of(NAMES, st.sampled_from(["a;b", "[x", "=t"])), unique=True),
        "metadata": st.dictionaries(NAMES, st.one_of(NAMES, st.integers(), st.none())),
        "values_per_second": st.just(None),
        "latitude": st.just(None),
        "longitude": st.just(None),
    }
)


@given(DEVICES)
def test_what_is_written_is_read_back(device: dict[str, Any]) -> None:
    text = io.StringIO()
    csv.writer(text).writerows([COLUMNS, write_cells(device)])
    [row] = read_file(text.getvalue().encode())
    assert row == FileRow(2, device, [])
    assert read_file(json.dumps([device]).encode())[0].fields == device


def test_a_number_is_written_as_one_also_below_zero() -> None:
    device = dict.fromkeys(COLUMNS, None) | {"id": "a-1", "latitude": -6.87}
    cells = write_cells(device)
    assert cells[COLUMNS.index("latitude")] == "-6.87"
    assert read_cells(COLUMNS, cells)[0]["latitude"] == -6.87


def test_a_spreadsheet_does_not_compute_what_a_name_says() -> None:
    device = dict.fromkeys(COLUMNS, None) | {"name": '=HYPERLINK("x")', "id": "a-1"}
    cells = write_cells(device)
    assert cells[:3] == ["a-1", "", '\'=HYPERLINK("x")']
    assert read_cells(COLUMNS, cells)[0]["name"] == device["name"]
