"""What the registry is told by its environment."""

from __future__ import annotations

from pathlib import Path

from pydantic import ByteSize, Field, SecretStr

from service.settings import LogSettings


class Settings(LogSettings):
    """Settings of ``python -m registry``; each is an environment variable ``TECHNOPARK_…``."""

    listen: str = Field("127.0.0.1", description="where the API is bound")
    api_port: int = Field(8000, ge=1, le=65535, description="the API's port")
    registry_listen: str = Field("127.0.0.1", description="where the registry's own port is bound")
    registry_port: int = Field(9463, ge=1, le=65535, description="for /metrics")
    database_url: SecretStr = Field(description="PostgreSQL URL of the platform's database")
    database_connections: int = Field(10, ge=2, le=100, description="held open at most")
    sql_host: str | None = Field(None, description="where tenants' programs find the database")
    sql_port: int | None = Field(None, ge=1, le=65535, description="and on which port")
    broker_host: str = Field("127.0.0.1", description="where the broker listens")
    broker_port: int = Field(1883, ge=1, le=65535, description="the broker's plain MQTT port")
    broker_folder: Path = Field(description="with the broker's password file and mosquitto.pid")
    broker_memory: ByteSize = Field(
        ByteSize(1 << 30), gt=0, description="for messages that wait; then devices have to"
    )
    registry_password: SecretStr = Field(description="of the broker's user _registry")
    ingest_password: SecretStr = Field(description="of the broker's user _ingest")
