"""Whether the service lives, and whether it can serve."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter

from registry.access import Database
from registry.fields import Answer, example
from registry.problems import UnavailableError
from storage.errors import MigrationError
from storage.health import require_current_schema

router = APIRouter(prefix="/health", tags=["health"])


class Health(Answer):
    """All is well; otherwise the answer is a problem."""

    model_config = example(status="ok")
    status: Literal["ok"] = "ok"


@router.get("/live")
async def live() -> Health:
    """Tell that the process answers."""
    return Health()


@router.get("/ready")
async def ready(connection: Database) -> Health:
    """Tell whether the database answers and has the schema of this version."""
    try:
        await require_current_schema(connection)
    except MigrationError as error:
        raise UnavailableError(str(error)) from error
    return Health()
