"""One line an event on stderr, for people as text or for programs as JSON.

What libraries log takes the same way, and so does what nobody caught: who reads JSON never meets
a line that is none. Tracebacks do not show local variables, which hold secrets.
"""

from __future__ import annotations

import logging
import sys
import threading
from types import TracebackType

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from service.settings import LogFormat, LogSettings

UVICORN, UVICORN_ACCESS = "uvicorn", "uvicorn.access"

log = structlog.get_logger()


def configure(settings: LogSettings, service: str, **fields: object) -> None:
    """Log as the settings say; called again, what was said before no longer holds.

    Libraries are heard from warnings upwards, uvicorn from the level of the settings.

    Args:
        settings: of the service.
        service: its name, on every line.
        fields: what else is on every line, such as the number of the worker.
    """
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    common: list[Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper("iso", utc=True),
        always({"service": service, **fields}),
    ]
    ending = renderers(settings.log_format)
    structlog.configure(
        processors=[*common, *ending],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        # One write a line: lines of several threads do not mix.
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*common, structlog.stdlib.add_logger_name, spell_request],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *ending],
            pass_foreign_args=True,
        )
    )
    logging.basicConfig(level=max(level, logging.WARNING), handlers=[handler], force=True)
    logging.getLogger(UVICORN).setLevel(level)
    sys.excepthook = report
    threading.excepthook = report_thread


def renderers(form: LogFormat) -> list[Processor]:
    """The steps that make a line of an event."""
    if form is LogFormat.JSON:
        return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    return [
        structlog.dev.ConsoleRenderer(
            colors=False, exception_formatter=structlog.dev.plain_traceback
        )
    ]


def always(fields: EventDict) -> Processor:
    """Put the fields on every line; what an event says itself wins."""

    def add(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
        return {**fields, **event}

    return add


def spell_request(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Make fields of uvicorn's line for a request, but for the query: it may hold a secret."""
    arguments = event.pop("positional_args", None)
    if event["logger"] == UVICORN_ACCESS and arguments:
        client, method, target, _version, status = arguments
        path = str(target).partition("?")[0]
        event.update(event="request", client=client, method=method, path=path, status=status)
    return event


def report(
    kind: type[BaseException], error: BaseException, traceback: TracebackType | None
) -> None:
    """Log what nobody caught; Ctrl-C is no fault."""
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, traceback)
    else:
        log.critical("unexpected error", exc_info=(kind, error, traceback))


def report_thread(ended: threading.ExceptHookArgs) -> None:
    """Log what ended a thread."""
    if ended.exc_value is not None and not isinstance(ended.exc_value, SystemExit):
        name = ended.thread.name if ended.thread else "unknown"
        log.critical("unexpected error", thread=name, exc_info=ended.exc_value)
