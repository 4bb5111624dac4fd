import base64
import json

import psycopg
import pytest

from cli.api import ApiError
from tests.integration.registry.conftest import RunningRegistry, World


def test_pages_together_have_every_item_once_and_in_order(
    registry: RunningRegistry, world: World, connection: psycopg.Connection
) -> None:
    connection.execute(
        "INSERT INTO devices (id, tenant_id, name) "
        "SELECT format('d-%s', lpad(n::text, 3, '0')), 'sunny', 'x' FROM generate_series(1, 107) n"
    )
    expected = [device["id"] for device in registry.admin.items("devices", limit=1000)]
    assert len(expected) == 110
    assert expected == sorted(expected)
    for limit in (1, 10, 55, 110, 111):
        pages = registry.admin.items("devices", limit=limit)
        assert [device["id"] for device in pages] == expected


def test_what_comes_and_goes_between_pages_hides_nothing_else(
    registry: RunningRegistry, world: World, connection: psycopg.Connection
) -> None:
    connection.execute(
        "INSERT INTO users (email, name) SELECT format('%s@x', n), 'x' FROM generate_series(1, 9) n"
    )
    users = registry.admin.items("users", limit=2)
    seen = [next(users)["id"] for _ in range(4)]
    connection.execute("DELETE FROM users WHERE id = %s", [seen[1]])
    connection.execute("INSERT INTO users (email, name) VALUES ('late@x', 'late')")
    rest = [user["name"] for user in users]
    assert len(seen) + len(rest) == 1 + 8 + 9 + 1
    assert rest[-1] == "late"


def encoded(key: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode()


FOREIGN = [
    "x", "!!!!", "", encoded(None), encoded(5), encoded([1]), encoded({}), "ÿ", "e" * 501,
    encoded("a\0b"), encoded("\ud800"),
]  # fmt: skip


def test_a_cursor_of_another_kind_is_refused(registry: RunningRegistry, world: World) -> None:
    for path in ("devices", "devices/sunny-1/rejections"):
        for cursor in FOREIGN:
            with pytest.raises(ApiError) as refused:
                registry.admin.get(path, cursor=cursor)
            assert refused.value.status == 422, (path, cursor)


def test_a_limit_has_its_bounds(registry: RunningRegistry) -> None:
    for limit in ("0", "-1", "1001", "many", "1e3"):
        with pytest.raises(ApiError, match="limit"):
            registry.admin.get("devices", limit=limit)
