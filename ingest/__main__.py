"""``python -m ingest``: the ingest service."""

from __future__ import annotations

import signal
import sys

import structlog
from prometheus_client import disable_created_metrics

from broker.session import SessionRefusedError
from ingest import health, vitals
from ingest.journal import JournalTakenError
from ingest.pipeline import Pipeline
from ingest.settings import Settings
from service.logs import configure
from service.start import start

log = structlog.get_logger()


def main() -> int:
    """Run until SIGTERM or Ctrl-C.

    Returns:
        0 after a stop, 1 when the broker or the port refuses.

    Raises:
        SystemExit: 2 for a broken setting.
    """
    settings = start(Settings, "ingest")
    if settings.ingest_workers > 1:
        configure(settings, "ingest", worker=settings.ingest_worker)
    # A series more for each counter, to say when the process began: one says that already.
    disable_created_metrics()  # type: ignore[no-untyped-call]  # prometheus_client's own
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
        metrics = pipeline.metrics.registry
        database_url = settings.database_url.get_secret_value()
        with (
            health.serve(
                settings.ingest_listen,
                settings.ingest_port,
                metrics,
                pipeline.problem,
                pipeline.stuck,
            ),
            vitals.written(database_url, settings.ingest_worker, metrics),
        ):
            pipeline.run()
    except SessionRefusedError as error:
        log.error("the broker refuses ingest", error=str(error))
        return 1
    except OSError as error:
        log.error("the port is not to be had", port=settings.ingest_port, error=error.strerror)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
