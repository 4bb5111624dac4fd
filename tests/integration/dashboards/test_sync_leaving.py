"""What is no more is removed from Grafana, but for what people made."""

from __future__ import annotations

from dashboards.plan import Plan
from dashboards.sync import Sync
from dashboards.wanted import OPERATORS
from storage.grafana import Memory
from tests.integration.dashboards.place import ACME, Place, words


def gone(place: Place) -> Plan:
    """A sync after the tenant was deleted."""
    memory = Memory(place.connection)
    wanted = [each for each in place.wanted() if each.key != "tenant:acme"]
    sync = Sync(place.grafana.address, memory, place.source, Plan(False), sleep=lambda _: None)
    return sync.run(wanted)


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


def test_what_people_made_outlives_the_tenant_without_its_data(place: Place) -> None:
    place.sync()
    place.grafana.edit(ACME, "technopark-home", "Mine")
    plan = gone(place)
    assert f"keep {ACME}: organisation: people made 1 dashboards in it" in words(plan)
    org = place.grafana.org(ACME)
    assert org["dashboards"]
    assert (org["sources"], org["rules"], org["users"]) == ({}, {}, {"1": "Admin"})
    assert gone(place).changes == []


def test_the_role_that_grafana_has_for_a_tenant_goes_with_the_tenant(place: Place) -> None:
    insert = "INSERT INTO tenants (id, name, kind) VALUES ('brief', 'Brief', 'startup')"
    place.connection.execute(insert)
    role, _ = Memory(place.connection).set_password("tenant:brief")
    place.connection.execute("DELETE FROM tenants WHERE id = 'brief'")
    found = place.connection.execute("SELECT FROM pg_roles WHERE rolname = %s", [role])
    assert found.fetchall() == []
