"""Passwords and sessions."""

import json
from pathlib import Path

import psycopg
import pytest
from argon2 import PasswordHasher

from cli.api import ApiError
from tests.integration.identity.conftest import (
    EMAIL,
    OURS,
    PASSWORD,
    WRONG_PASSWORD,
    cookie,
    set_password,
    sign_in,
)
from tests.integration.registry.conftest import (
    RunningRegistry,
    World,
    registry_settings,
    serving,
)
from tests.parts import free_port

FOREIGN = {"Sec-Fetch-Site": "cross-site"}


def test_a_password_opens_a_session(owner: RunningRegistry) -> None:
    response = sign_in(owner, email="Owner@Example.org")
    assert response.status_code == 201
    flags = response.headers["Set-Cookie"].lower().split("; ")
    assert flags[0].startswith("technopark=tps_")
    assert {"httponly", "samesite=strict", "path=/"} <= set(flags)
    assert "tps_" not in response.text
    browser = cookie(response)
    assert owner.request("GET", "/api/v1/me", headers=browser).json()["email"] == EMAIL


def test_with_https_the_cookie_is_secure_and_of_this_host_alone(
    identity_url: str, connection: psycopg.Connection, tmp_path: Path
) -> None:
    settings = registry_settings(
        identity_url, tmp_path, free_port(), public_url="https://iot.example"
    )
    with serving(settings, connection) as running:
        set_password(running, running.admin_token)
        set_cookie = sign_in(running, "admin@localhost").headers["Set-Cookie"]
        assert set_cookie.startswith("__Host-technopark=tps_")
        assert {"Secure", "HttpOnly"} <= set(set_cookie.split("; "))
        # A neighbour can set a cookie for this host, but not one with the prefix.
        tossed = {"Cookie": set_cookie.partition(";")[0].removeprefix("__Host-")}
        assert running.request("GET", "/api/v1/me", headers=tossed).status_code == 401


def test_nothing_secret_is_stored_as_it_is(
    owner: RunningRegistry, connection: psycopg.Connection
) -> None:
    key = cookie(sign_in(owner))["Cookie"].partition("=")[2]
    for table in ("passwords", "sessions", "tokens", "attempts"):
        rows = str(connection.execute(f"SELECT * FROM {table}").fetchall())
        assert PASSWORD not in rows
        assert key not in rows
    [hashed] = connection.execute("SELECT hash FROM passwords").fetchone() or [""]
    assert hashed.startswith("$argon2id$v=19$m=19456,t=2,p=1$")


def test_unknown_users_and_wrong_passwords_are_refused_alike(owner: RunningRegistry) -> None:
    answers = {
        (response.status_code, response.text)
        for response in (
            sign_in(owner, password=WRONG_PASSWORD),
            sign_in(owner, email="nobody-at-all@example.org"),
            sign_in(owner, email="member@example.org"),
        )
    }
    assert len(answers) == 1
    assert answers.pop()[0] == 401


def test_bad_input_to_sign_in_is_refused_as_such(owner: RunningRegistry) -> None:
    good = {"email": EMAIL, "password": PASSWORD}
    bad: list[object] = [
        {},
        [],
        {**good, "email": "owner\0@example.org"},
        {**good, "email": "a" * 300 + "@example.org"},
        {**good, "email": "\ud800@example.org"},
        {**good, "email": ["owner@example.org"]},
        {**good, "password": "x" * 1000},
        {**good, "password": None},
        {**good, "password": {"$ne": None}},
        {**good, "password": "\ud800" * 12},
        {**good, "code": "1" * 1000},
        {**good, "admin": True},
    ]
    for body in bad:
        response = owner.request(
            "POST",
            "/api/v1/sessions",
            content=json.dumps(body),
            headers={"Content-Type": "application/json"},
        )
        assert response.status_code == 422, body
    for strange in ("' OR ''='", "мария@пример.рф", "🌞@🌞", "%00@x", "\u202egro@x"):
        assert sign_in(owner, email=strange).status_code in (401, 422), strange
    form = {"Content-Type": "text/plain"}
    response = owner.request("POST", "/api/v1/sessions", content=json.dumps(good), headers=form)
    assert response.status_code == 415, "a form of a foreign page could send this"
    for strange_key in (b"\xff; technopark=x", b"x" * 4000):
        header = {"Cookie": b"technopark=" + strange_key}
        assert owner.request("GET", "/api/v1/me", headers=header).status_code == 401


