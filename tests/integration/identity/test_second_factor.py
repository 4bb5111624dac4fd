"""Authenticator apps and recovery codes."""

import time

import psycopg
import pyotp
import pytest

from cli.api import ApiError
from tests.integration.identity.conftest import EMAIL, PASSWORD, WRONG_PASSWORD, sign_in
from tests.integration.registry.conftest import RunningRegistry, World


class App:
    """An authenticator app: each code that it shows is of a later time step."""

    def __init__(self, secret: str) -> None:
        self.codes = pyotp.TOTP(secret)
        self.step = 0

    def code(self) -> str:
        # The platform takes codes from a step before its time to a step after.
        self.step = max(self.step + 1, int(time.time()) // 30 - 1)
        return self.codes.generate_otp(self.step)


def enrol(registry: RunningRegistry, token: str) -> tuple[App, list[str]]:
    """Enrol and confirm an app.

    Returns:
        The app, which has codes for two sign-ins, and the recovery codes.
    """
    api = registry.as_(token)
    enrolled = api.post("me/authenticator", {"password": PASSWORD})
    app = App(enrolled["secret"])
    codes = api.post("me/authenticator/confirm", {"code": app.code()})["recovery_codes"]
    return app, codes


def test_sign_in_asks_for_a_code_and_takes_each_once(owner: RunningRegistry, world: World) -> None:
    app, _ = enrol(owner, world.tokens["owner"])
    missing = sign_in(owner)
    assert missing.status_code == 401
    assert missing.json()["errors"][0]["pointer"] == "#/code"
    code = app.code()
    assert sign_in(owner, password=WRONG_PASSWORD, code=code).json()["errors"] == []
    assert sign_in(owner, code=code).status_code == 201
    assert sign_in(owner, code=code).status_code == 401
    later = app.code()
    assert sign_in(owner, code=f"{later[:3]} {later[3:]}").status_code == 201
    for wrong in ("000000", "٠٠٠٠٠٠", "abcdef"):
        assert sign_in(owner, code=wrong).status_code == 401


def test_a_code_far_from_now_is_refused(owner: RunningRegistry, world: World) -> None:
    app, _ = enrol(owner, world.tokens["owner"])
    now = int(time.time()) // 30
    for step in (now - 3, now + 3):
        assert sign_in(owner, code=app.codes.generate_otp(step)).status_code == 401


def test_the_address_for_the_app_names_user_and_platform(
    owner: RunningRegistry, world: World
) -> None:
    enrolled = owner.as_(world.tokens["owner"]).post("me/authenticator", {"password": PASSWORD})
    app = pyotp.parse_uri(enrolled["uri"])
    assert (app.name, app.issuer, app.secret) == (EMAIL, "Technopark IoT", enrolled["secret"])


def test_an_app_counts_only_when_a_code_of_it_was_seen(
    owner: RunningRegistry, world: World
) -> None:
    api = owner.as_(world.tokens["owner"])
    with pytest.raises(ApiError) as refused:
        api.post("me/authenticator", {"password": WRONG_PASSWORD})
    assert refused.value.status == 403
    api.post("me/authenticator", {"password": PASSWORD})
    with pytest.raises(ApiError, match="code: this code is wrong"):
        api.post("me/authenticator/confirm", {"code": "000000"})
    assert sign_in(owner).status_code == 201
    assert api.get("me/authenticator") == {"confirmed_at": None, "recovery_codes": 0}
    enrol(owner, world.tokens["owner"])
    shown = api.get("me/authenticator")
    assert shown["confirmed_at"]
    assert shown["recovery_codes"] == 10
    with pytest.raises(ApiError, match="remove it before"):
        api.post("me/authenticator", {"password": PASSWORD})


def test_a_recovery_code_signs_in_once(owner: RunningRegistry, world: World) -> None:
    _, codes = enrol(owner, world.tokens["owner"])
    assert len(set(codes)) == 10
    assert sign_in(owner, code=codes[3].upper()).status_code == 201
    assert sign_in(owner, code=codes[3]).status_code == 401
    assert owner.as_(world.tokens["owner"]).get("me/authenticator")["recovery_codes"] == 9


def test_codes_cannot_be_guessed_by_who_knows_the_password(
    owner: RunningRegistry, world: World, connection: psycopg.Connection
) -> None:
    app, _ = enrol(owner, world.tokens["owner"])
    for _ in range(5):
        assert sign_in(owner, code="000000").status_code == 401
        connection.execute("UPDATE attempts SET open_at = now() WHERE key NOT LIKE 'code %'")
    assert sign_in(owner, code=app.code()).status_code == 429


def test_removing_the_app_needs_password_and_code(owner: RunningRegistry, world: World) -> None:
    api = owner.as_(world.tokens["owner"])
    app, codes = enrol(owner, world.tokens["owner"])
    for body, status in (
        ({"password": WRONG_PASSWORD, "code": codes[0]}, 403),
        ({"password": PASSWORD, "code": "000000"}, 422),
    ):
        with pytest.raises(ApiError) as refused:
            api.post("me/authenticator/remove", body)
        assert refused.value.status == status
    # A refusal used up nothing.
    api.post("me/authenticator/remove", {"password": PASSWORD, "code": codes[0]})
    assert sign_in(owner).status_code == 201
    assert sign_in(owner, code=app.code()).status_code == 201


def test_an_administrator_removes_the_app_of_who_has_lost_it(
    owner: RunningRegistry, world: World
) -> None:
    enrol(owner, world.tokens["owner"])
    path = f"/api/v1/users/{world.ids['owner']}/authenticator"
    assert owner.request("DELETE", path, world.tokens["owner"]).status_code == 403
    assert owner.request("DELETE", path, world.tokens["stranger"]).status_code == 404
    assert owner.request("DELETE", path, owner.admin_token).status_code == 204
    assert owner.request("DELETE", path, owner.admin_token).status_code == 404
    assert sign_in(owner).status_code == 201


def test_the_database_alone_gives_no_codes(
    owner: RunningRegistry, world: World, connection: psycopg.Connection
) -> None:
    app, codes = enrol(owner, world.tokens["owner"])
    secret = connection.execute("SELECT secret FROM authenticators").fetchone()
    assert secret
    assert app.codes.secret.encode() not in secret[0]
    stored = str(connection.execute("SELECT * FROM recovery_codes").fetchall())
    assert codes[0].replace("-", "") not in stored


def test_without_a_key_of_the_platform_nobody_enrols(
    owner: RunningRegistry, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(owner.app.state.settings, "identity_key", None)
    with pytest.raises(ApiError, match="IDENTITY_KEY"):
        owner.as_(world.tokens["owner"]).post("me/authenticator", {"password": PASSWORD})
