"""Whatever goes wrong on the way, a sync outlasts it or says so in a sentence."""

from __future__ import annotations

from functools import partial

import pytest
from pydantic import SecretStr

from dashboards.grafana import Address, GrafanaError, RefusedError, UnavailableError
from dashboards.plan import Plan
from dashboards.site import Source
from dashboards.sync import Sync
from storage.grafana import Memory
from tests.integration.dashboards.fake_grafana import SLOW
from tests.integration.dashboards.place import ACME, ALERTS, KilledError, Place
from tests.parts import free_port


def fails_once(at: int, when: str, number: int, moment: str) -> int | None:
    """The fault of one request, before or after its effect."""
    return 503 if (number, moment) == (at, when) else None


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
            place.reset()
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
    place.reset()
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
