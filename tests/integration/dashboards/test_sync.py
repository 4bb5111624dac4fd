"""Grafana is brought to what the real database says, whatever goes wrong on the way."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from pydantic import SecretStr

from dashboards.grafana import Address, GrafanaError, RefusedError, UnavailableError
from dashboards.plan import Plan
from dashboards.site import Source
from dashboards.sync import Sync
from dashboards.wanted import OPERATORS, Organisation, folder_of, name_of, organisations
from storage.errors import StorageError
from storage.grafana import Memory
from tests.conftest import cloned
from tests.integration.dashboards.fake_grafana import SLOW, FakeGrafana, running_grafana
from tests.parts import free_port

BOARD = {"uid": "technopark-home", "title": "Tenant home", "panels": []}
ACME = "Acme Solar (acme)"

WORLD = """
INSERT INTO parks (id, name, time_zone) VALUES ('cimahi', 'Cimahi', 'Asia/Jakarta');
INSERT INTO tenants (id, name, kind) VALUES ('acme', 'Acme Solar', 'startup');
INSERT INTO users (email, name) VALUES
    ('Maria+grafana@acme.example', 'Maria'), ('mentor@itb.example', 'Mentor'),
    ('admin@park.example', 'Admin'), ('manager@park.example', 'Manager'),
    ('former@acme.example', 'Former');
INSERT INTO memberships (user_id, role, tenant_id)
    SELECT id, CASE name WHEN 'Maria' THEN 'tenant-owner' ELSE 'mentor' END, 'acme'
    FROM users WHERE name IN ('Maria', 'Mentor');
INSERT INTO memberships (user_id, role, park_id)
    SELECT id, 'park-manager', 'cimahi' FROM users WHERE name = 'Manager';
INSERT INTO memberships (user_id, role) SELECT id, 'platform-admin' FROM users WHERE name = 'Admin';
INSERT INTO memberships (user_id, role, tenant_id, until)
    SELECT id, 'tenant-owner', 'acme', '2026-01-01' FROM users WHERE name = 'Former';
INSERT INTO devices (id, tenant_id, name) VALUES ('acme-1', 'acme', 'Roof <1>');
INSERT INTO showcases (device_id, tenant_id, history_from, last_day, delay, decimals)
    VALUES ('acme-1', 'acme', '2026-01-01', '2099-12-31', '1 hour', 1);
"""
ALERTS = """
INSERT INTO alert_settings (tenant_id, emails, telegram_chat, telegram_token, webhook_url)
    VALUES ('acme', '{ops@acme.example}', '42', 'bot-secret', 'https://hook.example/secret');
"""
FORGET = """
TRUNCATE grafana_organisations, grafana_people, grafana_users;
"""


class KilledError(Exception):
    """The sync is no more."""


@dataclass
class Place:
    """A Grafana beside a real database with one tenant."""

    grafana: FakeGrafana
    connection: psycopg.Connection[Any]
    url: str

    @property
    def source(self) -> Source:
        own = conninfo_to_dict(self.url)
        return Source(f"{own['host']}:{own['port']}", str(own["dbname"]))

    def wanted(self) -> list[Organisation]:
        """What there should be; the tenant's dashboards are one."""
        found = organisations(Memory(self.connection).wanted(), bytes.decode)
        boards = {BOARD["uid"]: BOARD}
        return [
            Organisation(**{**vars(each), "dashboards": boards})
            if each.key.startswith("tenant:")
            else each
            for each in found
        ]

    def sync(
        self,
        *,
        dry: bool = False,
        kill: bool = False,
        address: Address | None = None,
        timeout: float = 20,
        wanted: list[Organisation] | None = None,
    ) -> Plan:
        """One run; ``kill``: what would be answered by a pause is its end."""

        def pause(_seconds: float) -> None:
            if kill:
                raise KilledError

        memory = Memory(self.connection)
        where = address or self.grafana.address
        sync = Sync(where, memory, self.source, Plan(dry), sleep=pause, timeout=timeout)
        return sync.run(self.wanted() if wanted is None else wanted)


@pytest.fixture(scope="module")
def shared(server: str, template: str) -> Iterator[Place]:
    with (
        running_grafana() as grafana,
        cloned(server, template) as url,
        psycopg.connect(url, autocommit=True) as connection,
    ):
        connection.execute((WORLD + ALERTS).encode())
        yield Place(grafana, connection, url)


