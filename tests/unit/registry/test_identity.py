import asyncio
import threading
from pathlib import Path

import pytest
from fastapi.routing import APIRouter
from pydantic import SecretStr, ValidationError

from registry.app import ROUTERS
from registry.http.problems import UnavailableError
from registry.identity.password_hashing import (
    AT_ONCE,
    WAITING,
    Hasher,
    is_outdated,
    normal,
    strong,
    verify,
)
from registry.identity.scopes import WRITES
from registry.identity.sign_in import address_key
from registry.settings import Settings


def settings(**fields: object) -> Settings:
    required = {
        "database_url": "postgresql://nowhere",
        "broker_folder": Path("/nowhere"),
        "registry_password": "x",
        "ingest_password": "x",
    }
    return Settings.model_validate({**required, **fields})


@pytest.mark.parametrize(
    "weak",
    [
        "password12345",
        "Passw0rd!!!!",
        "PASSWORDpassword",
        "qwertyuiop[]",
        "technopark2026",
        "1234567890123",
        "!!!!????!!!!",
        "abababababab",
    ],
)
def test_what_is_guessed_first_is_no_password(weak: str) -> None:
    with pytest.raises(ValueError, match="too common"):
        strong(SecretStr(weak))


@pytest.mark.parametrize(
    "good", ["correct horse battery", "Tr0ub4dor&3x9", "пароль из слов", "密码密码安全的密码很长"]
)
def test_other_passwords_are_taken_in_any_script(good: str) -> None:
    assert strong(SecretStr(good)).get_secret_value() == good


def test_one_password_spelt_by_two_keyboards_is_the_same() -> None:
    assert normal(SecretStr("caf\u00e9 au lait")) == normal(SecretStr("cafe\u0301 au lait"))


def test_a_damaged_hash_matches_nothing() -> None:
    assert not verify("$argon2id$nonsense", "x")
    assert not verify("", "x")


def test_a_flood_of_sign_ins_is_sent_away_before_it_takes_memory() -> None:
    running, most, go_on = 0, 0, threading.Event()
    lock, begun = threading.Lock(), threading.Semaphore(0)

    def work() -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        begun.release()
        go_on.wait(10)
        with lock:
            running -= 1

    async def flood() -> list[BaseException | None]:
        hasher = Hasher()
        asked = [asyncio.create_task(hasher.run(work)) for _ in range(AT_ONCE + WAITING + 5)]
        done, _ = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
        assert len(done) == 5
        for _ in range(AT_ONCE):
            assert await asyncio.to_thread(begun.acquire, timeout=10)
        go_on.set()
        return await asyncio.gather(*asked, return_exceptions=True)

    answers = asyncio.run(flood())
    assert sum(isinstance(answer, UnavailableError) for answer in answers) == 5
    assert answers.count(None) == AT_ONCE + WAITING
    assert most == AT_ONCE


def test_parameters_of_yesterday_are_outdated() -> None:
    salt_and_hash = "c29tZXNhbHRzb21lc2FsdA$RdescudvJCsgt3ub+b+dWRWJTmaaJObG3yJpkdkjYAo"
    assert is_outdated(f"$argon2id$v=19$m=8,t=1,p=1${salt_and_hash}")


def test_a_home_with_ipv6_is_one_address() -> None:
    assert address_key("2001:db8::1") == address_key("2001:db8::ffff:1")
    assert address_key("2001:db8::1") != address_key("2001:db8:0:1::1")
    assert address_key("192.0.2.1") != address_key("192.0.2.2")
    assert address_key("::ffff:192.0.2.1") == address_key("192.0.2.1")
    assert address_key("") == "address "


def test_every_kind_of_thing_is_written_with_a_scope_or_with_all() -> None:
    """A new tag must not come to a scope by accident, nor be forgotten."""
    tags = {tag for module in ROUTERS for tag in router_of(module).tags}
    assert tags - set(WRITES) == {"identity", "telemetry", "audit", "retention", "quality"}


def router_of(module: object) -> APIRouter:
    router = module.router  # type: ignore[attr-defined]
    assert isinstance(router, APIRouter)
    return router


def test_half_a_provider_is_a_broken_setting() -> None:
    whole = {
        "oidc_issuer": "https://id.example",
        "oidc_client_id": "technopark",
        "oidc_client_secret": "x",
    }
    assert settings(**whole).oidc_issuer == "https://id.example"
    for name in whole:
        with pytest.raises(ValidationError):
            settings(**whole | {name: None})


def test_a_provider_without_tls_is_refused_unless_it_is_here() -> None:
    more = {"oidc_client_id": "technopark", "oidc_client_secret": "x"}
    with pytest.raises(ValidationError):
        settings(oidc_issuer="http://id.example", **more)
    with pytest.raises(ValidationError):
        settings(oidc_issuer="http://localhost.evil.example", **more)
    assert settings(oidc_issuer="http://localhost:9400", **more)


@pytest.mark.parametrize("wrong", ["proxy.example", "10.0.0.1,", "10.0.0.1/8", "1.2.3.4;5.6.7.8"])
def test_a_trusted_proxy_is_an_address_or_a_network(wrong: str) -> None:
    with pytest.raises(ValidationError):
        settings(trusted_proxies=wrong)
    assert settings(trusted_proxies="10.0.0.1, 192.0.2.0/24,2001:db8::/32").trusted_proxies


def test_links_lead_to_where_people_reach_the_platform() -> None:
    assert settings(api_port=8123).origin == "http://127.0.0.1:8123"
    assert settings(public_url="https://iot.example/").origin == "https://iot.example"
    assert settings(public_url="https://iot.example").is_https