def test_weak_passwords_are_refused(registry: RunningRegistry) -> None:
    for weak in (
        "short",
        "password1234!",
        "123456789012",
        "QwertyQwerty99",
        "aaaaaaaaaaab",
        "x" * 129,
    ):
        with pytest.raises(ApiError) as refused:
            registry.admin.put("me/password", {"password": weak})
        assert refused.value.status == 422
        assert weak not in str(refused.value)


def test_another_password_needs_the_present_one_and_ends_other_sessions(
    owner: RunningRegistry,
) -> None:
    here, there = cookie(sign_in(owner)), cookie(sign_in(owner))
    change = {"password": "another horse battery"}
    for present in ({}, {"current_password": WRONG_PASSWORD}):
        refused = owner.request(
            "PUT", "/api/v1/me/password", json=change | present, headers=here | OURS
        )
        assert refused.status_code == 403
    changed = owner.request(
        "PUT",
        "/api/v1/me/password",
        json={**change, "current_password": PASSWORD},
        headers=here | OURS,
    )
    assert changed.status_code == 204
    assert owner.request("GET", "/api/v1/me", headers=here).status_code == 200
    assert owner.request("GET", "/api/v1/me", headers=there).status_code == 401
    assert sign_in(owner).status_code == 401
    assert sign_in(owner, password="another horse battery").status_code == 201


