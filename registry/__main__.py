"""``python -m registry``: the API, served by uvicorn."""

from __future__ import annotations

import gc
import sys

import structlog
import uvicorn
from prometheus_client import disable_created_metrics, start_http_server

from registry.app import create_app
from registry.settings import Settings
from service.settings import LogLevel
from service.start import start

log = structlog.get_logger()


def main() -> int:
    """Serve until SIGTERM or Ctrl-C.

    Returns:
        0 after a stop, 1 where a port is taken.

    Raises:
        SystemExit: 2 for a broken setting.
    """
    settings = start(Settings, "registry")
    # A series more for each counter, to say when the process began: one says that already.
    disable_created_metrics()  # type: ignore[no-untyped-call]  # prometheus_client's own
    app = create_app(settings)
    # What is there now stays: it need not be looked through again and again for garbage.
    gc.collect()
    gc.freeze()
    try:
        start_http_server(settings.registry_port, settings.registry_listen, app.state.metrics)
    except OSError:
        return refuse_port(settings.registry_port, "TECHNOPARK_REGISTRY_PORT")
    try:
        uvicorn.run(
            app,
            host=settings.listen,
            port=settings.api_port,
            # A line for each request would double its cost.
            access_log=settings.log_level is LogLevel.DEBUG,
            log_config=None,
            # Only what stands right before the API may say who the client is.
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=5,
        )
    except SystemExit:
        return refuse_port(settings.api_port, "TECHNOPARK_API_PORT")
    return 0


def refuse_port(port: int, option: str) -> int:
    """Say which port is not to be had.

    Returns:
        The exit status.
    """
    log.error("the port is not to be had", port=port, option=option)
    return 1


if __name__ == "__main__":
    sys.exit(main())
