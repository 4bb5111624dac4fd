"""Claim codes: a device goes to another tenant, once."""

from __future__ import annotations

import struct
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psycopg
import pytest
import typer
from typer.testing import CliRunner, Result

from broker.passwords import verify_secret
from cli import claims
from cli.api import ApiError
from registry.enrolment.claims import TRIES
from tests.integration.registry.conftest import RunningRegistry, World

NOT_TO_BE_HAD = "there is no device to be had by this code: it is unknown, used or old"


def issue(registry: RunningRegistry, world: World, device: str = "sunny-1") -> str:
    owner = registry.as_(world.tokens["owner"])
    return str(owner.post(f"devices/{device}/claim-code")["code"])


def claim(registry: RunningRegistry, token: str, code: str, tenant: str) -> httpx.Response:
    body = {"code": code, "tenant_id": tenant}
    return registry.request("POST", "/api/v1/claims", token, json=body)


def test_who_has_the_code_takes_the_device_over_with_a_new_secret(
    registry: RunningRegistry, world: World, connection: psycopg.Connection
) -> None:
    owner, stranger = (registry.as_(world.tokens[name]) for name in ("owner", "stranger"))
    place = {"model_id": "sunny-model", "lab_id": "porto-lab", "tags": ["roof"]}
    owner.patch("devices/sunny-1", place)
    owner.post("devices/sunny-1/secrets")
    code = issue(registry, world)
    assert code not in str(connection.execute("SELECT * FROM claim_codes").fetchall())

    device = stranger.post("claims", {"code": code.lower(), "tenant_id": "other"})
    assert (device["id"], device["tenant_id"], device["tags"]) == ("sunny-1", "other", ["roof"])
    # The old owner's own model and a lab of another park do not come along.
    assert (device["model_id"], device["lab_id"]) == (None, None)
    hashes = connection.execute(
        "SELECT hash FROM device_secrets WHERE revoked_at IS NULL AND expires_at IS NULL"
    ).fetchall()
    assert [verify_secret(device["secret"], hashed) for (hashed,) in hashes] == [True]
    with pytest.raises(ApiError) as refused:
        owner.get("devices/sunny-1")
    assert refused.value.status == 404


def test_a_common_model_and_a_lab_of_the_new_owners_park_stay(
    registry: RunningRegistry, world: World
) -> None:
    registry.admin.patch("devices/sunny-1", {"model_id": "common", "lab_id": "pune-lab"})
    answer = claim(registry, world.tokens["stranger"], issue(registry, world), "other")
    assert (answer.json()["model_id"], answer.json()["lab_id"]) == ("common", "pune-lab")


def test_a_code_that_is_used_old_replaced_withdrawn_or_unknown_is_refused_in_the_same_words(
    registry: RunningRegistry, world: World, connection: psycopg.Connection
) -> None:
    owner, stranger = registry.as_(world.tokens["owner"]), world.tokens["stranger"]
    worthless = ["K7QD-9M2X-4HVP-0TWA6", issue(registry, world), issue(registry, world)]
    owner.delete("devices/sunny-1/claim-code")
    with pytest.raises(ApiError, match="no claim code"):
        owner.delete("devices/sunny-1/claim-code")
    worthless.append(issue(registry, world))
    connection.execute("UPDATE claim_codes SET expires_at = now()")
    answers = [claim(registry, stranger, code, "other") for code in worthless]

    used = issue(registry, world)
    assert claim(registry, stranger, used, "other").status_code == 201
    answers.append(claim(registry, stranger, used, "other"))
    # A code of the owner before the last one, and one of a device that is retired since.
    back = registry.as_(stranger).post("devices/sunny-1/claim-code")["code"]
    connection.execute("UPDATE devices SET tenant_id = 'sunny' WHERE id = 'sunny-1'")
    answers.append(claim(registry, stranger, back, "other"))
    last = issue(registry, world)
    owner.post("devices/sunny-1/retire")
    answers.append(claim(registry, stranger, last, "other"))
    assert {(answer.status_code, answer.json()["detail"]) for answer in answers} == {
        (404, NOT_TO_BE_HAD)
    }
    with pytest.raises(ApiError, match="retired"):
        issue(registry, world)


def test_of_many_who_use_a_code_at_once_one_has_the_device(
    registry: RunningRegistry, world: World
) -> None:
    code, token = issue(registry, world), world.tokens["stranger"]
    with ThreadPoolExecutor(4) as pool:
        answers = pool.map(lambda _: claim(registry, token, code, "other").status_code, range(4))
    assert sorted(answers) == [201, 404, 404, 404]


def test_who_may_give_away_and_take_over(registry: RunningRegistry, world: World) -> None:
    giving = {"owner": 201, "member": 403, "manager": 403, "viewer": 403, "stranger": 404}
    for name, status in giving.items():
        path = "/api/v1/devices/sunny-1/claim-code"
        answer = registry.request("POST", path, world.tokens[name], json={})
        assert answer.status_code == status, name
    code = issue(registry, world)
    # None of these uses the code up.
    for name, tenant, status in [
        ("nobody", "other", 422), ("stranger", "sunny", 422), ("stranger", "nowhere", 422),
        ("mentor", "sunny", 403), ("member", "sunny", 409), ("stranger", "other", 201),
    ]:  # fmt: skip
        answer = claim(registry, world.tokens[name], code, tenant)
        assert answer.status_code == status, (name, tenant)


def test_guessing_ends_after_some_tries_but_slips_and_other_people_do_not_count(
    registry: RunningRegistry, world: World
) -> None:
    code, guess = issue(registry, world), "K7QD-9M2X-4HVP-0TWA6"
    slip = claim(registry, world.tokens["stranger"], guess[:-1] + "7", "other")
    assert slip.status_code == 422
    assert "compare it with the label" in slip.text
    for _ in range(TRIES):
        assert claim(registry, world.tokens["stranger"], guess, "other").status_code == 404
    answer = claim(registry, world.tokens["stranger"], code, "other")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "60")
    assert claim(registry, registry.admin_token, code, "other").status_code == 201


app = typer.Typer()
app.command("claim-code")(claims.claim_code)
app.command("claim")(claims.claim)


def run(registry: RunningRegistry, token: str, *arguments: object) -> Result:
    environment = {"TECHNOPARK_API_URL": registry.url, "TECHNOPARK_TOKEN": token}
    return CliRunner().invoke(app, [str(each) for each in arguments], env=environment)


def test_a_code_is_printed_as_a_picture_and_claimed_by_command(
    registry: RunningRegistry, world: World, tmp_path: Path
) -> None:
    png, svg = tmp_path / "label.png", tmp_path / "label.svg"
    issued = run(
        registry, world.tokens["owner"], "claim-code", "sunny-1", "--png", png, "--svg", svg
    )
    assert issued.exit_code == 0, issued.output
    assert "▀" in issued.output
    width, height = struct.unpack(">II", png.read_bytes()[16:24])
    assert width == height > 100
    assert svg.read_bytes().startswith(b"<?xml")

    code = issued.output.split("\n\n")[1].strip()
    claimed = run(registry, world.tokens["stranger"], "claim", code, "--tenant", "other")
    assert claimed.exit_code == 0, claimed.output
    assert "tpd_" in claimed.output
    again = run(registry, world.tokens["stranger"], "claim", code, "--tenant", "other")
    assert again.exit_code == 1
    assert NOT_TO_BE_HAD in again.output
