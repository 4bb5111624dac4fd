"""``python -m ingest``: the ingest service."""

from __future__ import annotations

import signal
import sys

import structlog
from pydantic import ValidationError

from broker.session import SessionRefusedError
from ingest import health
from ingest.journal import JournalTakenError
from ingest.pipeline import Pipeline
from ingest.settings import Settings

log = structlog.get_logger()


def main() -> int:
    """Run until SIGTERM or Ctrl-C.

    Returns:
        0 after a stop, 1 when the broker or the port refuses, 2 for a broken setting.
    """
    configure_logs()
    try:
        settings = Settings()
    except ValidationError as error:
        for problem in error.errors():
            name = f"TECHNOPARK_{problem['loc'][0]}".upper()
            log.error("broken setting", setting=name, problem=problem["msg"])
        return 2
    try:
        pipeline = Pipeline(settings)
    except JournalTakenError as error:
        log.error("the journal is taken", error=str(error))
        return 1
    except OSError as error:
        log.error("the journal cannot be used", folder=error.filename, error=error.strerror)
        return 1
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: pipeline.stopping.set())
    try:
        with health.serve(
            settings.ingest_listen,
            settings.ingest_port,
            pipeline.metrics.registry,
            pipeline.problem,
        ):
            pipeline.run()
    except SessionRefusedError as error:
        log.error("the broker refuses ingest", error=str(error))
        return 1
    except OSError as error:
        log.error("the port is not to be had", port=settings.ingest_port, error=error.strerror)
        return 1
    return 0


def configure_logs() -> None:
    """One line for each event, on stderr."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper("iso"),
            # Plain: structlog's usual traceback shows local variables, and with them secrets.
            structlog.dev.ConsoleRenderer(
                colors=False, exception_formatter=structlog.dev.plain_traceback
            ),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


if __name__ == "__main__":
    sys.exit(main())
