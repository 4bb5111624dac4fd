"""The audit log and the history of things, through the API and in the database."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest

from cli.api import Api, ApiError
from storage.accounts import hash_token
from tests.conftest import cloned
from tests.integration.registry.conftest import (
    RunningRegistry,
    World,
    populate,
    registry_settings,
    serving,
)
from tests.parts import free_port

Entry = dict[str, Any]
AUDITED = {
    "parks", "labs", "tenants", "users", "memberships", "tokens", "models", "model_metrics",
    "devices", "device_secrets", "provisioning_keys", "claim_codes", "bookings", "transfers",
    "transfer_devices", "agreements", "sql_passwords", "tenant_deletions", "passwords",
    "password_resets", "sessions", "provider_identities", "invitations", "authenticators",
    "alert_settings", "showcases", "archives", "data_imports", "retentions",
}  # fmt: skip
# What devices and the platform itself write.
UNAUDITED = {
    "audit_log", "schema_migrations", "series", "readings", "states", "flags", "latest",
    "rejections", "device_activity", "provisioned_devices", "device_search", "notices", "channels",
    "attempts", "idempotency_keys", "mails",
    "rollup_tens", "rollup_hours", "rollup_days", "rollup_progress", "rollup_stale",
    "retention_done", "arrivals", "device_statuses", "vitals", "vital_sets",
    # Follow what is logged of the device, of the transfer and of the tenant.
    "device_owners", "sql_access",
    # By nothing but their hash could the log name them.
    "recovery_codes",
    # What Grafana's sync remembers.
    "grafana_organisations", "grafana_people", "grafana_users",
    "park_access",
    # Says itself who sent it; the other changes are the device's answer.
    "commands",
}  # fmt: skip
UNLOGGED = {
    "tokens": {"sha256", "last_used_at"},
    "devices": {"attributes", "attributes_at", "changed_at", "home_park_id", "lab_park_id"},
    "device_secrets": {"hash", "offered_at"},
    "data_imports": {"done"},
    "provisioning_keys": {"sha256", "made"},
    "claim_codes": {"sha256"},
    # Of a transfer it is the time of the entry.
    "transfers": {"offered_at"},
    "agreements": {"reader"},
    "passwords": {"hash"},
    "password_resets": {"sha256"},
    "sessions": {"sha256", "last_used_at"},
    "invitations": {"sha256"},
    "authenticators": {"secret", "last_step"},
    "alert_settings": {"telegram_token", "webhook_url"},
    "showcases": {"access_token"},
}


@dataclass
class Place:
    """One registry and one world for all tests of this file, each with things of its own."""

    registry: RunningRegistry
    connection: psycopg.Connection
    world: World

    def as_(self, who: str) -> Api:
        """The API in somebody's name."""
        return self.registry.as_(self.world.tokens[who])

    def device(self, name: str) -> str:
        """The id of a new device of Sunny."""
        made = self.as_("owner").post("devices", {"tenant_id": "sunny", "name": name})
        return str(made["id"])