def test_a_foreign_page_cannot_use_the_session(owner: RunningRegistry) -> None:
    browser = cookie(sign_in(owner))
    host = f"http://127.0.0.1:{owner.settings.api_port}"
    path = "/api/v1/devices/sunny-1/secrets"
    cases: list[tuple[dict[str, str], int]] = [
        (FOREIGN, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "none"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({}, 403),
        (OURS, 201),
        ({"Origin": host}, 201),
    ]
    for headers, status in cases:
        response = owner.request("POST", path, json={}, headers=browser | headers)
        assert response.status_code == status, headers
    assert owner.request("GET", "/api/v1/me", headers=browser | FOREIGN).status_code == 200


def test_a_token_wins_over_a_session(owner: RunningRegistry, world: World) -> None:
    browser = cookie(sign_in(owner)) | FOREIGN
    me = owner.request("GET", "/api/v1/me", world.tokens["member"], headers=browser)
    assert me.json()["email"] == "member@example.org"
    # No page can make a browser send a token, so it may come from anywhere.
    made = owner.request(
        "POST", "/api/v1/tokens", world.tokens["member"], json={"name": "x"}, headers=browser
    )
    assert made.status_code == 201


def test_sessions_are_listed_and_ended(owner: RunningRegistry, world: World) -> None:
    here, there = cookie(sign_in(owner)), cookie(sign_in(owner))
    sessions = owner.request("GET", "/api/v1/sessions", headers=here).json()["items"]
    assert [session["current"] for session in sessions] == [True, False]
    assert sessions[0]["agent"].startswith("python-httpx")
    path = f"/api/v1/sessions/{sessions[1]['id']}"
    assert owner.request("DELETE", path, world.tokens["member"]).status_code == 404
    assert owner.request("DELETE", path, headers=here | OURS).status_code == 204
    assert owner.request("GET", "/api/v1/me", headers=there).status_code == 401
    out = owner.request("DELETE", "/api/v1/sessions", headers=here | OURS)
    assert out.status_code == 204
    assert 'technopark=""' in out.headers["Set-Cookie"]
    assert owner.request("GET", "/api/v1/me", headers=here).status_code == 401


@pytest.mark.parametrize(
    "change", ["expires_at = now()", "last_used_at = now() - INTERVAL '12 hours'"]
)
def test_a_session_ends_by_itself(
    owner: RunningRegistry, connection: psycopg.Connection, change: str
) -> None:
    browser = cookie(sign_in(owner))
    connection.execute(f"UPDATE sessions SET {change}")
    assert owner.request("GET", "/api/v1/me", headers=browser).status_code == 401


def test_use_keeps_a_session_alive(owner: RunningRegistry, connection: psycopg.Connection) -> None:
    browser = cookie(sign_in(owner))
    connection.execute("UPDATE sessions SET last_used_at = now() - INTERVAL '11 hours'")
    owner.request("GET", "/api/v1/me", headers=browser)
    idle = connection.execute("SELECT now() - last_used_at < '1 minute' FROM sessions").fetchone()
    assert idle == (True,)


def test_a_hash_with_old_parameters_is_renewed_at_sign_in(
    owner: RunningRegistry, connection: psycopg.Connection
) -> None:
    old = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    connection.execute("UPDATE passwords SET hash = %s", [old])
    assert sign_in(owner).status_code == 201
    [new] = connection.execute("SELECT hash FROM passwords").fetchone() or [""]
    assert "m=19456" in new
    assert sign_in(owner).status_code == 201


def test_a_token_by_password_is_a_token(owner: RunningRegistry) -> None:
    body = {"email": EMAIL, "password": PASSWORD, "name": "notebook", "scopes": ["read"]}
    issued = owner.request("POST", "/api/v1/tokens/sign-in", json=body).json()
    assert issued["scopes"] == ["read"]
    assert owner.as_(issued["token"]).get("me")["email"] == EMAIL
    refused = owner.request("POST", "/api/v1/tokens/sign-in", json={**body, "password": "x"})
    assert refused.status_code == 401


def test_a_request_that_comes_again_in_a_session_is_done_once(owner: RunningRegistry) -> None:
    here, there = (cookie(sign_in(owner)) | OURS | {"Idempotency-Key": "once"} for _ in range(2))
    first, again, elsewhere = (
        owner.request("POST", "/api/v1/tokens", json={"name": "x"}, headers=browser)
        for browser in (here, here, there)
    )
    assert first.status_code == 201
    assert again.content == first.content
    assert again.headers["Idempotency-Replayed"] == "true"
    assert elsewhere.status_code == 422


def test_the_audit_log_tells_of_passwords_and_sessions_to_their_person(
    owner: RunningRegistry, world: World
) -> None:
    sign_in(owner)
    body = {"password": PASSWORD * 2, "current_password": PASSWORD}
    owner.request("PUT", "/api/v1/me/password", world.tokens["owner"], json=body).raise_for_status()
    newest = list(owner.as_(world.tokens["owner"]).items("audit"))[:4]
    assert [(entry["kind"], entry["operation"]) for entry in newest] == [
        ("session", "deleted"),
        ("password", "changed"),
        ("session", "created"),
        ("password", "created"),
    ]
    assert set(newest[1]["after"]) == {"set_at"}
    others = list(owner.as_(world.tokens["manager"]).items("audit"))
    assert not {entry["id"] for entry in newest} & {entry["id"] for entry in others}


def test_nobody_is_said_to_have_ended_a_session_that_ended_by_itself(
    owner: RunningRegistry, world: World, connection: psycopg.Connection
) -> None:
    sign_in(owner)
    connection.execute("UPDATE sessions SET expires_at = now() - INTERVAL '1 second'")
    set_password(owner, world.tokens["member"])
    sign_in(owner, email="member@example.org")
    newest = next(owner.as_(world.tokens["owner"]).items("audit"))
    assert (newest["kind"], newest["operation"]) == ("session", "deleted")
    assert (newest["user_id"], newest["address"]) == (None, None)
