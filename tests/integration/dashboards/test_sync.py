"""Grafana is brought to what the real database says."""

from __future__ import annotations

import json

import psycopg
import pytest

from dashboards.catalogue import operator_dashboards, park_dashboards
from dashboards.wanted import folder_of, name_of
from storage.errors import StorageError
from storage.grafana import Memory
from tests.integration.dashboards.place import ACME, Place, words


def test_a_tenant_gets_its_organisation_with_all_that_is_in_it(place: Place) -> None:
    plan = place.sync()
    assert plan.failures == []
    org = place.grafana.org(ACME)
    assert list(org["folders"]) == [folder_of("tenant:acme")]
    source = org["sources"]["technopark"]
    assert source["user"].startswith("g_")
    assert list(org["dashboards"]) == ["technopark-home"]
    assert set(org["rules"]) == {
        "technopark-silent",
        "technopark-range",
        "technopark-rejections",
        "technopark-completeness",
    }
    assert set(org["points"]) > {"technopark-email", "technopark-telegram", "technopark-webhook"}
    assert org["policy"]["routes"][0]["receiver"] == "Technopark"
    people = place.grafana.snapshot()["orgs"]
    roles = next(each["users"] for each in people.values() if each["name"] == ACME)
    assert roles == {
        "admin@localhost": "Admin",
        "maria+grafana@acme.example": "Editor",
        "mentor@itb.example": "Viewer",
    }
    # Nobody of a tenant is let into the organisation that Grafana begins with.
    assert place.grafana.state["orgs"]["1"]["users"] == {"1": "Admin"}


def test_operators_parks_and_what_is_public_have_organisations_of_their_own(place: Place) -> None:
    place.sync()
    operators = place.grafana.org("Technopark operators")
    assert operators["dashboards"].keys() == operator_dashboards().keys()
    assert operators["sources"]["technopark"]["user"] == "technopark_operators"
    park = place.grafana.org("Cimahi (park cimahi)")
    assert park["dashboards"].keys() == park_dashboards().keys()
    assert park["sources"]["technopark"]["user"].startswith("p_")
    assert sorted(park["users"].values()) == ["Admin", "Editor"]
    public = place.grafana.org("Technopark showcases")
    assert public["sources"]["technopark"]["user"] == "technopark_showcase"
    assert public["users"] == {"1": "Admin"}
    (link,) = public["public"].values()
    row = place.connection.execute("SELECT access_token FROM showcases").fetchone()
    assert row
    assert link["accessToken"] == row[0]
    assert "Roof <1>" in json.dumps(public["dashboards"])


def test_the_second_sync_changes_nothing(place: Place) -> None:
    first = place.sync()
    before, asked = place.grafana.snapshot(), len(place.grafana.asked)
    second = place.sync()
    writes = [line for line in place.grafana.asked[asked:] if not line.startswith("GET ")]
    assert (second.changes, second.failures, writes) == ([], [], [])
    assert place.grafana.snapshot() == before
    reads = len(place.grafana.asked) - asked
    figures = f"first sync: {len(first.changes)} changes, {asked} requests"
    print(f"{figures}; second: 0 changes, {reads} requests, 0 writes")  # noqa: T201


def test_a_dry_run_tells_what_the_sync_does_then_and_does_nothing(place: Place) -> None:
    before = place.grafana.snapshot()
    planned = place.sync(dry=True)
    assert place.grafana.snapshot() == before
    assert Memory(place.connection).organisations() == {}
    assert words(place.sync()) == words(planned)


def test_no_secret_is_in_the_plan(place: Place) -> None:
    told = json.dumps(place.sync().as_json())
    assert "secret" not in told
    for org in place.grafana.state["orgs"].values():
        for source in org["sources"].values():
            assert source["secureJsonData"]["password"] not in told


def test_the_data_source_gets_a_new_password_only_where_it_does_not_get_in(place: Place) -> None:
    place.sync()
    source = place.grafana.org(ACME)["sources"]["technopark"]
    password = source["secureJsonData"]["password"]
    place.sync()
    assert (
        place.grafana.org(ACME)["sources"]["technopark"]["secureJsonData"]["password"] == password
    )
    place.connection.execute(f"ALTER ROLE {source['user']} PASSWORD 'another'".encode())
    plan = place.sync()
    assert [step.what for step in plan.changes] == ["password of the data source"]
    assert place.sync().changes == []


def test_a_tenants_own_password_for_sql_does_not_shut_grafana_out(place: Place) -> None:
    place.sync()
    row = place.connection.execute(
        "SELECT role FROM sql_access WHERE tenant_id = 'acme'"
    ).fetchone()
    assert row
    place.connection.execute(f"ALTER ROLE {row[0]} NOLOGIN PASSWORD NULL".encode())
    assert place.sync().changes == []


def test_names_of_tenants_may_be_odd_long_and_equal() -> None:
    odd = "Ünï / <b>'\"%s {{x}} $__all" + "x" * 200
    assert len(name_of("acme", odd)) <= 190
    assert name_of("acme", odd).endswith(" (acme)")
    assert name_of("a1", "Same") != name_of("a2", "Same")


def test_two_syncs_do_not_run_at_once(place: Place) -> None:
    with psycopg.connect(place.url, autocommit=True) as other:
        Memory(other).lock()
        with pytest.raises(StorageError, match="another sync is running"):
            Memory(place.connection).lock()