@pytest.fixture(scope="module")
def place(server: str, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    settings = tmp_path_factory.mktemp("audit")
    with (
        cloned(server, template) as url,
        psycopg.connect(url, autocommit=True) as connection,
        serving(registry_settings(url, settings, free_port()), connection) as registry,
    ):
        yield Place(registry, connection, populate(connection))


def entries(api: Api, **filters: str | int) -> list[Entry]:
    return list(api.items("audit", **filters))


def test_an_entry_tells_who_did_what_from_where(place: Place) -> None:
    device = place.device("Told")
    answer = place.registry.request(
        "PATCH",
        f"/api/v1/devices/{device}",
        place.world.tokens["member"],
        json={"stage": "pilot", "tags": ["roof"]},
        headers={"X-Request-ID": "case-42"},
    )
    assert answer.headers["X-Request-ID"] == "case-42"
    newest, *_ = entries(place.as_("owner"), subject=device)
    at, number = datetime.fromisoformat(newest.pop("at")), newest.pop("id")
    assert timedelta() <= datetime.now(at.tzinfo) - at < timedelta(minutes=1)
    assert number > 0
    token = place.as_("member").get("tokens")["items"][0]["id"]
    assert newest == {
        "operation": "changed",
        "kind": "device",
        "subject": device,
        "before": {"stage": "prototype", "tags": []},
        "after": {"stage": "pilot", "tags": ["roof"]},
        "user_id": place.world.ids["member"],
        "user_name": "member",
        "token_id": token,
        "program": "technopark-registry",
        "address": "127.0.0.1",
        "request_id": "case-42",
    }


@pytest.mark.parametrize("given", ["", "x" * 65, "a b", "<script>"])
def test_a_request_id_that_is_none_is_replaced(place: Place, given: str) -> None:
    answer = place.registry.request("GET", "/health/live", headers={"X-Request-ID": given})
    assert answer.headers["X-Request-ID"] not in ("", given)


def test_a_request_that_is_refused_or_changes_nothing_leaves_no_entry(place: Place) -> None:
    device, owner = place.device("Calm"), place.as_("owner")
    before = entries(owner, subject=device)
    owner.patch(f"devices/{device}", {"name": "Calm"})
    for who, body in (("viewer", {"name": "x"}), ("owner", {"model_id": "not-there"})):
        with pytest.raises(ApiError):
            place.as_(who).patch(f"devices/{device}", body)
    assert entries(owner, subject=device) == before


def test_no_secret_and_no_hash_is_ever_in_the_log(place: Place) -> None:
    owner = place.as_("owner")
    made = owner.post("devices", {"tenant_id": "sunny", "name": "Shy"})
    rotated = owner.post(f"devices/{made['id']}/secrets", {"overlap_seconds": 60})
    token = owner.post("tokens", {"name": "shy"})["token"]
    log = "\n".join(
        row[0] for row in place.connection.execute("SELECT to_jsonb(a)::text FROM audit_log a")
    )
    assert made["id"] in log
    for secret in (made["secret"], rotated["secret"], token):
        assert secret not in log
        assert hash_token(secret).hex() not in log
    hashes = place.connection.execute("SELECT hash FROM device_secrets").fetchall()
    assert hashes
    assert not any(hashed in log for (hashed,) in hashes)


def test_every_table_is_audited_or_known_to_be_written_by_devices(place: Place) -> None:
    tables = place.connection.execute(
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
    )
    assert {name for (name,) in tables} == AUDITED | UNAUDITED
    assert set(logged_columns(place.connection)) == AUDITED


def test_every_column_is_logged_or_known_to_be_left_out(place: Place) -> None:
    for table, logged in logged_columns(place.connection).items():
        columns = place.connection.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 "
            "AND NOT attisdropped",
            [table],
        )
        assert {name for (name,) in columns} - logged == UNLOGGED.get(table, set()), table


def logged_columns(connection: psycopg.Connection) -> dict[str, set[str]]:
    """The columns of each audited table that its triggers log."""
    rows = connection.execute(
        "SELECT tgrelid::regclass::text, encode(tgargs, 'escape') FROM pg_trigger "
        "WHERE tgname = 'audited_change'"
    )
    return {table: set(text.split("\\000")[0].strip("{}").split(",")) for table, text in rows}


def test_the_database_refuses_every_other_change_of_the_log(place: Place) -> None:
    place.device("Kept")
    for statement in (
        "UPDATE audit_log SET after = NULL",
        "DELETE FROM audit_log",
        "DELETE FROM audit_log WHERE false",
        "TRUNCATE audit_log",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="only added to"):
            place.connection.execute(statement.encode())


