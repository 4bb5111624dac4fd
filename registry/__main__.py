"""``python -m registry``: the API, served by uvicorn."""

from __future__ import annotations

import logging
import sys

import structlog
import uvicorn
from pydantic import ValidationError

from registry.app import create_app
from registry.settings import Settings

log = structlog.get_logger()


def main() -> int:
    """Serve until SIGTERM or Ctrl-C.

    Returns:
        0 after a stop, 1 where the port is taken, 2 for a broken setting.
    """
    configure_logs()
    # What the libraries have to say; the access log would double every request's cost.
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    try:
        settings = Settings()
    except ValidationError as error:
        for problem in error.errors():
            name = f"TECHNOPARK_{problem['loc'][0]}".upper()
            log.error("broken setting", setting=name, problem=problem["msg"])
        return 2
    try:
        uvicorn.run(
            create_app(settings),
            host=settings.listen,
            port=settings.api_port,
            access_log=False,
            log_config=None,
            # Only what stands right before the API may say who the client is.
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=5,
        )
    except SystemExit:
        log.error("the port is not to be had", port=settings.api_port, option="TECHNOPARK_API_PORT")
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
