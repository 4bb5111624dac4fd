"""What ingest is told by its environment."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr

from broker.config import MAX_WORKERS, Durability
from service.settings import LogSettings


class Settings(LogSettings):
    """Settings of ``python -m ingest``; each is an environment variable ``TECHNOPARK_…``."""

    database_url: SecretStr = Field(description="PostgreSQL URL of the platform's database")
    broker_host: str = Field("127.0.0.1", description="where the broker listens")
    broker_port: int = Field(1883, ge=1, le=65535, description="the broker's plain MQTT port")
    ingest_password: SecretStr = Field(description="of the broker's user _ingest")
    ingest_listen: str = Field("127.0.0.1", description="where ingest's own port is bound")
    ingest_port: int = Field(9464, ge=1, le=65535, description="for /metrics, /live and /ready")
    ingest_journal: Path = Field(description="folder of the messages that are not stored yet")
    ingest_journal_bytes: int = Field(
        4 << 30, ge=1 << 20, description="that may wait there; more waits in the broker's queue"
    )
    ingest_worker: int = Field(1, ge=1, le=MAX_WORKERS, description="which worker this is")
    ingest_workers: int = Field(1, ge=1, le=MAX_WORKERS, description="how many workers there are")
    ingest_batch_messages: int = Field(
        20_000, ge=1, description="messages that are stored in one transaction at the most"
    )
    ingest_linger_ms: float = Field(
        20, ge=0, le=1000, description="how long a batch waits for company before it is written"
    )
    durability: Durability = Field(
        Durability.KILL, description="what a message in the journal survives"
    )
