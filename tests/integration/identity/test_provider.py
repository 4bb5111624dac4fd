"""Sign-in by a real OpenID provider on this machine, a program of its own."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

import httpx
import psycopg
import pytest

from storage.accounts import create_first_admin
from tests.integration.identity.conftest import EMAIL, cookie, set_password, sign_in
from tests.integration.registry.conftest import RunningRegistry, World, registry_settings
from tests.parts import free_port, listens, wait_until

PATH = "/api/v1/sign-in/provider"
VERIFIED = {"email": EMAIL, "email_verified": True, "name": "Olga Owner"}


@dataclass
class RunningProvider:
    """The provider. Its keys are new whenever it starts."""

    port: int = field(default_factory=free_port)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "oidc_provider_mock", "-p", str(self.port)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_until(lambda: listens(self.port), "the provider to answer")

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(10)

    def know(self, subject: str, **claims: object) -> None:
        """Say this of a person; also what the platform checks, so that it is wrong."""
        answer = httpx.put(f"{self.url}/users/{subject}", json=claims, trust_env=False)
        answer.raise_for_status()

    def sign_in(self, address: str, subject: str) -> str:
        """The person agrees on the provider's page: where it sends the browser."""
        answer = httpx.post(address, data={"sub": subject}, trust_env=False)
        return answer.headers["Location"]


@pytest.fixture(scope="module")
def provider() -> Iterator[RunningProvider]:
    running = RunningProvider()
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def with_provider(
    identity_url: str, provider: RunningProvider, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningRegistry]:
    settings = registry_settings(
        identity_url,
        tmp_path_factory.mktemp("provider"),
        free_port(),
        oidc_issuer=provider.url,
        oidc_client_id="technopark",
        oidc_client_secret="secret of the tests alone",
    )
    running = RunningRegistry(settings, "")
    running.start()
    yield running
    running.stop()


@pytest.fixture
def registry(with_provider: RunningRegistry, connection: psycopg.Connection) -> RunningRegistry:
    with_provider.admin_token = create_first_admin(connection) or ""
    return with_provider


def come_back(
    registry: RunningRegistry, provider: RunningProvider, subject: str, **changed: str
) -> httpx.Response:
    """A browser signs in; some parameters of what the platform asks are changed on the way."""
    begun = registry.request("GET", PATH)
    address = httpx.URL(begun.headers["Location"]).copy_merge_params(changed)
    back = urlsplit(provider.sign_in(str(address), subject))
    return registry.request("GET", f"{back.path}?{back.query}", headers=cookie(begun))


def whose(registry: RunningRegistry, response: httpx.Response) -> str:
    """The e-mail address of the session that an answer begins."""
    [key] = [line for line in response.headers.get_list("Set-Cookie") if "tps_" in line]
    me = registry.request("GET", "/api/v1/me", headers={"Cookie": key.partition(";")[0]})
    return str(me.json()["email"])


def test_a_known_user_signs_in_by_a_verified_address(
    registry: RunningRegistry, world: World, provider: RunningProvider
) -> None:
    provider.know("olga", **VERIFIED)
    response = come_back(registry, provider, "olga")
    assert (response.status_code, response.headers["Location"]) == (303, "/docs")
    assert whose(registry, response) == EMAIL
    # From now on the subject counts, whatever the address is.
    provider.know("olga", email="olga@elsewhere.example")
    assert whose(registry, come_back(registry, provider, "olga")) == EMAIL


def test_the_provider_is_asked_with_pkce_state_and_nonce(
    registry: RunningRegistry, provider: RunningProvider
) -> None:
    begun = registry.request("GET", PATH)
    asked = parse_qs(urlsplit(begun.headers["Location"]).query)
    assert asked["code_challenge_method"] == ["S256"]
    assert asked["redirect_uri"] == [f"{registry.url}{PATH}/callback"]
    assert asked["scope"] == ["openid email profile"]
    values = [asked[name][0] for name in ("state", "nonce", "code_challenge")]
    assert len({*values, cookie(begun)["Cookie"].partition("=")[2]}) == 4
    assert min(map(len, values)) == 43
    flags = begun.headers["Set-Cookie"].lower()
    assert "httponly" in flags
    assert "samesite=lax" in flags
    assert begun.headers["Location"] != registry.request("GET", PATH).headers["Location"]


def test_an_invited_person_becomes_a_user_with_the_role(
    registry: RunningRegistry, world: World, provider: RunningProvider
) -> None:
    registry.admin.post(
        "invitations", {"email": "new@example.org", "role": "mentor", "tenant_id": "sunny"}
    )
    provider.know("new", email="New@example.org", email_verified=True, name="New Mentor")
    assert whose(registry, come_back(registry, provider, "new")) == "New@example.org"
    [user] = registry.admin.items("users", email="new@example.org")
    assert user["name"] == "New Mentor"
    [role] = registry.admin.items(f"users/{user['id']}/memberships")
    assert (role["role"], role["tenant_id"]) == ("mentor", "sunny")
    assert list(registry.admin.items("invitations")) == []


