"""Invitations and links for another password."""

import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from cli.api import ApiError
from tests.integration.identity.conftest import (
    EMAIL,
    PASSWORD,
    cookie,
    sign_in,
)
from tests.integration.registry.conftest import RunningRegistry, World

NEW = "maria@sunny.example"
INVITATION = {"email": NEW, "role": "tenant-member", "tenant_id": "sunny", "until": "2099-12-31"}
OVER = "token: this link was used, replaced or withdrawn, or is too old: ask for another"


def invite(registry: RunningRegistry, world: World, **fields: object) -> dict[str, Any]:
    """An invitation by the owner of Sunny."""
    issued: dict[str, Any] = registry.as_(world.tokens["owner"]).post(
        "invitations", {**INVITATION, **fields}
    )
    return issued


def acceptance(token: str, **fields: object) -> dict[str, object]:
    return {"token": token, "name": "Maria", "password": PASSWORD, **fields}


def refusal(registry: RunningRegistry, path: str, body: dict[str, object]) -> tuple[int, str]:
    """How somebody who is not signed in is refused."""
    with pytest.raises(ApiError) as refused:
        registry.as_("").post(path, body)
    return refused.value.status, str(refused.value)


def test_an_invitation_makes_a_user_with_a_role_once(
    registry: RunningRegistry, world: World
) -> None:
    issued = invite(registry, world)
    assert issued["link"] == f"{registry.url}/link/#{issued['token']}"
    user = registry.as_("").post("invitations/accept", acceptance(issued["token"]))
    assert (user["email"], user["name"]) == (NEW, "Maria")
    me = registry.request("GET", "/api/v1/me", headers=cookie(sign_in(registry, NEW))).json()
    assert me["memberships"] == [
        {"role": "tenant-member", "park_id": None, "tenant_id": "sunny", "until": "2099-12-31"}
    ]
    again = refusal(registry, "invitations/accept", acceptance(issued["token"]))
    assert again == (422, OVER)


def test_a_link_that_is_used_twice_at_once_is_good_once(
    registry: RunningRegistry, world: World
) -> None:
    body = acceptance(invite(registry, world)["token"])
    path = "/api/v1/invitations/accept"
    with ThreadPoolExecutor(4) as threads:
        answers = [threads.submit(registry.request, "POST", path, json=body) for _ in range(4)]
        statuses = [answer.result().status_code for answer in answers]
    assert statuses.count(201) == 1
    assert set(statuses) <= {201, 409, 422}


def test_a_link_leads_to_a_page_that_stands_on_this_host_alone(
    registry: RunningRegistry,
) -> None:
    link = registry.request("GET", "/link/")
    assert "default-src 'none'" in link.text
    for file in re.findall(r'(?:src|href)="([^":]+)"', link.text):
        assert registry.request("GET", f"/link/{file}").status_code == 200
    script = registry.request("GET", "/link/link.js").text
    texts = registry.request("GET", "/link/texts.js").text
    english, indonesian = (
        set(re.findall(r"^    (\w+): ", part, re.MULTILINE)) for part in texts.split("\n  id: {")
    )
    used = set(re.findall(r"texts\.(\w+)", script)) | set(
        re.findall(r'data-text="(\w+)"', link.text)
    )
    assert english == indonesian == used
    for field in re.findall(r'<input id="(\w+)"', link.text):
        assert f'<label for="{field}"' in link.text
    assert "<noscript>" in link.text
    asked = set(re.findall(r'"(/api/[^"]+)"', script))
    assert asked == {"/api/v1/invitations/accept", "/api/v1/password-resets/accept"}
    assert asked <= registry.app.openapi()["paths"].keys()


def test_links_that_are_over_or_never_were_are_refused_alike(
    registry: RunningRegistry, world: World, connection: psycopg.Connection
) -> None:
    expired, withdrawn = invite(registry, world), invite(registry, world)
    connection.execute("UPDATE invitations SET expires_at = now() WHERE id = %s", [expired["id"]])
    registry.as_(world.tokens["owner"]).delete(f"invitations/{withdrawn['id']}")
    for token in (expired["token"], withdrawn["token"], "tpi_none", "", "\u0661", "' OR 1=1 --"):
        assert refusal(registry, "invitations/accept", acceptance(token)) == (422, OVER)
        reset = {"token": token, "password": PASSWORD}
        assert refusal(registry, "password-resets/accept", reset) == (422, OVER)


def test_one_invites_only_to_what_one_may_give(registry: RunningRegistry, world: World) -> None:
    cases = {"member": 403, "mentor": 403, "stranger": 403, "nobody": 403, "manager": 403}
    for name, status in cases.items():
        for tenant in ("sunny", "not-there"):
            with pytest.raises(ApiError) as refused:
                registry.as_(world.tokens[name]).post(
                    "invitations", {**INVITATION, "tenant_id": tenant}
                )
            assert refused.value.status == status, name
    for higher in ({"role": "platform-admin"}, {"role": "park-manager", "park_id": "porto"}):
        with pytest.raises(ApiError) as refused:
            registry.as_(world.tokens["owner"]).post("invitations", {"email": NEW, **higher})
        assert refused.value.status == 403
        assert registry.admin.post("invitations", {"email": NEW, **higher})["token"]
    with pytest.raises(ApiError, match="tenant_id: there is no such tenant"):
        registry.admin.post("invitations", {**INVITATION, "tenant_id": "not-there"})


