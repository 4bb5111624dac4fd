import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.access import Person
from registry.enrolment.device_cells import COLUMNS
from registry.enrolment.device_file import read_file
from registry.enrolment.import_answer import ImportLine, ImportOptions
from registry.enrolment.importing import Import
from registry.http.problems import UnprocessableError

MEMBER = {"role": "tenant-member", "tenant_id": "sunny", "park_id": None, "until": None}
MARIA = Person(2, "maria@sunny.example", "Maria", [MEMBER])


def checked(body: bytes, tenant_id: str | None = "sunny") -> Import:
    """An import whose rows were looked at, but not stored."""
    work = Import(MARIA, ImportOptions(tenant_id=tenant_id), read_file(body))
    work.check(work.rows)
    return work


# A row of JSON, and the fields that are to blame.
IMPOSSIBLE = [
    (rb'{"id": "roof-1", "name": "\ud800"}', ["name"]),
    (rb'{"id": "roof-1", "metadata": {"a": "\u0000"}}', ["metadata"]),
    (rb'{"id": "roof-1", "metadata": {"a": "\ud800"}}', ["metadata"]),
    (rb'{"id": "roof-1", "values_per_second": NaN}', ["values_per_second"]),
    (rb'{"id": "roof-1", "values_per_second": 1e999}', ["values_per_second"]),
    (rb'{"id": null, "name": null, "stage": null}', ["id", "name", "stage"]),
    (rb'{"id": ["roof-1"], "name": {"a": 1}, "tags": 5}', ["id", "name", "tags"]),
    (rb'{"id": "roof-1", "secret": "tpd_mine"}', ["secret"]),
    (rb'{"id": "roof-1", "\ud800": 1}', [None]),
    (rb'{"id": "' + b"a" * 64 + rb'"}', ["id"]),
    (b'{"id": "roof-1", "name": "' + b"x" * 201 + b'"}', ["name"]),
    (rb"{}", ["id"]),
    ('{"name": "☀️"}'.encode(), ["id"]),
    (rb'{"id": "roof-1", "tenant_id": "other"}', ["tenant_id"]),
]


@pytest.mark.parametrize(("row", "fields"), IMPOSSIBLE)
def test_a_row_that_cannot_be_is_a_fault_and_hinders_no_other(
    row: bytes, fields: list[str | None]
) -> None:
    work = checked(row + b'\n{"id": "roof-2", "name": "Sound"}\n')
    assert [fault.field for fault in work.faults] == fields
    assert list(work.sound) == ["roof-2"]
    for fault in work.faults:
        written = ImportLine(fault=fault).model_dump_json()
        assert json.loads(written)["fault"]["detail"]
        assert "tpd_mine" not in written


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
ROWS = st.dictionaries(st.sampled_from(COLUMNS) | st.text(), JSON, max_size=5) | JSON
TABLES = st.lists(st.sampled_from([*COLUMNS, "metadata.a", *',;\t\n"', "[", "{", "é", "=", "x"]))


@given(
    st.binary()
    | st.lists(ROWS, min_size=1).map(lambda rows: json.dumps(rows).encode())
    | TABLES.map(lambda parts: "".join(["id,name,tags,metadata\n", *parts]).encode())
)
def test_whatever_a_file_holds_every_row_is_sound_or_told(body: bytes) -> None:
    try:
        work = checked(body)
    except UnprocessableError:
        return
    blamed = {fault.row for fault in work.faults}
    accepted = {row.number for row in work.sound.values()}
    assert blamed | accepted == {row.number for row in work.rows}
    assert blamed & accepted == set()
    for fault in work.faults:
        assert ImportLine(fault=fault).model_dump_json()


def test_a_row_needs_a_tenant_of_its_own_where_the_file_has_none() -> None:
    work = checked(b'[{"id": "roof-1"}, {"id": "roof-2", "tenant_id": "sunny"}]', None)
    assert [(fault.row, fault.field) for fault in work.faults] == [(1, "tenant_id")]
    assert list(work.sound) == ["roof-2"]


def test_rows_of_one_id_are_told_apart_by_their_numbers() -> None:
    work = checked(b"name\nRoof 1\nroof  1\n")
    assert list(work.sound) == ["sunny-roof-1"]
    assert [fault.detail for fault in work.faults] == ["row 2 has this id already, sunny-roof-1"]
