import re
import socket
from typing import Any

import psycopg

from tests.integration.registry.conftest import RunningRegistry, World

JSON = {"Content-Type": "application/json"}


REFUSED = [
    ("GET", "/nowhere", b"", 404, "nothing at this path"),
    ("DELETE", "/api/v1/parks", b"", 405, "it takes GET, POST"),
    ("DELETE", "/api/v1/invitations/join", b"", 405, "it takes POST"),
    ("POST", "/api/v1/parks", b'{"id": ', 422, "no JSON: Expecting value at character 7"),
    ("POST", "/api/v1/parks", b"[" * 100_000, 422, "nested too deep"),
    ("POST", "/api/v1/parks", b"[]", 422, "some fields"),
    ("POST", "/api/v1/parks", b"", 422, "the body is missing"),
    ("POST", "/api/v1/parks", b"\xff\xfe", 422, "body"),
    ("GET", "/api/v1/devices/%00", b"", 422, "stored"),
    ("GET", "/api/v1/devices?q=%00", b"", 422, "some fields"),
    ("GET", "/api/v1/devices/%ff%fe", b"", 404, "no such device"),
    ("GET", "/api/v1/devices/a%2Fb", b"", 404, "nothing at this path"),
    ("GET", "/api/v1/users/x", b"", 422, "some fields"),
    ("GET", "/api/v1/users/99999999999999999999999", b"", 422, "some fields"),
]


def test_every_refusal_is_a_problem_document(registry: RunningRegistry) -> None:
    for method, path, body, status, words in REFUSED:
        response = registry.request(
            method, path, registry.admin_token, content=body, headers=JSON if body else {}
        )
        problem = response.json()
        assert response.status_code == problem["status"] == status, path
        assert response.headers["Content-Type"] == "application/problem+json"
        assert set(problem) == {"type", "title", "status", "detail", "errors"}
        assert words in problem["detail"], path


def test_each_refused_field_is_listed(registry: RunningRegistry) -> None:
    body = {"id": "A b", "name": "\0", "time_zone": "Mars", "latitude": 91, "colour": "red"}
    response = registry.request("POST", "/api/v1/parks", registry.admin_token, json=body)
    errors = response.json()["errors"]
    assert {error["pointer"] for error in errors} == {f"#/{name}" for name in body}
    assert all(error["detail"] for error in errors)


def test_a_body_that_is_not_called_json_is_told_how(registry: RunningRegistry) -> None:
    response = registry.request(
        "POST",
        "/api/v1/parks",
        registry.admin_token,
        content=b'{"id": "x"}',
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )
    assert (response.status_code, response.headers["Accept"]) == (415, "application/json")
    assert "Content-Type: application/json" in response.json()["detail"]


# A request, the place of its fault, and what is said about that.
FAULTS: list[tuple[str, str, Any, str, str]] = [
    ("GET", "devices?tenant=sunny", None, "tenant", "There are q, id, tenant_id, park_id"),
    ("GET", "devices?tenant_id=sunny&tenant_id=other", None, "tenant_id", "once"),
    ("GET", "devices?id=sunny-1&id=S", None, "id.1", "small letters"),
    ("DELETE", "devices/sunny-1/claim-code?dry_run=true", None, "dry_run", "none here"),
    ("GET", "exports?lab_id=%00", None, "lab_id", "small letters"),
    ("GET", "rejections?from=0", None, "from", "with its offset (RFC 3339)"),
    ("GET", "rejections?from=2026-03-01T00:00:00", None, "from", "with its offset (RFC 3339)"),
    ("GET", "rejections?to=2026-03-01T00:00:00 07:00", None, "to", "%2B"),
    ("GET", "rejections?to=2026-02-30T00:00:00Z", None, "to", "with its offset (RFC 3339)"),
    ("GET", "rejections?to=1969-12-31T00:00:00Z", None, "to", "from 1970 to 9998"),
    ("GET", "rejections?reason=bad", None, "reason", "give one of 'unknown-format'"),
    ("GET", "parks?limit=0", None, "limit", "give 1 or more"),
    ("POST", "imports?dry_run=maybe", None, "dry_run", "give true or false"),
    ("POST", "parks", {"name": "P", "time_zone": "UTC"}, "#/id", "has to be given"),
    ("POST", "parks", {"latitude": "9"}, "#/latitude", "give a number"),
    ("POST", "parks", {"latitude": True}, "#/latitude", "give a number"),
    ("POST", "parks", {"latitude": 91}, "#/latitude", "give 90 or less"),
    ("POST", "parks", {"name": "x" * 201}, "#/name", "200 or fewer characters"),
    ("POST", "tokens", {"expires_at": 4102444800}, "#/expires_at", "with its offset (RFC 3339)"),
    ("POST", "invitations", {"until": 0}, "#/until", "a day like 2026-03-01"),
    ("POST", "tenants", {"kind": "club"}, "#/kind", "give one of 'startup', 'industry'"),
    ("POST", "devices", {"tags": "a"}, "#/tags", "give a list"),
    ("POST", "devices", {"tags": [""]}, "#/tags/0", "1 or more characters"),
    ("PATCH", "devices/sunny-1", {"bookable": 1}, "#/bookable", "give true or false"),
    ("PATCH", "devices/sunny-1", {"name": None}, "#/name", "give a text"),
    ("PATCH", "devices/sunny-1", [], "#", "give an object"),
    ("PATCH", "devices/sunny-1", {"a/b": 1}, "#/a~1b", "no such field"),
    ("GET", "users/99999999999999999999", None, "user_id", "or less"),
    (
        "POST",
        "agreements",
        {"tenant_id": "sunny", "reader_tenant_id": "other", "last_day": "2020-01-01"},
        "#/last_day",
        "this day is over",
    ),
]


