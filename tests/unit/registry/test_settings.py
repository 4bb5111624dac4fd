import os
import socket
import subprocess
import sys

import pytest
from pydantic import ValidationError

from registry.settings import Settings
from tests.parts import free_port

SETTINGS = {
    "TECHNOPARK_DATABASE_URL": "postgresql://user:very-secret@127.0.0.1:1/none",
    "TECHNOPARK_BROKER_FOLDER": "/nowhere",
    "TECHNOPARK_REGISTRY_PASSWORD": "very-secret",
    "TECHNOPARK_INGEST_PASSWORD": "very-secret",
}


def start(**settings: str) -> subprocess.CompletedProcess[str]:
    """Run the registry until it ends by itself."""
    clean = {name: value for name, value in os.environ.items() if "TECHNOPARK" not in name}
    return subprocess.run(
        [sys.executable, "-m", "registry"],
        env=clean | settings,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_a_missing_setting_is_named() -> None:
    ended = start()
    assert ended.returncode == 2
    for name in SETTINGS:
        assert name in ended.stderr


def test_a_broken_setting_is_named_and_no_secret_shown() -> None:
    ended = start(**SETTINGS, TECHNOPARK_API_PORT="many")
    assert ended.returncode == 2
    assert "TECHNOPARK_API_PORT" in ended.stderr
    assert "very-secret" not in ended.stderr


@pytest.mark.parametrize("option", ["TECHNOPARK_API_PORT", "TECHNOPARK_REGISTRY_PORT"])
def test_a_taken_port_is_named_with_its_option(option: str) -> None:
    ports = {name: str(free_port()) for name in ("TECHNOPARK_API_PORT", "TECHNOPARK_REGISTRY_PORT")}
    with socket.create_server(("127.0.0.1", int(ports[option]))):
        ended = start(**SETTINGS, **ports)
    assert ended.returncode == 1
    assert f"option={option} port={ports[option]}" in ended.stderr
    assert "very-secret" not in ended.stderr


def refused(**settings: object) -> str:
    """How settings of mail are refused."""
    base = {name.removeprefix("TECHNOPARK_").lower(): value for name, value in SETTINGS.items()}
    with pytest.raises(ValidationError) as error:
        Settings.model_validate({**base, "identity_key": "k" * 16, **settings})
    return str(error.value.errors(include_input=False)[0]["msg"])


def test_a_mail_server_is_set_wholly_or_not_at_all() -> None:
    sender = {"mail_from": "iot@park.example"}
    host = {"smtp_host": "mail.park.example"}
    assert "SMTP_HOST" in refused(**sender)
    assert "MAIL_FROM" in refused(**host)
    assert "IDENTITY_KEY" in refused(**host, **sender, identity_key=None)
    assert "SMTP_PASSWORD" in refused(**host, **sender, smtp_user="park")
    open_to_all = {"smtp_user": "park", "smtp_password": "secret", "smtp_tls": "none"}
    assert "starttls" in refused(**host, **sender, **open_to_all)
