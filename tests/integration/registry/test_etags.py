import re
from concurrent.futures import ThreadPoolExecutor

import httpx
import psycopg
import pytest

from tests.integration.registry.conftest import RunningRegistry, World

CHANGES: dict[str, dict[str, object]] = {
    "devices/sunny-1": {"tags": ["roof"]},
    "tenants/sunny": {"kind": "industry"},
    "models/sunny-model": {"metrics": [{"metric": "power"}]},
    "parks/porto": {"latitude": 41.2},
    "labs/porto-lab": {"kind": "testbed"},
}


def ask(
    registry: RunningRegistry, method: str, path: str, body: object = None, **headers: str
) -> httpx.Response:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return registry.request(
        method, f"/api/v1/{path}", registry.admin_token, json=body, headers=sent
    )


def etag(registry: RunningRegistry, path: str) -> str:
    return ask(registry, "GET", path).headers["ETag"]


@pytest.mark.parametrize("path", [*CHANGES, "devices", "me"])
def test_what_the_client_has_is_not_sent_again(
    registry: RunningRegistry, world: World, path: str
) -> None:
    first = ask(registry, "GET", path)
    tag = first.headers["ETag"]
    assert re.fullmatch(r'"[0-9a-f.]+"', tag)
    for known in (tag, f'"other", {tag}', f"W/{tag}", "*"):
        again = ask(registry, "GET", path, If_None_Match=known)
        assert again.status_code == 304, known
        assert again.content == b""
        assert again.headers["ETag"] == tag
    other = ask(registry, "GET", path, If_None_Match='"other"')
    assert other.status_code == 200
    assert other.content == first.content


def test_a_refusal_has_no_etag(registry: RunningRegistry, world: World) -> None:
    assert "ETag" not in ask(registry, "GET", "devices/none-1", If_None_Match="*").headers


def test_a_change_goes_through_only_on_what_the_client_has_read(
    registry: RunningRegistry, world: World
) -> None:
    for path, change in CHANGES.items():
        read = etag(registry, path)
        changed = ask(registry, "PATCH", path, change, If_Match=read)
        assert changed.status_code == 200, path
        assert changed.headers["ETag"] == etag(registry, path) != read
        late = ask(registry, "PATCH", path, {"name": "Late"}, If_Match=read)
        assert late.status_code == 412, path
        assert "read it again" in late.json()["detail"]
        assert ask(registry, "GET", path).json() == changed.json()
        weak = ask(registry, "PATCH", path, change, If_Match="W/" + etag(registry, path))
        assert weak.status_code == 412
        for tag in (f'"x", {etag(registry, path)}', "*"):
            assert ask(registry, "PATCH", path, change, If_Match=tag).status_code == 200, tag


def test_a_device_may_send_while_people_change_it(
    registry: RunningRegistry, world: World, connection: psycopg.Connection
) -> None:
    read = etag(registry, "devices/sunny-1")
    connection.execute(
        "INSERT INTO device_activity (device_id, last_seen, online) VALUES ('sunny-1', now(), true)"
    )
    assert ask(registry, "GET", "devices/sunny-1", If_None_Match=read).status_code == 200
    changed = ask(registry, "PATCH", "devices/sunny-1", {"name": "New"}, If_Match=read)
    assert changed.status_code == 200


def test_of_many_who_change_what_they_have_read_one_succeeds(
    registry: RunningRegistry, world: World
) -> None:
    read = etag(registry, "devices/sunny-1")

    def change(n: int) -> int:
        path, body = "devices/sunny-1", {"name": f"Name {n}"}
        return ask(registry, "PATCH", path, body, If_Match=read).status_code

    with ThreadPoolExecutor(4) as threads:
        statuses = sorted(threads.map(change, range(12)))
    assert statuses == [200] + 11 * [412]


def test_what_one_may_not_see_is_not_told_by_an_etag(
    registry: RunningRegistry, world: World
) -> None:
    for path in ("devices/sunny-1", "tenants/sunny"):
        for tag in ("*", etag(registry, path), '"x"'):
            answer = registry.request(
                "PATCH", f"/api/v1/{path}", world.tokens["stranger"], json={"name": "x"},
                headers={"If-Match": tag},
            )  # fmt: skip
            assert answer.status_code == 404


# A list, which nobody changes as a whole.
LISTS = {"/api/v1/sessions"}


def test_every_change_of_a_thing_with_an_etag_takes_if_match(registry: RunningRegistry) -> None:
    for path, methods in registry.app.openapi()["paths"].items():
        if "get" not in methods or path in LISTS:
            continue
        for method in {"patch", "put", "delete"} & methods.keys():
            names = {each["name"].lower() for each in methods[method].get("parameters", [])}
            assert "if-match" in names, (method, path)


def test_what_was_offered_or_asked_for_is_changed_only_as_it_was_read(
    registry: RunningRegistry, world: World
) -> None:
    body = {"tenant_id": "sunny", "reader_park_id": "pune", "last_day": "2090-01-01"}
    offer = f"agreements/{ask(registry, 'POST', 'agreements', body).json()['id']}"
    read, change = etag(registry, offer), {"message": "for the study"}
    answers = [ask(registry, "PATCH", offer, change, If_Match=read) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 412]
    deletion = "tenants/sunny/deletion"
    ask(registry, "POST", deletion, {"confirm": "sunny"})
    read = etag(registry, deletion)
    ask(registry, "POST", "devices", {"tenant_id": "sunny", "name": "One more"})
    assert ask(registry, "DELETE", deletion, If_Match=read).status_code == 412
    assert ask(registry, "DELETE", deletion, If_Match=etag(registry, deletion)).status_code == 204
