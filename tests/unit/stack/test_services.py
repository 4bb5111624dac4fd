from __future__ import annotations

from pathlib import Path

import pytest

from registry.settings import Settings as RegistrySettings
from service.settings import PREFIX
from stack import services
from stack.credentials import Credentials
from stack.home import Home
from stack.settings import Settings

# `up` runs the broker, so it knows where that is, and there is no second registry beside the first.
OF_UP = {"BROKER_HOST", "REGISTRY_LISTEN"}


def test_every_setting_of_the_registry_reaches_it_through_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = {name.upper() for name in RegistrySettings.model_fields} - OF_UP
    secrets = Credentials(**dict.fromkeys(Credentials.__dataclass_fields__, "secret"))
    settings = Settings()
    for name in names:
        monkeypatch.setenv(PREFIX + name, "said")
    told = services.registry(settings, Home(tmp_path), secrets).environment
    assert {PREFIX + name for name in names} - told.keys() == set()
