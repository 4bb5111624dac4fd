import re
import socket

import psycopg

from tests.integration.registry.conftest import RunningRegistry, World

JSON = {"Content-Type": "application/json"}


REFUSED = [
    ("GET", "/nowhere", b"", 404, "Not Found"),
    ("DELETE", "/api/v1/parks", b"", 405, "Method Not Allowed"),
    ("POST", "/api/v1/parks", b'{"id": ', 422, "no JSON: Expecting value at character 7"),
    ("POST", "/api/v1/parks", b"[" * 100_000, 422, "nested too deep"),
    ("POST", "/api/v1/parks", b"[]", 422, "some fields"),
    ("POST", "/api/v1/parks", b"", 422, "send the body as JSON"),
    ("POST", "/api/v1/parks", b"\xff\xfe", 422, "body"),
    ("GET", "/api/v1/devices/%00", b"", 422, "stored"),
    ("GET", "/api/v1/devices?q=%00", b"", 422, "stored"),
    ("GET", "/api/v1/devices/%ff%fe", b"", 404, "no such device"),
    ("GET", "/api/v1/devices/a%2Fb", b"", 404, "Not Found"),
    ("GET", "/api/v1/users/x", b"", 422, "some fields"),
    ("GET", "/api/v1/users/99999999999999999999999", b"", 422, "stored"),
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
    assert "Content-Type: application/json" in response.json()["detail"]


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
