"""What people change in Grafana stays, and what changes in the platform follows."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dashboards.catalogue import park_dashboards
from dashboards.wanted import folder_of, organisations
from storage.grafana import Memory
from tests.integration.dashboards.place import ACME, BOARD, Place, words


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


@pytest.fixture
def indonesian(place: Place) -> Iterator[Place]:
    """The sync has run, and then tenant and park have chosen Indonesian."""
    place.sync()
    for table in ("tenants", "parks"):
        place.connection.execute(f"UPDATE {table} SET language = 'id'".encode())
    yield place
    for table in ("tenants", "parks"):
        place.connection.execute(f"UPDATE {table} SET language = 'en'".encode())


def test_dashboards_and_alerts_follow_the_language_of_their_tenant_and_park(
    indonesian: Place,
) -> None:
    changed = words(indonesian.sync())
    in_park, rest = changed[: len(park_dashboards())], changed[len(park_dashboards()) :]
    assert "change Cimahi (park cimahi): dashboard Ringkasan armada perangkat" in in_park
    assert all(each.startswith("change Cimahi (park cimahi): dashboard ") for each in in_park)
    assert rest == [
        f"change {ACME}: alert rule Perangkat senyap",
        f"change {ACME}: alert rule Nilai di luar rentang",
        f"change {ACME}: alert rule Banyak penolakan",
        f"change {ACME}: alert rule Data tidak lengkap",
        # In the language of the tenant that shows the device.
        "change Technopark showcases: dashboard Roof <1> · Acme Solar",
    ]
    grafana = indonesian.grafana
    summary = grafana.org(ACME)["rules"]["technopark-silent"]["annotations"]["summary"]
    assert summary.startswith("{{ $labels.device }} sudah senyap selama {{")
    [shown] = grafana.org("Technopark showcases")["dashboards"].values()
    board = shown["versions"][-1]["data"]
    assert board["description"] == (
        "Ditampilkan oleh Acme Solar sampai 2099-12-31, tertunda 60 menit dan dibulatkan."
    )
    operators = grafana.org("Technopark operators")["dashboards"]["technopark-fleet"]
    assert operators["versions"][-1]["data"]["title"] == "Fleet overview"
    assert indonesian.sync().changes == []


def test_operators_read_the_language_of_their_setting(place: Place) -> None:
    place.sync()
    wanted = Memory(place.connection).wanted()
    chosen = next(organisations(wanted, bytes.decode, "id"))
    others = [each for each in place.wanted() if each.key != chosen.key]
    plan = place.sync(wanted=[chosen, *others])
    assert words(plan) == [
        f"change Technopark operators: dashboard {board['title']}"
        for board in chosen.dashboards.values()
    ]
    assert chosen.dashboards["technopark-fleet"]["title"] == "Ringkasan armada perangkat"
    assert place.sync(wanted=[chosen, *others]).changes == []


def test_peoples_own_routes_stay_in_the_notification_policy(place: Place) -> None:
    place.sync()
    policy = place.grafana.org(ACME)["policy"]
    policy["routes"] = [{"receiver": "grafana-default-email", "continue": True}]
    place.sync()
    receivers = [route["receiver"] for route in place.grafana.org(ACME)["policy"]["routes"]]
    assert receivers == ["Technopark", "grafana-default-email"]
