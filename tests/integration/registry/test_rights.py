"""Every route × every role × own and foreign things: what the table says, and never a hint."""

from __future__ import annotations

import itertools
import json
import sys
from typing import Any

import httpx
import pytest

from registry.rights import RIGHTS, Action
from tests.integration.registry import matrix_exchange, matrix_identity, matrix_quality
from tests.integration.registry.conftest import PEOPLE
from tests.integration.registry.matrix import DEVICES_OWN, Sample
from tests.integration.registry.matrix import SAMPLES as OWN_SAMPLES
from tests.integration.registry.matrix_exchange import AGREEMENT, BOOKING, TO_THIRD
from tests.integration.registry.matrix_identity import INVITED, VISITORS
from tests.integration.registry.matrix_world import PREFIX, ROLES, Matrix, Side, filled, matrix

__all__ = ["matrix"]  # a fixture

SAMPLES = [
    *OWN_SAMPLES,
    *matrix_exchange.SAMPLES,
    *matrix_identity.SAMPLES,
    *matrix_quality.SAMPLES,
]


def allowed(sample: Sample, who: str, action: Action | None, side: Side) -> bool:
    """What the table says of somebody whose role is on the own side."""
    if action is None or RIGHTS[action].everybody:
        return True
    role = None if who in sample.elsewhere else ROLES[who]
    return role in RIGHTS[action].roles and (side == "own" or role == "platform-admin")


def expected(sample: Sample, who: str, side: Side) -> int:
    """The status that the table gives."""
    if who == "anonymous":
        return 401
    if allowed(sample, who, sample.action, side):
        return sample.status
    if sample.sees is None or allowed(sample, who, sample.sees, side):
        return 403
    return sample.unseen


def test_every_route_has_a_sample(matrix: Matrix) -> None:
    routes = {
        f"{method.upper()} {path.removeprefix(PREFIX)}"
        for path, methods in matrix.registry.app.openapi()["paths"].items()
        for method in methods
        if path.startswith(PREFIX)
    }
    assert {sample.route for sample in SAMPLES} | DEVICES_OWN | VISITORS == routes


def test_every_action_of_the_table_is_tried(matrix: Matrix) -> None:
    assert {action for sample in SAMPLES for action in (sample.action, sample.sees)} >= set(RIGHTS)


def test_every_role_of_the_table_asks() -> None:
    assert set(ROLES) - {"admin", "former", "anonymous"} == {*PEOPLE, "nobody"} - {"stranger"}
    assert {role for right in RIGHTS.values() for role in right.roles} < set(ROLES.values())


def test_every_role_gets_from_every_route_what_the_table_says(
    matrix: Matrix, capsys: pytest.CaptureFixture[str]
) -> None:
    cases, wrong, leaks = 0, [], []
    sides: tuple[Side, Side] = ("own", "foreign")
    for sample, who, side in itertools.product(SAMPLES, ROLES, sides):
        cases += 1
        answer = matrix.try_out(sample, who, side)
        case = (sample.route, sample.body, who, side)
        if answer.status_code != expected(sample, who, side):
            wrong.append((case, answer.status_code, expected(sample, who, side), answer.text))
        if leaking(matrix, sample, who, side, answer):
            leaks.append((case, answer.text))
    with capsys.disabled():
        sys.stdout.write(f"\n{cases} route × role × tenant cases, {len(leaks)} leaks\n")
    assert wrong == []
    assert leaks == []
    assert cases > 1000


def leaking(matrix: Matrix, sample: Sample, who: str, side: Side, answer: httpx.Response) -> bool:
    """Whether somebody learns from the answer that a thing is there which is not for him."""
    if not any(allowed(sample, who, action, side) for action in (sample.action, sample.sees)):
        nowhere = matrix.try_out(sample, who, "nowhere")
        return (answer.status_code, answer.content) != (nowhere.status_code, nowhere.content)
    foreign = matrix.ids["foreign"]
    secrets = [f'"{foreign[name]}"' for name in ("tenant_id", "device_id", "model_id", "email")]
    # What one sends oneself is no secret, and an administrator has none to miss.
    return who != "admin" and any(secret in answer.text for secret in secrets)


def test_a_device_route_refuses_every_person_in_the_same_words(matrix: Matrix) -> None:
    for route, who in itertools.product(DEVICES_OWN, ROLES):
        answers = {
            (answer.status_code, answer.text)
            for side in matrix.ids
            for answer in [matrix.try_out(Sample(route, body={"power": 1}), who, side)]
        }
        assert len(answers) == 1
        assert answers.pop()[0] == 401


def test_a_route_for_visitors_asks_nobody_for_a_token(matrix: Matrix) -> None:
    for route, who in itertools.product(VISITORS, ROLES):
        assert matrix.try_out(Sample(route, body={}), who, "own").status_code == 422


