"""What everybody may see of a device: late, rounded, of the chosen metrics, until its last day."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from cli.api import Api, ApiError
from tests.conftest import cloned
from tests.integration.registry.conftest import (
    RunningRegistry,
    World,
    populate,
    registry_settings,
    serving,
)
from tests.parts import free_port

HOURS = """
INSERT INTO series (device_id, metric, kind, unit) VALUES
    ('sunny-1', 'power', 'number', 'kW'), ('sunny-1', 'price', 'number', NULL);
INSERT INTO readings SELECT id, now() - hours * INTERVAL '1 hour', 1.26 + hours
    FROM series, unnest(ARRAY[0.1, 2, 30]) hours;
"""


@dataclass
class Place:
    """One registry, and the login by which the public dashboards read."""

    registry: RunningRegistry
    connection: psycopg.Connection[Any]
    world: World
    url: str

    def as_(self, who: str) -> Api:
        return self.registry.as_(self.world.tokens[who])

    def share(self, **terms: object) -> dict[str, Any]:
        """Show Sunny's device: two days back, an hour late."""
        two_days_ago = (datetime.now(UTC) - timedelta(days=2)).date()
        body = {"device_id": "sunny-1", "last_day": "2099-12-31"}
        made = {**body, "history_from": str(two_days_ago), **terms}
        shown: dict[str, Any] = self.as_("owner").post("showcases", made)
        return shown

    def seen(self, showcase: dict[str, Any]) -> list[tuple[str, float]]:
        """What Grafana reads for a showcase, the newest last."""
        with psycopg.connect(self.url) as public:
            return public.execute(
                "SELECT metric, value FROM showcase_readings WHERE showcase = %s "
                "ORDER BY metric, ts",
                [showcase["id"]],
            ).fetchall()