@pytest.fixture
def place(shared: Place) -> Place:
    """The same world each time; what a test does in the database it undoes."""
    shared.grafana.reset()
    shared.connection.execute(FORGET.encode())
    return shared


def fails_once(at: int, when: str, number: int, moment: str) -> int | None:
    """The fault of one request, before or after its effect."""
    return 503 if (number, moment) == (at, when) else None


def words(plan: Plan) -> list[str]:
    return [f"{step.verb} {step.organisation}: {step.what}" for step in plan.steps]


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
    assert list(operators["dashboards"]) == ["technopark-fleet"]
    assert operators["sources"]["technopark"]["user"] == "technopark_operators"
    park = place.grafana.org("Cimahi (park cimahi)")
    assert list(park["dashboards"]) == ["technopark-fleet"]
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


def test_a_sync_that_is_killed_at_any_request_and_repeated_ends_in_the_same_state(
    place: Place,
) -> None:
    # A tenant's organisation and the public one; the others have nothing that these have not.
    keys = ("tenant:acme", "showcases")
    kills, wanted = 0, [each for each in place.wanted() if each.key in keys]
    place.sync(wanted=wanted)
    whole, requests = place.grafana.snapshot(), list(place.grafana.asked)
    for number, request in enumerate(requests, 1):
        # Reading has no effect: to be killed after it is to be killed before the next.
        for moment in ("before",) if request.startswith("GET") else ("before", "after"):
            place.grafana.reset()
            place.connection.execute(FORGET.encode())
            place.grafana.fault = partial(fails_once, number, moment)
            with pytest.raises(KilledError):
                place.sync(kill=True, wanted=wanted)
            assert place.sync(wanted=wanted).failures == []
            assert place.grafana.snapshot() == whole, f"killed {moment} {request}, {number}"
            kills += 1
    print(f"killed at {kills} moments of {len(requests)} requests: the same state")  # noqa: T201


def test_errors_of_grafana_on_the_way_are_outlasted(place: Place) -> None:
    place.sync()
    whole = place.grafana.snapshot()
    place.grafana.reset()
    place.connection.execute(FORGET.encode())
    # An organisation takes fewer requests than lie between two failures.
    place.grafana.fault = lambda n, m: 502 if n % 40 == 7 and m == "after" else None
    plan = place.sync()
    assert plan.failures == []
    assert place.grafana.snapshot() == whole


def test_an_answer_that_comes_too_late_is_outlasted(place: Place) -> None:
    place.grafana.fault = lambda n, m: SLOW if (n, m) == (3, "after") else None
    assert place.sync(timeout=0.3).failures == []
    assert [org["name"] for org in place.grafana.state["orgs"].values()].count(ACME) == 1


def test_a_grafana_that_stays_broken_ends_the_sync_with_a_sentence(place: Place) -> None:
    place.grafana.fault = lambda n, _moment: 503 if n > 5 else None
    with pytest.raises(UnavailableError, match="answered 503: something broke"):
        place.sync()


def test_no_grafana_is_said_so(place: Place) -> None:
    address = Address(
        place.grafana.address.url.__class__(f"http://127.0.0.1:{free_port()}"),
        "admin",
        SecretStr("x"),
    )
    with pytest.raises(UnavailableError, match=r"Grafana at http://127.0.0.1:\d+ does not answer"):
        place.sync(address=address)


def test_a_wrong_password_and_a_token_are_told_apart(place: Place) -> None:
    url = place.grafana.address.url
    with pytest.raises(RefusedError, match=r"does not let admin do this .401.* server admin"):
        place.sync(address=Address(url, "admin", SecretStr("wrong")))
    with pytest.raises(GrafanaError, match="token counts in one organisation only"):
        place.sync(address=Address(url, "admin", SecretStr("glsa_x")))


