"""Settings are environment variables ``TECHNOPARK_…``; one that is broken is named."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

PREFIX = "TECHNOPARK_"


class LogFormat(StrEnum):
    """Who reads the log."""

    TEXT = "text"
    JSON = "json"


class LogLevel(StrEnum):
    """The least important event that is worth a line."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogSettings(BaseSettings):
    """How a service logs; the settings of every service have these too."""

    model_config = SettingsConfigDict(env_prefix=PREFIX)

    log_format: LogFormat = Field(LogFormat.TEXT, description="text for people, json for programs")
    log_level: LogLevel = Field(LogLevel.INFO, description="the least that is worth a line")


def broken(error: ValidationError) -> Iterator[tuple[str, str]]:
    """Each broken variable and what is wrong, without its value: that may be a password."""
    for problem in error.errors():
        missing = problem["type"] == "missing"
        sentence = "this has to be set: see docs/settings.md" if missing else problem["msg"]
        yield f"{PREFIX}{problem['loc'][0]}".upper(), sentence
