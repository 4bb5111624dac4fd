"""The settings of the platform on one machine, each an environment variable ``TECHNOPARK_…``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from ipaddress import IPv4Address
from pathlib import Path
from typing import Annotated, Self

from pydantic import ByteSize, Field, IPvAnyAddress, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from broker.config import MAX_WORKERS, Durability
from service.settings import LogFormat, LogLevel
from stack.errors import StackError

PREFIX = "TECHNOPARK_"
Port = Annotated[int, Field(ge=1, le=65535)]


class Settings(BaseSettings):
    """Read from the environment; arguments win. ``docs/operations.md`` explains each."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore")

    home: Path = Path(".technopark")
    listen: IPvAnyAddress = IPv4Address("127.0.0.1")
    mqtt_port: Port = 1883
    mqtts_port: Port = 8883
    websocket_port: Port = 9001
    api_port: Port = 8000
    database_port: Port = 5433
    registry_port: Port = 9463
    ingest_port: Port = 9464
    ingest_workers: int = Field(1, ge=1, le=MAX_WORKERS)
    durability: Durability = Durability.KILL
    log_format: LogFormat = LogFormat.TEXT
    log_level: LogLevel = LogLevel.INFO
    broker_memory: ByteSize = Field(ByteSize(1 << 30), gt=0)
    debian_mirror: str | None = None

    @model_validator(mode="after")
    def check_ports_differ(self) -> Self:
        """Two services cannot share a port."""
        chosen = [*self.ports().items(), *(("ingest_port", port) for port in self.worker_ports())]
        for port, count in Counter(port for _, port in chosen).items():
            if count > 1:
                names = [f"{PREFIX}{name.upper()}" for name, p in chosen if p == port]
                raise ValueError(f"{' and '.join(names)} are both {port}: give them different ones")
        return self

    def ports(self) -> dict[str, int]:
        """Every port by the name of its setting."""
        return {name: getattr(self, name) for name in type(self).model_fields if "_port" in name}

    def worker_ports(self) -> range:
        """The ports of ingest's workers after the first; they follow ``ingest_port``."""
        return range(self.ingest_port + 1, self.ingest_port + self.ingest_workers)

    @property
    def reach(self) -> str:
        """The address by which this machine's own programs reach what listens on ``listen``."""
        if self.listen.is_unspecified:
            return "127.0.0.1" if self.listen.version == 4 else "::1"
        return str(self.listen)

    @property
    def api_url(self) -> str:
        """Where the API answers."""
        return f"http://{bracketed(self.reach)}:{self.api_port}"


def bracketed(address: str) -> str:
    """An IP address as URLs write it."""
    return f"[{address}]" if ":" in address else address


def load(overrides: Mapping[str, object]) -> Settings:
    """The settings of the environment, with those of ``overrides`` that are not None on top.

    Raises:
        StackError: names the variable whose value is of no use.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        settings = Settings(**given)  # type: ignore[arg-type]  # pydantic checks them
    except ValidationError as error:
        raise StackError("; ".join(map(explain, error.errors()))) from None
    return settings.model_copy(update={"home": settings.home.expanduser().absolute()})


def explain(error: Mapping[str, object]) -> str:
    """One sentence about a setting that is wrong."""
    where, message = error["loc"], str(error["msg"]).removeprefix("Value error, ")
    if not isinstance(where, tuple) or not where:
        return message
    return f"{PREFIX}{str(where[0]).upper()} is {error['input']!r}: {message.lower()}"