def test_what_devices_say_is_not_logged_but_their_firmware_is(place: Place) -> None:
    device = place.device("Talker")
    before = len(entries(place.registry.admin, subject=device))
    for said in ('{"ip": "192.0.2.1"}', '{"ip": "192.0.2.2", "firmware": "1.4.2"}', '{"ip": "x"}'):
        place.connection.execute(
            "UPDATE devices SET attributes = attributes || %s::jsonb WHERE id = %s", [said, device]
        )
    newest, *_ = found = entries(place.as_("owner"), subject=device)
    assert len(found) == before + 1
    assert (newest["before"], newest["after"]) == ({"firmware": None}, {"firmware": "1.4.2"})
    assert newest["user_id"] is None
    assert place.as_("owner").get(f"devices/{device}")["firmware"] == "1.4.2"


def test_everybody_reads_what_concerns_him(place: Place) -> None:
    device = place.device("Watched")
    readers = {
        who: len(entries(place.as_(who), subject=device, kind="device"))
        for who in place.world.tokens
    }
    assert {who for who, count in readers.items() if count} == {"owner", "member", "manager"}
    assert len(entries(place.registry.admin, subject=device, kind="device")) == 1


def test_secrets_and_roles_of_a_tenant_do_not_concern_its_park(place: Place) -> None:
    place.device("Private")
    for kind in ("device-secret", "membership"):
        assert entries(place.as_("owner"), tenant_id="sunny", kind=kind)
        assert entries(place.as_("manager"), tenant_id="sunny", kind=kind) == []


def test_one_reads_what_one_did_and_what_was_done_about_one(place: Place) -> None:
    nobody, number = place.as_("nobody"), place.world.ids["nobody"]
    token = nobody.post("tokens", {"name": "own"})
    nobody.delete(f"tokens/{token['id']}")
    given = place.registry.admin.post(
        f"users/{number}/memberships", {"role": "viewer", "tenant_id": "guest"}
    )
    place.registry.admin.delete(f"users/{number}/memberships/{given['id']}")
    told = [(entry["kind"], entry["operation"]) for entry in entries(nobody)]
    assert told[:4] == [
        ("membership", "deleted"),
        ("membership", "created"),
        ("token", "changed"),
        ("token", "created"),
    ]
    assert {entry["kind"] for entry in entries(nobody)} == {"membership", "token", "user"}
    assert [entry["kind"] for entry in entries(nobody, user_id=number)] == ["token", "token"]


def test_a_device_that_changes_its_tenant_concerns_both_in_this_entry_alone(place: Place) -> None:
    device = place.device("Mover")
    place.as_("owner").patch(f"devices/{device}", {"stage": "pilot"})
    place.connection.execute("UPDATE devices SET tenant_id = 'other' WHERE id = %s", [device])
    place.as_("stranger").patch(f"devices/{device}", {"name": "Theirs"})
    moved = {"tenant_id": "sunny"}
    assert entries(place.as_("owner"), subject=device)[0]["before"] == moved
    theirs = [entry["before"] for entry in entries(place.as_("stranger"), subject=device)]
    assert theirs == [{"name": "Mover"}, moved]
    history = place.as_("stranger").items(f"devices/{device}/history")
    assert [change["before"] for change in history] == theirs


def test_whoever_sees_a_thing_sees_its_history_but_not_who_made_it(place: Place) -> None:
    device = place.device("Old")
    place.as_("owner").patch(f"devices/{device}", {"lab_id": "porto-lab"})
    place.as_("member").patch(f"devices/{device}", {"name": "Older"})
    newest, moved, made = place.as_("mentor").items(f"devices/{device}/history")
    assert newest["after"] == {"name": "Older"}
    assert moved["after"] == {"lab_id": "porto-lab"}
    assert (made["operation"], made["before"], made["after"]["name"]) == ("created", None, "Old")
    assert set(newest) == {"id", "at", "operation", "kind", "subject", "before", "after"}


def test_parks_labs_tenants_and_models_have_a_history_too(place: Place) -> None:
    admin = place.registry.admin
    for thing in ("parks/porto", "labs/porto-lab", "tenants/sunny", "models/common"):
        admin.patch(thing, {"name": "Renamed"})
        newest = next(admin.items(f"{thing}/history"))
        assert newest["after"] == {"name": "Renamed"}, thing


