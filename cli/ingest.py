"""`technopark ingest`: the ingest service with as many processes as one asks for."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from broker.config import MAX_WORKERS
from cli.environment import PREFIX, read
from ingest.settings import Settings
from stack import services
from stack.interruption import Interruption
from stack.supervisor import Service, Supervisor

STEP_SECONDS = 0.1
STDERR = Path("/dev/stderr")


def ingest(
    workers: Annotated[
        int,
        typer.Option(
            min=1,
            max=MAX_WORKERS,
            envvar=f"{PREFIX}INGEST_WORKERS",
            help="Processes that share the telemetry.",
        ),
    ] = 1,
) -> None:
    """Bring readings from the broker into the database, until Ctrl-C.

    `technopark up` does the same by itself; this is for containers and for servers of their own.
    Its settings are those of `python -m ingest`. A worker that ends is started again. Metrics of
    the first worker are at TECHNOPARK_INGEST_PORT, those of the others at the ports after it.
    With fewer workers than before, the first one takes over what the others left.

    Example: TECHNOPARK_DATABASE_URL=postgresql://… technopark ingest --workers 2
    """
    settings = read(Settings)
    supervisor = Supervisor(spawn=spawn)
    interruption = Interruption()
    environment = {**os.environ, f"{PREFIX}INGEST_WORKERS": str(workers)}
    with interruption:
        for worker in range(1, workers + 1):
            service = services.ingest_worker(
                worker, settings.ingest_port, environment, STDERR.parent
            )
            supervisor.launch(replace(service, log=STDERR))
        try:
            while not interruption.requested():
                supervisor.step()
                supervisor.sleep(STEP_SECONDS)
        finally:
            supervisor.stop(hurry=interruption.urgent)


def spawn(service: Service) -> subprocess.Popen[bytes]:
    """Start a worker that speaks where this command does."""
    return subprocess.Popen(
        service.command,
        stdin=subprocess.DEVNULL,
        env=dict(service.environment),
        start_new_session=True,
    )
