"""``python -m ingest``: the ingest service."""

from __future__ import annotations

import signal
import sys

import structlog
from prometheus_client import disable_created_metrics

from broker.session import SessionRefusedError
from ingest import health
from ingest.pipeline import Pipeline
from ingest.settings import Settings
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
    # A series more for each counter, to say when the process began: one says that already.
    disable_created_metrics()  # type: ignore[no-untyped-call]  # prometheus_client's own
    pipeline = Pipeline(settings)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: pipeline.stopping.set())
    try:
        with health.serve(
            settings.ingest_listen,
            settings.ingest_port,
            pipeline.metrics.registry,
            pipeline.problem,
            # A thread that dies ends the process here.
            lambda: None,
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