A_KEY = {"name": "Key", "max_devices": 1}
# Foreign ids in bodies and queries, beside own ones in the path.
FOREIGN: list[tuple[str, str, dict[str, Any] | None, str]] = [
    ("POST", "/devices", {"tenant_id": "{tenant_id}", "name": "x"}, ""),
    ("POST", "/devices", {"tenant_id": "sunny", "name": "x", "model_id": "{model_id}"}, ""),
    ("PATCH", "/devices/sunny-1", {"model_id": "{model_id}"}, ""),
    ("POST", "/models", {"id": "mine", "tenant_id": "{tenant_id}", "name": "x"}, ""),
    ("POST", "/users/{own}/memberships", {"role": "viewer", "tenant_id": "{tenant_id}"}, ""),
    ("POST", "/users/{own}/memberships", {"role": "viewer", "park_id": "{park_id}"}, ""),
    ("DELETE", "/users/{own}/memberships/{membership_id}", None, ""),
    ("DELETE", "/devices/sunny-1/secrets/{secret_id}", None, ""),
    ("PATCH", "/tenants/sunny", {"park_id": "{park_id}"}, ""),
    ("POST", "/tokens", {"name": "x", "user_id": "{user_id}"}, ""),
    ("GET", "/tokens", None, "user_id={user_id}"),
    ("GET", "/users", None, "email={email}"),
    ("GET", "/tenants", None, "park_id={park_id}"),
    ("GET", "/models", None, "tenant_id={tenant_id}"),
    ("GET", "/devices", None, "tenant_id={tenant_id}"),
    ("GET", "/devices", None, "park_id={park_id}"),
    ("GET", "/devices", None, "lab_id={lab_id}"),
    ("GET", "/devices", None, "model_id={model_id}"),
    ("GET", "/devices", None, "q={device_id}"),
    ("GET", "/exports/readings", None, "id={device_id}"),
    ("GET", "/rejections", None, "tenant_id={tenant_id}"),
    ("GET", "/rejections", None, "park_id={park_id}"),
    ("POST", "/bookings", BOOKING, ""),
    ("POST", "/claims", {"code": "{code}", "tenant_id": "{tenant_id}"}, ""),
    ("POST", "/invitations", {**INVITED, "email": "x@example.org"}, ""),
    ("POST", "/agreements", AGREEMENT, ""),
    ("POST", "/agreements", {**AGREEMENT, "tenant_id": "sunny", "device_ids": ["{device_id}"]}, ""),
    ("POST", "/agreements", {**AGREEMENT, "tenant_id": "sunny", "model_ids": ["{model_id}"]}, ""),
    ("POST", "/transfers", {**TO_THIRD, "from_tenant_id": "sunny", "devices": ["{device_id}"]}, ""),
    ("POST", "/tenants/sunny/provisioning-keys", {**A_KEY, "model_id": "{model_id}"}, ""),
    ("GET", "/tenants/sunny/holdings", None, "device_id={device_id}"),
    ("GET", "/bookings", None, "tenant_id={tenant_id}"),
    ("GET", "/transfers", None, "tenant_id={tenant_id}"),
    ("GET", "/agreements", None, "tenant_id={tenant_id}"),
    ("GET", "/agreements", None, "reader_tenant_id={tenant_id}"),
    ("GET", "/latest", None, "device_id={device_id}"),
    ("GET", "/latest", None, "tenant_id={tenant_id}"),
    ("GET", "/latest", None, "park_id={park_id}"),
    ("GET", "/history", None, "metric=power&device_id={device_id}"),
    (
        "GET",
        "/history",
        None,
        "metric=power&tenant_id={tenant_id}&from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z",
    ),
    ("GET", "/live", None, "tenant_id={tenant_id}&seconds=0"),
    ("POST", "/retention", {"tenant_id": "{tenant_id}", "days": 9}, ""),
    ("POST", "/retention", {"tenant_id": "sunny", "model_id": "{model_id}", "days": 9}, ""),
    ("POST", "/retention", {"device_id": "{device_id}", "days": 9}, ""),
    ("POST", "/retention/dry-run", {"device_id": "{device_id}"}, ""),
    (
        "GET",
        "/quality",
        None,
        "tenant_id={tenant_id}&from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z",
    ),
    ("GET", "/quality", None, "lab_id={lab_id}&from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z"),
    ("GET", "/audit", None, "tenant_id={tenant_id}"),
    ("GET", "/audit", None, "park_id={park_id}"),
    ("GET", "/audit", None, "subject={device_id}"),
    ("GET", "/audit", None, "user_id={user_id}"),
]


@pytest.mark.parametrize("who", ["owner", "manager", "viewer", "nobody"])
def test_foreign_ids_are_answered_like_ids_of_nothing(matrix: Matrix, who: str) -> None:
    own = matrix.ids["own"]["user_id"]
    for method, path, body, query in FOREIGN:
        here, nowhere = (
            matrix.ask(
                who,
                method,
                path.format(**matrix.ids[side], own=own),
                filled(body, matrix.ids[side]),
                query.format(**matrix.ids[side]),
            )
            for side in ("foreign", "nowhere")
        )
        case = (method, path, body, query)
        assert here.status_code == nowhere.status_code, case
        assert unnamed(matrix, "foreign", here) == unnamed(matrix, "nowhere", nowhere), case
        assert here.is_error or json.loads(here.content)["items"] == [], case


def unnamed(matrix: Matrix, side: Side, answer: httpx.Response) -> str:
    """The answer without the ids that the request named, and that a refusal may repeat."""
    text = answer.text
    for name in ("device_id", "model_id"):
        text = text.replace(str(matrix.ids[side][name]), "…")
    return text