@pytest.fixture(scope="module")
def place(server: str, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("showcases")
    with (
        cloned(server, template) as url,
        psycopg.connect(url, autocommit=True) as connection,
        serving(
            registry_settings(
                url,
                folder,
                free_port(),
                grafana_public_url="https://grafana.example/g/",
                identity_key="a-key-of-many-letters",
            ),
            connection,
        ) as registry,
    ):
        world = populate(connection)
        connection.execute(HOURS.encode())
        connection.execute("ALTER ROLE technopark_showcase LOGIN PASSWORD 'known'")
        public = make_conninfo(url, user="technopark_showcase", password="known")
        yield Place(registry, connection, world, public)
        connection.execute("ALTER ROLE technopark_showcase NOLOGIN PASSWORD NULL")


def refused(call: Any, *arguments: object) -> ApiError:
    with pytest.raises(ApiError) as error:
        call(*arguments)
    return error.value


def test_everybody_sees_chosen_metrics_late_and_rounded(place: Place) -> None:
    shown = place.share(metrics=["power"], decimals=1, delay_seconds=3600)
    assert place.seen(shown) == [("power", 31.3), ("power", 3.3)]
    assert shown["link"].startswith("https://grafana.example/g/public-dashboards/")


def test_without_delay_and_choice_everything_from_the_chosen_day_on_is_seen(place: Place) -> None:
    day = (datetime.now(UTC) - timedelta(hours=3)).date()
    shown = place.share(delay_seconds=0, decimals=-1, history_from=str(day))
    kept = {value for _, value in place.seen(shown)}
    assert kept == {0.0}
    assert {metric for metric, _ in place.seen(shown)} == {"power", "price"}


def test_another_showcase_of_the_device_takes_the_place_of_the_one_before_with_its_link(
    place: Place,
) -> None:
    first = place.share(metrics=["power"])
    second = place.share(metrics=["price"])
    assert second["link"] == first["link"]
    assert place.seen(first) == []
    assert {metric for metric, _ in place.seen(second)} == {"price"}
    states = {
        row["id"]: row["state"] for row in place.as_("viewer").items("showcases", tenant_id="sunny")
    }
    assert (states[first["id"]], states[second["id"]]) == ("ended", "running")


@pytest.mark.parametrize(
    ("end", "undo"),
    [
        (
            "UPDATE showcases SET history_from = '2020-01-01', last_day = current_date - 2",
            "UPDATE showcases SET last_day = '2099-12-31'",
        ),
        (
            "UPDATE devices SET tenant_id = 'guest' WHERE id = 'sunny-1'",
            "UPDATE devices SET tenant_id = 'sunny' WHERE id = 'sunny-1'; "
            "DELETE FROM device_owners WHERE tenant_id = 'guest' AND device_id = 'sunny-1'",
        ),
        (
            "UPDATE devices SET stage = 'retired', retired_at = now() WHERE id = 'sunny-1'",
            "UPDATE devices SET stage = 'pilot', retired_at = NULL WHERE id = 'sunny-1'",
        ),
    ],
    ids=["the last day is over", "the device is another's", "the device is retired"],
)
def test_a_showcase_ends_by_itself(place: Place, end: str, undo: str) -> None:
    shown = place.share()
    assert place.seen(shown)
    place.connection.execute(end.encode())
    try:
        assert place.seen(shown) == []
    finally:
        place.connection.execute(undo.encode())


def test_an_owner_ends_a_showcase_at_once_and_only_once(place: Place) -> None:
    shown = place.share()
    ended = place.as_("owner").post(f"showcases/{shown['id']}/end")
    assert ended["state"] == "ended"
    assert place.seen(shown) == []
    error = refused(place.as_("owner").post, f"showcases/{shown['id']}/end")
    assert (error.status, str(error)) == (409, "this showcase was ended before")


def test_what_others_measured_in_a_slot_is_never_shown(place: Place) -> None:
    shown = place.share(metrics=["power"], history_from="2020-01-01")
    place.connection.execute(
        "INSERT INTO bookings (device_id, tenant_id, during) VALUES ('sunny-1', 'guest', "
        "tstzrange(now() - INTERVAL '31 hours', now() - INTERVAL '29 hours'))"
    )
    try:
        assert place.seen(shown) == [("power", 3.3)]
    finally:
        place.connection.execute("DELETE FROM bookings")


def test_the_role_of_public_dashboards_reads_nothing_but_that_view(place: Place) -> None:
    readable = place.connection.execute(
        """
        SELECT c.oid::regclass::text FROM pg_class c
        WHERE c.relkind IN ('r', 'v', 'm', 'p', 'f', 'S')
          AND has_table_privilege('technopark_showcase', c.oid, 'SELECT')
          AND NOT EXISTS (SELECT FROM aclexplode(c.relacl) a WHERE a.grantee = 0)
        """
    ).fetchall()
    assert readable == [("showcase_readings",)]
    with psycopg.connect(place.url, autocommit=True) as public:
        for query in ("SELECT * FROM showcases", "SELECT * FROM readings", "CREATE TABLE x ()"):
            with pytest.raises(psycopg.errors.Error):
                public.execute(query.encode())


def test_only_an_owner_shows_a_device_and_only_until_a_day_that_comes(place: Place) -> None:
    body = {"device_id": "sunny-1", "last_day": "2099-12-31"}
    assert refused(place.as_("member").post, "showcases", body).status == 403
    assert refused(place.as_("stranger").post, "showcases", body).status == 422
    old = {**body, "last_day": str(date(2020, 1, 1))}
    assert "this day is over" in str(refused(place.as_("owner").post, "showcases", old))
    early = {**body, "history_from": "2100-01-01"}
    assert "before history_from" in str(refused(place.as_("owner").post, "showcases", early))


def test_the_log_tells_of_a_showcase_without_its_token(place: Place) -> None:
    shown = place.share()
    entry = next(iter(place.as_("owner").items("audit", kind="showcase")))
    assert entry["subject"] == str(shown["id"])
    assert "access_token" not in entry["after"]
    assert entry["after"]["decimals"] == 1


def test_alerts_begin_with_defaults_and_keep_what_is_not_named(place: Place) -> None:
    owner = place.as_("owner")
    assert owner.get("tenants/sunny/alerts") == {
        "tenant_id": "sunny",
        "silent_minutes": 60,
        "out_of_range": True,
        "rejected_percent": 5,
        "complete_percent": 80,
        "emails": [],
        "telegram_chat": None,
        "has_telegram_token": False,
        "has_webhook": False,
    }
    owner.patch("tenants/sunny/alerts", {"silent_minutes": None, "emails": ["ops@sunny.example"]})
    changed = owner.patch("tenants/sunny/alerts", {"rejected_percent": 2.5})
    assert (changed["silent_minutes"], changed["rejected_percent"]) == (None, 2.5)
    assert changed["emails"] == ["ops@sunny.example"]


def test_secrets_of_contact_points_are_encrypted_and_never_shown(place: Place) -> None:
    token = "123456:" + "s" * 35
    url = "https://hooks.example.org/very-secret"
    owner = place.as_("owner")
    answer = owner.patch("tenants/sunny/alerts", {"telegram_token": token, "webhook_url": url})
    assert (answer["has_telegram_token"], answer["has_webhook"]) == (True, True)
    rows = place.connection.execute(
        "SELECT encode(telegram_token, 'escape') || encode(webhook_url, 'escape') "
        "FROM alert_settings UNION ALL SELECT to_jsonb(l)::text FROM audit_log l"
    ).fetchall()
    told = str(rows) + str(answer)
    assert token not in told
    assert url not in told
    assert not owner.patch("tenants/sunny/alerts", {"webhook_url": None})["has_webhook"]


@pytest.mark.parametrize(
    "url", ["http://hooks.example.org/x", "https://127.0.0.1/x", "https://10.1.2.3", "https://db"]
)
def test_a_webhook_leads_out_of_the_platform(place: Place, url: str) -> None:
    error = refused(place.as_("owner").patch, "tenants/sunny/alerts", {"webhook_url": url})
    assert (error.status, "outside of the platform" in str(error)) == (422, True)
