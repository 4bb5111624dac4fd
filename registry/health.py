"""Whether the service lives, and whether it can serve."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Request

from registry.access import Database
from registry.http.fields import Answer, example
from registry.http.problems import UnavailableError
from registry.mosquitto.publisher import Publisher
from registry.telemetry import publisher
from storage.errors import MigrationError
from storage.health import require_current_schema

BROKER_AWAY = "the broker does not answer: telemetry by HTTP is refused until it is back"
BROKER_FULL = (
    "too much waits in the broker, or its disk is nearly full: devices are held back until ingest "
    "has stored it"
)

router = APIRouter(prefix="/health", tags=["health"])


class Health(Answer):
    """Whether all is well, or what rests meanwhile; who cannot serve at all answers a problem."""

    model_config = example(status="ok", problems=[])
    status: Literal["ok", "degraded"] = "ok"
    problems: Sequence[str] = ()


@router.get("/live")
async def live() -> Health:
    """Tell that the process answers."""
    return Health()


@router.get("/ready")
async def ready(
    request: Request, connection: Database, broker: Annotated[Publisher, Depends(publisher)]
) -> Health:
    """Tell whether the database answers and has the schema of this version.

    Without the broker the registry is ready all the same: the broker is started after it, and all
    but telemetry by HTTP goes on.
    """
    try:
        await require_current_schema(connection)
    except MigrationError as error:
        raise UnavailableError(str(error)) from error
    problems = [] if broker.connected else [BROKER_AWAY]
    if request.app.state.room.is_full:
        problems.append(BROKER_FULL)
    return Health(status="degraded" if problems else "ok", problems=problems)
