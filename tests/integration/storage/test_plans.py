"""Which indexes the lists use on a full platform, for each kind of viewer."""

import json
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from benchmarks.population import populate
from storage import devices, people, tenants
from storage.rows import Row, Scope
from storage.search import search

BIG = {
    "devices", "tenants", "memberships", "device_search", "device_activity", "users", "agreements",
}  # fmt: skip
VIEWERS = {
    "admin": Scope(everything=True),
    "manager": Scope(parks=("park-1",)),
    "owner": Scope(tenants=("tenant-1",)),
}
FILTERS: list[Row] = [
    {}, {"after": "device-010000"}, {"q": "roof"}, {"q": "☀"}, {"q": "c4ca4238"}, {"tag": "tag-7"},
    {"tenant_id": "tenant-1"}, {"park_id": "park-1"}, {"lab_id": "lab-3"}, {"model_id": "model-3"},
    {"stage": "retired"}, {"ids": ["device-000001", "device-000011"]},
]  # fmt: skip


@pytest.fixture(scope="module")
def full(server: str, template: str) -> Iterator[psycopg.Connection]:
    """A database with 20,000 devices of 1,000 tenants."""
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("CREATE DATABASE full_platform TEMPLATE template_technopark")
        with psycopg.connect(
            server.replace("/postgres", "/full_platform"), autocommit=True
        ) as opened:
            populate(opened, 20_000, 1_000)
            yield opened
        connection.execute("DROP DATABASE full_platform WITH (FORCE)")


def nodes(plan: Any) -> Iterator[Any]:
    """Every step of a plan."""
    yield plan
    for part in plan.get("Plans", []):
        yield from nodes(part)


def steps(connection: psycopg.Connection, query: bytes, parameters: Row) -> list[Any]:
    """The steps of a query that has run."""
    explain = b"EXPLAIN (ANALYZE, VERBOSE, FORMAT JSON) " + query
    row = connection.execute(explain, parameters, prepare=False).fetchone()
    assert row
    plan = row[0] if isinstance(row[0], list) else json.loads(row[0])
    return list(nodes(plan[0]["Plan"]))


def scanned_whole(found: list[Any]) -> set[str]:
    """The big tables that were read from end to end."""
    return {
        step["Relation Name"]
        for step in found
        if step["Node Type"] == "Seq Scan" and step["Relation Name"] in BIG
    }


@pytest.mark.parametrize("viewer", VIEWERS)
def test_a_list_of_devices_reads_indexes_whatever_is_asked(
    full: psycopg.Connection, viewer: str
) -> None:
    [(kind, name)] = VIEWERS[viewer].viewers
    for filters in FILTERS:
        wanted = {each: filters.get(each) for each in devices.FILTERS}
        page = {**wanted, **search(filters.get("q")), "after": filters.get("after"), "limit": 51}
        page |= VIEWERS[viewer].parameters()
        found = steps(full, devices.QUERIES["devices"], {**page, "kind": kind, "viewer": name})
        assert scanned_whole(found) == set(), (viewer, filters)


@pytest.mark.parametrize("viewer", VIEWERS)
def test_a_page_of_devices_costs_no_more_where_there_are_more_devices(
    full: psycopg.Connection, viewer: str
) -> None:
    [(kind, name)] = VIEWERS[viewer].viewers
    page = {**dict.fromkeys(devices.FILTERS), **search(None), "after": None, "limit": 51}
    page |= VIEWERS[viewer].parameters()
    found = steps(full, devices.QUERIES["devices"], {**page, "kind": kind, "viewer": name})
    assert max(step["Actual Rows"] * step["Actual Loops"] for step in found) < 1_000


@pytest.mark.parametrize("viewer", VIEWERS)
def test_a_search_looks_up_what_it_finds_and_not_all_that_the_viewer_sees(
    full: psycopg.Connection, viewer: str
) -> None:
    [(kind, name)] = VIEWERS[viewer].viewers
    for text in ("c4ca4238", "roof 77"):
        page = {**dict.fromkeys(devices.FILTERS), **search(text), "after": None, "limit": 51}
        page |= {**VIEWERS[viewer].parameters(), "kind": kind, "viewer": name}
        found = steps(full, devices.QUERIES["devices"], page)
        read = [
            step["Actual Rows"] * step["Actual Loops"]
            for step in found
            if step.get("Relation Name") == "devices"
        ]
        assert max(read) < 3_000, (viewer, text)


def test_agreements_are_not_worked_out_for_each_device_that_a_search_finds(
    full: psycopg.Connection,
) -> None:
    owner = Scope(tenants=("tenant-1",))
    wanted = {**dict.fromkeys(devices.FILTERS), **search("device-0001")}
    page = {**wanted, "after": None, "limit": 51, "kind": "tenant", "viewer": "tenant-1"}
    found = steps(full, devices.QUERIES["devices"], {**page, **owner.parameters()})
    asked = [step for step in found if "guests_of" in str(step.get("Output"))]
    assert [step["Actual Loops"] for step in asked] == [1]
    # That needs no plan of its own each time: the function has it.
    assert "agreements" not in {step.get("Relation Name") for step in found}


def test_an_agreement_is_found_by_its_reader_where_the_plan_is_kept(
    full: psycopg.Connection,
) -> None:
    query = b"SELECT * FROM device_guests WHERE kind = %(kind)s AND viewer = %(viewer)s"
    for kind, name in (("tenant", "tenant-1"), ("park", "park-1")):
        full.execute("SET plan_cache_mode = force_generic_plan")
        found = steps(full, query, {"kind": kind, "viewer": name})
        full.execute("RESET plan_cache_mode")
        assert scanned_whole(found) == set()


@pytest.mark.parametrize("viewer", VIEWERS)
def test_one_device_or_tenant_is_found_by_its_key(full: psycopg.Connection, viewer: str) -> None:
    scope = VIEWERS[viewer].parameters()
    for query, key in (
        (devices.QUERIES["device"], "device-000001"),
        (tenants.QUERIES["tenant"], "tenant-1"),
    ):
        found = steps(full, query, {**scope, "id": key})
        assert scanned_whole(found) == set()
        assert found[0]["Actual Rows"] == 1


@pytest.mark.parametrize("viewer", VIEWERS)
def test_a_list_of_tenants_reads_indexes(full: psycopg.Connection, viewer: str) -> None:
    [(kind, name)] = VIEWERS[viewer].viewers
    page = {"park_id": None, "after": None, "limit": 51, **search(None)}
    found = steps(full, tenants.QUERIES["tenants"], {**page, "kind": kind, "viewer": name})
    assert scanned_whole(found) == set()


def test_an_owner_finds_people_by_indexes(full: psycopg.Connection) -> None:
    owner = people.Viewer(1, False, ("tenant-0",))
    page = {"id": None, "email": None, "after": None, "limit": 51, **search(None)}
    found = steps(full, people.QUERIES["users"], {**owner.parameters(), **page})
    assert scanned_whole(found) == set()
