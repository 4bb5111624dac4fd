"""The first thing that a service does."""

from __future__ import annotations

import sys
from typing import TypeVar

import structlog
from pydantic import ValidationError

from service import logs
from service.settings import LogSettings, broken

AnySettings = TypeVar("AnySettings", bound=LogSettings)

log = structlog.get_logger()


def start(kind: type[AnySettings], service: str) -> AnySettings:
    """Read the settings of the environment, and log as they say from now on.

    Raises:
        SystemExit: with status 2, and a line for each broken setting.
    """
    try:
        settings = kind()
    except ValidationError as error:
        logs.configure(sound_log_settings(), service)
        for name, problem in broken(error):
            log.error("broken setting", setting=name, problem=problem)
        sys.exit(2)
    logs.configure(settings, service)
    return settings


def sound_log_settings() -> LogSettings:
    """Those of the environment, or the usual ones where they are what is broken."""
    try:
        return LogSettings()
    except ValidationError:
        return LogSettings.model_construct()
