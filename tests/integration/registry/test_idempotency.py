from concurrent.futures import ThreadPoolExecutor

import httpx
import psycopg
import pytest

from tests.integration.registry.conftest import RunningRegistry, World

DEVICE = {"tenant_id": "sunny", "name": "Roof"}
# What a repeated call does not harm, what proves who one is, and what is no matter of one
# transaction: see ADR 0017.
WITHOUT_KEY = {
    f"/api/v1/{path}"
    for path in (
        "devices/{device_id}/telemetry",
        "devices/{device_id}/rejections/replay",
        "imports",
        # What is stored already is passed over.
        "tenants/{tenant_id}/archive",
        "tenants/{tenant_id}/history",
        "provision",
        "sessions",
        "tokens/sign-in",
        "invitations/accept",
        "password-resets/accept",
        "me/authenticator",
        "me/authenticator/confirm",
        "me/authenticator/remove",
    )
}


def post(
    registry: RunningRegistry, token: str, key: str | None, body: object, path: str = "devices"
) -> httpx.Response:
    headers = {} if key is None else {"Idempotency-Key": key}
    return registry.request("POST", f"/api/v1/{path}", token, json=body, headers=headers)


def count(connection: psycopg.Connection) -> int:
    row = connection.execute("SELECT count(*) FROM devices WHERE name = 'Roof'").fetchone()
    assert row
    return int(row[0])


def test_a_request_that_comes_again_is_answered_as_before_and_done_once(
    registry: RunningRegistry, world: World, connection: psycopg.Connection
) -> None:
    owner = world.tokens["owner"]
    first, again = (post(registry, owner, '"a-1"', DEVICE) for _ in range(2))
    assert first.status_code == again.status_code == 201
    assert again.content == first.content
    assert again.json()["secret"].startswith("tpd_")
    assert again.headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first.headers
    assert count(connection) == 1
    post(registry, owner, "another", DEVICE)
    post(registry, owner, None, DEVICE)
    assert count(connection) == 3


def test_a_key_is_for_one_request(
    registry: RunningRegistry, world: World, connection: psycopg.Connection
) -> None:
    owner = world.tokens["owner"]
    post(registry, owner, "key", DEVICE)
    for path, body in (
        ("devices", {**DEVICE, "name": "Other"}),
        ("devices/sunny-1/secrets", DEVICE),
    ):
        refused = post(registry, owner, "key", body, path)
        assert refused.status_code == 422, path
        assert "another request" in refused.text
    assert count(connection) == 1


def test_a_request_that_was_refused_may_come_again_with_its_key(
    registry: RunningRegistry, world: World, connection: psycopg.Connection
) -> None:
    owner = world.tokens["owner"]
    taken = {**DEVICE, "id": "sunny-1"}
    assert post(registry, owner, "key", taken).status_code == 409
    assert post(registry, owner, "key", DEVICE).status_code == 201


def test_a_key_belongs_to_a_person(
    registry: RunningRegistry, world: World, connection: psycopg.Connection
) -> None:
    first = post(registry, world.tokens["owner"], "key", DEVICE)
    other = post(registry, world.tokens["member"], "key", DEVICE)
    assert first.json()["id"] != other.json()["id"]
    assert count(connection) == 2


def test_only_the_token_that_a_key_came_with_opens_its_answer(
    registry: RunningRegistry, world: World, connection: psycopg.Connection
) -> None:
    owner = world.tokens["owner"]
    secret = post(registry, owner, "key", DEVICE).json()["secret"]
    second = registry.as_(owner).post("tokens", {"name": "second"})["token"]
    refused = post(registry, second, "key", DEVICE)
    assert refused.status_code == 422
    assert "another of your tokens" in refused.text
    row = connection.execute("SELECT answer FROM idempotency_keys WHERE key = 'key'").fetchone()
    assert row
    assert secret.encode() not in row[0]


def test_of_many_that_come_at_once_one_is_done(
    registry: RunningRegistry, world: World, connection: psycopg.Connection
) -> None:
    with ThreadPoolExecutor(8) as threads:
        answers = list(
            threads.map(lambda _: post(registry, world.tokens["owner"], "key", DEVICE), range(24))
        )
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert len({answer.text for answer in answers if answer.status_code == 201}) == 1
    assert count(connection) == 1


def test_one_that_is_still_at_work_is_told_so(
    registry: RunningRegistry, world: World, connection: psycopg.Connection
) -> None:
    name = f"idempotency {world.ids['owner']} key"
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [name])
        waiting = post(registry, world.tokens["owner"], "key", DEVICE)
    assert waiting.status_code == 409
    assert "still at work" in waiting.text
    assert post(registry, world.tokens["owner"], "key", DEVICE).status_code == 201


def test_a_key_ends_after_a_day(
    registry: RunningRegistry, world: World, connection: psycopg.Connection
) -> None:
    owner = world.tokens["owner"]
    post(registry, owner, "key", DEVICE)
    connection.execute("UPDATE idempotency_keys SET created_at = now() - INTERVAL '25 hours'")
    post(registry, owner, "other", {**DEVICE, "name": "Other"})
    row = connection.execute("SELECT array_agg(key) FROM idempotency_keys").fetchone()
    assert row == (["other"],)
    assert post(registry, owner, "key", DEVICE).status_code == 201
    assert count(connection) == 2


@pytest.mark.parametrize("key", ["", "a b", "ü".encode().decode("latin-1"), "k" * 256])
def test_what_is_no_key_is_refused(registry: RunningRegistry, world: World, key: str) -> None:
    headers = {"Idempotency-Key": key.encode("latin-1")}
    token = world.tokens["owner"]
    answer = registry.request("POST", "/api/v1/devices", token, json=DEVICE, headers=headers)
    assert answer.status_code == 422
    assert "Idempotency-Key" in answer.text


def test_every_post_of_people_takes_a_key(registry: RunningRegistry) -> None:
    without = {
        path
        for path, methods in registry.app.openapi()["paths"].items()
        if "post" in methods
        and "Idempotency-Key" not in {p["name"] for p in methods["post"].get("parameters", [])}
    }
    assert without == WITHOUT_KEY