def test_a_fault_is_told_by_its_place_and_how_to_mend_it(
    registry: RunningRegistry, world: World
) -> None:
    for method, path, body, place, words in FAULTS:
        response = registry.request(method, f"/api/v1/{path}", registry.admin_token, json=body)
        problem = response.json()
        assert response.status_code == 422, (path, body, problem)
        found = {
            error.get("pointer") or error["parameter"]: error["detail"]
            for error in problem["errors"]
        }
        assert words in found.get(place, "nothing"), (path, body, problem)


def test_an_etag_without_its_quotes_is_no_etag(registry: RunningRegistry, world: World) -> None:
    for wrong in ("", "abc", '"abc'):
        response = registry.request(
            "PATCH",
            "/api/v1/devices/sunny-1",
            registry.admin_token,
            json={"name": "Roof"},
            headers={"If-Match": wrong},
        )
        assert response.status_code == 422, wrong
        assert [error["parameter"] for error in response.json()["errors"]] == ["If-Match"]


def test_a_body_that_is_too_large_is_refused_before_it_is_read(registry: RunningRegistry) -> None:
    with socket.create_connection(("127.0.0.1", registry.settings.api_port)) as connection:
        connection.sendall(
            b"POST /api/v1/parks HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Content-Length: 99999999999\r\n\r\n"
        )
        answer = connection.recv(4096)
    assert answer.startswith(b"HTTP/1.1 413")
    assert b"application/problem+json" in answer


def test_a_chunked_body_is_not_read_beyond_the_limit(registry: RunningRegistry) -> None:
    def endless() -> object:
        for _ in range(40):
            yield b"x" * 65_536

    response = registry.request(
        "POST", "/api/v1/parks", registry.admin_token, content=endless(), headers=JSON
    )
    assert response.status_code == 413
    assert response.json()["title"]


def test_without_its_database_the_api_says_so_and_recovers(
    registry: RunningRegistry, world: World, connection: psycopg.Connection, server: str
) -> None:
    name = connection.info.dbname
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
        )
        for path in ("/api/v1/me", "/health/ready"):
            response = registry.request("GET", path, registry.admin_token)
            assert response.status_code == 503, path
            assert int(response.headers["Retry-After"]) > 0
        assert registry.request("GET", "/health/live").status_code == 200
        admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
    registry.admin.get("me")


def test_a_database_of_another_version_is_not_ready(
    registry: RunningRegistry, connection: psycopg.Connection
) -> None:
    assert registry.request("GET", "/health/ready").status_code == 200
    connection.execute("DELETE FROM schema_migrations WHERE version > 1")
    response = registry.request("GET", "/health/ready")
    assert response.status_code == 503
    assert "technopark migrate" in response.json()["detail"]


def test_what_a_refused_request_did_before_is_undone(
    registry: RunningRegistry, world: World, connection: psycopg.Connection
) -> None:
    body = {"metrics": [{"metric": "a"}], "name": "New"}
    registry.admin.patch("models/common", body)
    connection.execute(
        "ALTER TABLE model_metrics ADD CONSTRAINT no_b CHECK (metric <> 'b') NOT VALID"
    )
    response = registry.request(
        "PATCH",
        "/api/v1/models/common",
        registry.admin_token,
        json={"metrics": [{"metric": "b"}], "name": "Newer"},
    )
    assert response.status_code == 422
    model = registry.admin.get("models/common")
    assert (model["name"], model["metrics"][0]["metric"]) == ("New", "a")


def test_the_page_of_the_api_needs_no_foreign_host(registry: RunningRegistry) -> None:
    page = registry.request("GET", "/docs").text
    assert not re.search(r"(src|href)=\W?(https?:)?//", page)
    files = re.findall(r"/docs/files/[\w.-]+", page)
    assert len(files) >= 3
    for file in [*files, "/api/v1/openapi.json"]:
        assert registry.request("GET", file).status_code == 200, file