def test_the_history_of_a_model_tells_which_metric_was_changed(place: Place) -> None:
    owner = place.as_("owner")
    power, mode = {"metric": "power", "unit": "kW"}, {"metric": "mode", "kind": "text"}
    body = {"id": "tracked", "tenant_id": "sunny", "name": "T", "metrics": [power, mode]}
    owner.post("models", body)
    faster = {**power, "expected_interval_seconds": 5}
    changed = owner.patch("models/tracked", {"metrics": [faster, {"metric": "new"}]})
    assert [metric["expected_interval_seconds"] for metric in changed["metrics"]] == [None, 5]
    told = {
        (change["subject"], change["operation"])
        for change in list(owner.items("models/tracked/history"))[:3]
    }
    assert told == {
        ("tracked/power", "changed"),
        ("tracked/mode", "deleted"),
        ("tracked/new", "created"),
    }


def test_pages_of_one_transaction_leave_nothing_out(place: Place) -> None:
    names = [f"batch-{number:02}" for number in range(7)]
    place.connection.execute(
        "INSERT INTO devices (id, tenant_id, name) SELECT unnest(%s::text[]), 'guest', 'b'", [names]
    )
    page = place.registry.admin.items("audit", tenant_id="guest", kind="device", limit=2)
    subjects = [entry["subject"] for entry in page if entry["subject"].startswith("batch")]
    assert subjects == names[::-1]


def test_a_deletion_is_one_entry_and_nothing_forbids_it(place: Place) -> None:
    device = place.device("Gone")
    place.connection.execute("DELETE FROM devices WHERE id = %s", [device])
    newest, *_ = entries(place.registry.admin)
    assert (newest["operation"], newest["subject"]) == ("deleted", device)
    assert (newest["before"]["name"], newest["after"]) == ("Gone", None)


def test_what_is_forgotten_of_a_tenant_is_all_and_that_it_was_stays(place: Place) -> None:
    connection = place.connection
    connection.execute("INSERT INTO tenants (id, name, kind) VALUES ('brief', 'B', 'startup')")
    connection.execute("INSERT INTO devices (id, tenant_id, name) VALUES ('brief-1', 'brief', 'x')")
    connection.execute("DELETE FROM devices WHERE id = 'brief-1'")
    connection.execute("DELETE FROM tenants WHERE id = 'brief'")
    others = connection.execute("SELECT count(*) FROM audit_log").fetchone()
    assert connection.execute("SELECT forget_audit('brief')").fetchone() == (4,)
    found = "SELECT count(*) FROM audit_log a WHERE to_jsonb(a)::text LIKE '%brief%'"
    assert connection.execute(found).fetchone() == (0,)
    assert others
    assert connection.execute("SELECT count(*) FROM audit_log").fetchone() == (others[0] - 4 + 1,)
    newest, *_ = entries(place.registry.admin)
    assert (newest["kind"], newest["before"]) == ("audit-entry", {"entries": 4})


def test_what_is_old_can_be_forgotten(place: Place) -> None:
    place.device("Recent")
    forget = "SELECT forget_audit(NULL, now() - INTERVAL '5 years')"
    assert place.connection.execute(forget).fetchone() == (0,)


def test_a_time_range_bounds_the_entries(place: Place) -> None:
    device = place.device("Timed")
    made = entries(place.as_("owner"), subject=device, kind="device")[0]["at"]
    later = (datetime.fromisoformat(made) + timedelta(microseconds=1)).isoformat()
    ranges: list[tuple[dict[str, str | int], int]] = [
        ({"from": made}, 1),
        ({"to": made}, 0),
        ({"to": later}, 1),
        ({"from": later}, 0),
    ]
    for bounds, count in ranges:
        found = entries(place.as_("owner"), subject=device, kind="device", **bounds)
        assert len(found) == count, bounds
