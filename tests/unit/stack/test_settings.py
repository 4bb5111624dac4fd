"""Settings: from the environment, with words for what is wrong."""

import re
from pathlib import Path

import pytest

from stack import settings
from stack.errors import StackError
from stack.settings import PREFIX, Settings

OPERATIONS = Path(__file__).parents[3] / "docs/operations.md"


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"{PREFIX}{name.upper()}", raising=False)


def test_an_option_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TECHNOPARK_MQTT_PORT", "2000")
    monkeypatch.setenv("TECHNOPARK_API_PORT", "2001")
    found = settings.load({"mqtt_port": 3000, "api_port": None})
    assert (found.mqtt_port, found.api_port) == (3000, 2001)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MQTT_PORT", "ninety"),
        ("API_PORT", "70000"),
        ("LISTEN", "everywhere"),
        ("DURABILITY", "forever"),
    ],
)
def test_a_broken_setting_is_named_with_its_value(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"{PREFIX}{name}", value)
    with pytest.raises(StackError, match=f"TECHNOPARK_{name} is '{value}': "):
        settings.load({})


def test_two_services_cannot_have_one_port() -> None:
    with pytest.raises(StackError, match="TECHNOPARK_API_PORT and TECHNOPARK_DATABASE_PORT"):
        settings.load({"api_port": 5433})


def test_the_home_folder_is_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert settings.load({}).home == tmp_path / ".technopark"


@pytest.mark.parametrize(
    ("listen", "url"),
    [
        ("0.0.0.0", "http://127.0.0.1:8000"),
        ("::", "http://[::1]:8000"),
        ("192.0.2.7", "http://192.0.2.7:8000"),
    ],
)
def test_own_programs_reach_what_listens_everywhere_on_loopback(listen: str, url: str) -> None:
    assert settings.load({"listen": listen}).api_url == url


def test_every_setting_is_documented() -> None:
    documented = set(re.findall(r"^\| `(TECHNOPARK_\w+)`", OPERATIONS.read_text(), re.MULTILINE))
    assert {f"{PREFIX}{name.upper()}" for name in Settings.model_fields} <= documented