@pytest.mark.parametrize(
    ("claims", "words"),
    [
        ({"email": EMAIL}, "verified"),
        ({"email": EMAIL, "email_verified": False}, "verified"),
        ({"email": EMAIL, "email_verified": "no"}, "verified"),
        ({"email_verified": True}, "verified"),
        ({"email": "stranger@elsewhere.example", "email_verified": True}, "invitation"),
        ({**VERIFIED, "iss": "https://evil.example"}, "not valid"),
        ({**VERIFIED, "aud": "another-client"}, "not valid"),
        ({**VERIFIED, "aud": ["another-client"]}, "not valid"),
        ({**VERIFIED, "nonce": "of-another-sign-in"}, "not valid"),
        ({**VERIFIED, "exp": 1_700_000_000}, "not valid"),
        ({**VERIFIED, "iat": 9_900_000_000}, "not valid"),
        ({**VERIFIED, "at_hash": "of-another-token"}, "not valid"),
    ],
)
def test_claims_that_are_not_right_are_refused(
    registry: RunningRegistry,
    world: World,
    provider: RunningProvider,
    claims: dict[str, object],
    words: str,
) -> None:
    provider.know("mallory", **claims)
    response = come_back(registry, provider, "mallory")
    assert response.status_code == 401
    assert words in response.json()["detail"]
    assert "set-cookie" not in response.headers


def test_a_clock_that_is_a_little_off_does_no_harm(
    registry: RunningRegistry, world: World, provider: RunningProvider
) -> None:
    provider.know("olga", **VERIFIED, exp=int(time.time()) - 30)
    assert come_back(registry, provider, "olga").status_code == 303


def test_an_answer_of_another_sign_in_is_refused(
    registry: RunningRegistry, world: World, provider: RunningProvider
) -> None:
    """Somebody sends a victim the end of his own sign-in, so that she works in his account."""
    provider.know("olga", **VERIFIED)
    his, hers = registry.request("GET", PATH), registry.request("GET", PATH)
    back = urlsplit(provider.sign_in(his.headers["Location"], "olga"))
    for headers in ({}, cookie(hers)):
        response = registry.request("GET", f"{back.path}?{back.query}", headers=headers)
        assert response.status_code == 401
        assert "not begun in this browser" in response.json()["detail"]
    assert come_back(registry, provider, "olga", nonce="changed").status_code == 401
    assert come_back(registry, provider, "olga", state="changed").status_code == 401
    refused = registry.request(
        "GET", f"{PATH}/callback?code=made-up&state={state_of(his)}", headers=cookie(his)
    )
    assert (refused.status_code, "not valid" in refused.json()["detail"]) == (401, True)


def state_of(begun: httpx.Response) -> str:
    return parse_qs(urlsplit(begun.headers["Location"]).query)["state"][0]


def test_who_says_no_at_the_provider_is_not_signed_in(
    registry: RunningRegistry, provider: RunningProvider
) -> None:
    begun = registry.request("GET", PATH)
    query = f"error=access_denied&state={state_of(begun)}"
    response = registry.request("GET", f"{PATH}/callback?{query}", headers=cookie(begun))
    assert response.status_code == 401


def test_the_first_sign_in_by_a_provider_puts_out_whoever_was_in_the_account(
    registry: RunningRegistry, world: World, provider: RunningProvider
) -> None:
    """An account can be made for an address that is another's, to wait for its owner."""
    token = world.tokens["owner"]
    set_password(registry, token)
    browser = cookie(sign_in(registry))
    provider.know("olga", **VERIFIED)
    assert come_back(registry, provider, "olga").status_code == 303
    assert registry.request("GET", "/api/v1/me", token).status_code == 401
    assert registry.request("GET", "/api/v1/me", headers=browser).status_code == 401
    assert sign_in(registry).status_code == 401


def test_an_address_that_the_provider_gives_to_somebody_else_opens_nothing(
    registry: RunningRegistry, world: World, provider: RunningProvider
) -> None:
    provider.know("olga", **VERIFIED)
    come_back(registry, provider, "olga")
    provider.know("successor", **VERIFIED)
    response = come_back(registry, provider, "successor")
    assert response.status_code == 401
    assert "another account" in response.json()["detail"]


def test_new_keys_of_the_provider_are_fetched_and_its_absence_is_told(
    registry: RunningRegistry, world: World, provider: RunningProvider
) -> None:
    provider.know("olga", **VERIFIED)
    assert come_back(registry, provider, "olga").status_code == 303
    begun = registry.request("GET", PATH)
    back = urlsplit(provider.sign_in(begun.headers["Location"], "olga"))
    provider.stop()
    away = registry.request("GET", f"{back.path}?{back.query}", headers=cookie(begun))
    assert away.status_code == 503
    assert away.headers["Retry-After"]
    provider.start()
    provider.know("olga", **VERIFIED)
    assert come_back(registry, provider, "olga").status_code == 303


def test_without_a_provider_there_is_no_such_sign_in(served: RunningRegistry) -> None:
    assert served.request("GET", PATH).status_code == 404