def test_a_grafana_that_is_too_old_is_told_which_version_it_takes(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(place.grafana, "version", "10.4.19")
    with pytest.raises(GrafanaError, match=r"is version 10\.4\.19: the sync needs 11\.0 or newer"):
        place.sync()


def test_a_dashboard_that_somebody_changed_is_kept_and_told(place: Place) -> None:
    place.sync()
    place.grafana.edit(ACME, "technopark-home", "Mine")
    plan = place.sync()
    assert plan.changes == []
    assert f"keep {ACME}: dashboard Tenant home: somebody has changed it" in words(plan)
    versions = place.grafana.org(ACME)["dashboards"]["technopark-home"]["versions"]
    assert versions[-1]["data"]["title"] == "Mine"


def test_a_dashboard_that_is_another_by_now_is_saved_and_one_that_is_no_more_removed(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.sync()
    mine = {"uid": "mine", "title": "Mine", "version": 0}
    org = place.grafana.org(ACME)
    versions = [{"version": 1, "message": "", "data": mine}]
    org["dashboards"]["mine"] = {"folder": folder_of("tenant:acme"), "versions": versions}
    monkeypatch.setitem(BOARD, "title", "Home")
    assert [step.what for step in place.sync().changes] == ["dashboard Home"]
    monkeypatch.setitem(BOARD, "uid", "technopark-other")
    steps = [(step.verb, step.what) for step in place.sync().changes]
    assert steps == [("create", "dashboard Home"), ("remove", "dashboard Home")]
    assert set(org["dashboards"]) == {"technopark-other", "mine"}


def test_an_organisation_follows_the_name_of_its_tenant_and_survives_a_rename_in_grafana(
    place: Place,
) -> None:
    place.sync()
    numbers = set(place.grafana.state["orgs"])
    place.grafana.org(ACME)["name"] = "Renamed by hand"
    place.connection.execute("UPDATE tenants SET name = 'Acme Sun' WHERE id = 'acme'")
    try:
        changes = place.sync().changes
    finally:
        place.connection.execute("UPDATE tenants SET name = 'Acme Solar' WHERE id = 'acme'")
    assert [(step.verb, step.what) for step in changes] == [
        ("change", "name of the organisation, was Renamed by hand"),
        # What everybody sees names the tenant too.
        ("change", "dashboard Roof <1> · Acme Sun"),
    ]
    assert set(place.grafana.state["orgs"]) == numbers
    assert place.grafana.org("Acme Sun (acme)")["dashboards"]


def test_a_new_grafana_whose_numbers_mean_others_is_not_taken_for_the_old_one(
    place: Place,
) -> None:
    place.sync()
    place.grafana.reset()
    for name in ("Somebody's", "Another's", "A third's", "A fourth's"):
        place.grafana.state["last_org"] += 1
        number = str(place.grafana.state["last_org"])
        place.grafana.state["orgs"][number] = {
            **place.grafana.state["orgs"]["1"],
            "name": name,
            "users": {"1": "Admin"},
        }
    assert place.sync().failures == []
    names = {org["name"] for org in place.grafana.state["orgs"].values()}
    assert {"Somebody's", "Another's", "A third's", "A fourth's", ACME} < names


def test_who_leaves_the_tenant_is_put_out_and_who_was_let_in_by_hand_stays(place: Place) -> None:
    place.sync()
    place.grafana.state["users"]["99"] = {"login": "guest", "email": "guest@x.example", "name": "G"}
    place.grafana.org(ACME)["users"]["99"] = "Viewer"
    place.connection.execute("UPDATE memberships SET until = '2026-01-01' WHERE role = 'mentor'")
    try:
        plan = place.sync()
    finally:
        place.connection.execute("UPDATE memberships SET until = NULL WHERE role = 'mentor'")
    assert [(s.verb, s.what) for s in plan.changes] == [
        ("remove", "mentor@itb.example"),
        # Made by the sync, and in no organisation any more.
        ("remove", "user mentor@itb.example"),
    ]
    assert f"keep {ACME}: guest@x.example: let in by hand" in words(plan)
    assert "99" in place.grafana.org(ACME)["users"]


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


def test_a_database_that_grafana_does_not_reach_is_a_warning(place: Place) -> None:
    place.sync()
    closed = Source(f"127.0.0.1:{free_port()}", place.source.database)
    for org in place.grafana.state["orgs"].values():
        for source in org["sources"].values():
            source["url"] = closed.address
    memory = Memory(place.connection)
    plan = Sync(place.grafana.address, memory, closed, Plan(False)).run(place.wanted())
    assert plan.changes == []
    assert sum(step.verb == "warn" for step in plan.steps) == 4


def test_a_contact_point_that_grafana_refuses_is_told_without_its_secret(place: Place) -> None:
    place.connection.execute("UPDATE alert_settings SET webhook_url = 'nonsense-and-secret'")
    try:
        plan = place.sync()
    finally:
        place.connection.execute("UPDATE alert_settings SET webhook_url = 'https://h/s'")
    (failure,) = plan.failures
    assert failure.startswith(f"{ACME}: Grafana at http")
    assert "secret" not in failure
    # The others were not kept waiting.
    assert place.grafana.org("Technopark showcases")["public"]
    place.connection.execute("DELETE FROM alert_settings")
    try:
        assert place.sync().failures == []
        assert place.grafana.org(ACME)["policy"]["routes"] == []
        assert set(place.grafana.org(ACME)["points"]) == {"default"}
    finally:
        place.connection.execute(ALERTS.encode())


def test_peoples_own_routes_stay_in_the_notification_policy(place: Place) -> None:
    place.sync()
    policy = place.grafana.org(ACME)["policy"]
    policy["routes"] = [{"receiver": "grafana-default-email", "continue": True}]
    place.sync()
    receivers = [route["receiver"] for route in place.grafana.org(ACME)["policy"]["routes"]]
    assert receivers == ["Technopark", "grafana-default-email"]


def test_a_showcase_that_has_ended_is_taken_down(place: Place) -> None:
    place.sync()
    place.connection.execute("UPDATE showcases SET ended_at = now()")
    try:
        steps = [(step.verb, step.what) for step in place.sync().changes]
    finally:
        place.connection.execute("UPDATE showcases SET ended_at = NULL")
    assert [verb for verb, _ in steps] == ["remove", "remove"]
    assert place.grafana.org("Technopark showcases")["public"] == {}
    assert place.grafana.org("Technopark showcases")["dashboards"] == {}


def gone(place: Place) -> Plan:
    """A sync after the tenant was deleted."""
    memory = Memory(place.connection)
    wanted = [each for each in place.wanted() if each.key != "tenant:acme"]
    sync = Sync(place.grafana.address, memory, place.source, Plan(False), sleep=lambda _: None)
    return sync.run(wanted)


def test_the_organisation_of_a_tenant_that_is_gone_is_removed(place: Place) -> None:
    place.sync()
    place.grafana.org("Main Org.")["users"]["5"] = "Viewer"
    steps = [(s.verb, s.organisation, s.what) for s in gone(place).changes]
    # The other user is in an organisation of others by now.
    assert steps == [
        ("remove", ACME, "organisation"),
        ("remove", "Grafana", "user maria+grafana@acme.example"),
    ]
    assert gone(place).changes == []
    assert set(Memory(place.connection).organisations()) == {OPERATORS, "showcases", "park:cimahi"}


def test_an_organisation_that_we_may_not_look_into_is_told_and_not_forgotten(place: Place) -> None:
    place.sync()
    del place.grafana.org(ACME)["users"]["1"]
    (failure,) = gone(place).failures
    assert f"admin is not in organisation {ACME}" in failure
    place.grafana.org(ACME)["users"]["1"] = "Admin"
    assert gone(place).failures == []
    assert "tenant:acme" not in Memory(place.connection).organisations()


def test_whoever_leaves_is_put_out_though_grafana_refuses_the_tenants_webhook(
    place: Place,
) -> None:
    place.sync()
    place.connection.execute("UPDATE memberships SET until = '2026-01-01' WHERE role = 'mentor'")
    place.connection.execute("UPDATE alert_settings SET webhook_url = 'nonsense'")
    try:
        assert len(place.sync().failures) == 1
    finally:
        place.connection.execute("UPDATE memberships SET until = NULL WHERE role = 'mentor'")
        place.connection.execute("UPDATE alert_settings SET webhook_url = 'https://h/s'")
    assert len(place.grafana.org(ACME)["users"]) == 2


def test_what_people_made_outlives_the_tenant_without_its_data(place: Place) -> None:
    place.sync()
    place.grafana.edit(ACME, "technopark-home", "Mine")
    plan = gone(place)
    assert f"keep {ACME}: organisation: people made 1 dashboards in it" in words(plan)
    org = place.grafana.org(ACME)
    assert org["dashboards"]
    assert (org["sources"], org["rules"], org["users"]) == ({}, {}, {"1": "Admin"})
    assert gone(place).changes == []


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


def test_the_role_that_grafana_has_for_a_tenant_goes_with_the_tenant(place: Place) -> None:
    insert = "INSERT INTO tenants (id, name, kind) VALUES ('brief', 'Brief', 'startup')"
    place.connection.execute(insert)
    role, _ = Memory(place.connection).set_password("tenant:brief")
    place.connection.execute("DELETE FROM tenants WHERE id = 'brief'")
    found = place.connection.execute("SELECT FROM pg_roles WHERE rolname = %s", [role])
    assert found.fetchall() == []