def test_an_invitation_gives_nobody_the_account_of_another(
    owner: RunningRegistry, world: World
) -> None:
    """Whoever invites knows the link: it must not be worth more than a role."""
    issued = owner.admin.post(
        "invitations", {"email": EMAIL.upper(), "role": "mentor", "tenant_id": "other"}
    )
    body = acceptance(issued["token"], password="my own four words")
    assert refusal(owner, "invitations/accept", body)[0] == 409
    with pytest.raises(ApiError, match="another e-mail address"):
        owner.as_(world.tokens["member"]).post("invitations/join", {"token": issued["token"]})
    joined = owner.as_(world.tokens["owner"]).post("invitations/join", {"token": issued["token"]})
    assert (joined["role"], joined["tenant_id"]) == ("mentor", "other")
    assert sign_in(owner).status_code == 201


def test_invitations_are_seen_and_withdrawn_by_those_they_concern(
    registry: RunningRegistry, world: World
) -> None:
    issued = invite(registry, world)
    for name, seen in {"owner": 1, "member": 0, "stranger": 0}.items():
        items = list(registry.as_(world.tokens[name]).items("invitations"))
        assert len(items) == seen, name
        assert issued["token"] not in str(items)
    path = f"invitations/{issued['id']}"
    with pytest.raises(ApiError) as refused:
        registry.as_(world.tokens["stranger"]).delete(path)
    assert refused.value.status == 404
    registry.admin.delete(path)
    assert list(registry.admin.items("invitations")) == []


def test_bad_input_to_an_invitation_is_refused_with_its_field(
    registry: RunningRegistry, world: World
) -> None:
    for field, value in {
        "email": "a\u0000@b",
        "role": "king",
        "until": "soon",
        "colour": "red",
        "tenant_id": "x" * 500,
    }.items():
        with pytest.raises(ApiError) as refused:
            invite(registry, world, **{field: value})
        assert [error["pointer"] for error in refused.value.errors] == [f"#/{field}"]
    token = invite(registry, world)["token"]
    short = refusal(registry, "invitations/accept", acceptance(token, password="short"))
    assert short == (422, "password: give 12 or more characters")
    with pytest.raises(ApiError, match="until: give a day like 2026-03-01"):
        invite(registry, world, until="31/12/2026")
    for field, value in {"name": "\u0000", "password": "short", "token": "x" * 10_000}.items():
        status, sentence = refusal(
            registry, "invitations/accept", acceptance(token) | {field: value}
        )
        assert status == 422
        assert sentence.startswith(f"{field}: ")
    name = "مريم 🌞"
    body = acceptance(token, name=name, language="id")
    user = registry.as_("").post("invitations/accept", body)
    assert (user["name"], user["language"]) == (name, "id")


def test_a_reset_link_sets_a_password_once_and_ends_sessions(
    owner: RunningRegistry, world: World
) -> None:
    browser = cookie(sign_in(owner))
    path = f"users/{world.ids['owner']}/password-reset"
    replaced, issued = owner.admin.post(path)["token"], owner.admin.post(path)["token"]
    body = {"token": issued, "password": "another horse battery"}
    assert refusal(owner, "password-resets/accept", {**body, "token": replaced}) == (422, OVER)
    owner.as_("").post("password-resets/accept", body)
    assert owner.request("GET", "/api/v1/me", headers=browser).status_code == 401
    assert sign_in(owner).status_code == 401
    assert sign_in(owner, password="another horse battery").status_code == 201
    assert refusal(owner, "password-resets/accept", body) == (422, OVER)


def test_a_reset_link_is_for_administrators_and_owners_of_all_of_the_users_tenants(
    registry: RunningRegistry, world: World, connection: psycopg.Connection
) -> None:
    path = f"/api/v1/users/{world.ids['member']}/password-reset"
    expected = {"owner": 201, "mentor": 404, "stranger": 404, "manager": 404, "nobody": 404}
    for name, status in expected.items():
        assert registry.request("POST", path, world.tokens[name]).status_code == status, name
    link = registry.request("POST", path, world.tokens["owner"]).json()["token"]
    # The member comes to have a role elsewhere, in which the owner must not act for him.
    connection.execute(
        "INSERT INTO memberships (user_id, role) VALUES (%s, 'platform-admin')",
        [world.ids["member"]],
    )
    assert registry.request("POST", path, world.tokens["owner"]).status_code == 403
    body: dict[str, object] = {"token": link, "password": PASSWORD}
    assert refusal(registry, "password-resets/accept", body) == (422, OVER)
    assert registry.request("POST", path, registry.admin_token).status_code == 201


def test_a_user_without_a_password_gets_one_by_a_reset_link(
    registry: RunningRegistry, world: World
) -> None:
    user = registry.admin.post("users", {"email": NEW, "name": "Maria"})
    link = registry.admin.post(f"users/{user['id']}/password-reset")
    assert link["link"] == f"{registry.url}/link/#{link['token']}"
    registry.as_("").post("password-resets/accept", {"token": link["token"], "password": PASSWORD})
    assert sign_in(registry, NEW).status_code == 201
