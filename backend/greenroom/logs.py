"""Logs: one line an event, JSON for machines, plain for a person at a terminal. No line holds a query string, for
people put secrets there; neither ours nor those of uvicorn, under which others may run our apps."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence

import structlog
from structlog.types import EventDict, Processor

from greenroom.settings import Settings
from greenroom.wording import without_button


class _NoQueries(logging.Filter):
    """Cuts the query off every path among a record's arguments, before any handler sees it."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(
                arg.partition("?")[0] if isinstance(arg, str) and arg.startswith("/") else arg for arg in record.args
            )
        return True


_no_queries = _NoQueries()


def hide_queries() -> None:
    """From uvicorn's own lines: one for each request, and one for each socket. Once or often, it is the same."""
    for name in ("uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).addFilter(_no_queries)


class _ClientsFaults(logging.Filter):
    """Puts what any client can make uvicorn say, as often as it likes, at debug."""

    _SAID = frozenset(
        {
            "Invalid HTTP request received.",
            "Unsupported upgrade request.",
            "Invalid UTF-8 sequence received from client.",
            "opening handshake failed",
        }
    )

    def __init__(self, shown: bool) -> None:
        super().__init__()
        self._shown = shown

    def filter(self, record: logging.LogRecord) -> bool:
        if record.msg not in self._SAID:
            return True
        record.levelno, record.levelname, record.exc_info = logging.DEBUG, "DEBUG", None
        return self._shown


def _without_button(_: object, __: str, event: EventDict) -> EventDict:
    if isinstance(reason := event.get("reason"), str):
        event["reason"] = without_button(reason)
    return event


_PREPARE: Sequence[Processor] = (
    structlog.contextvars.merge_contextvars,
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
    _without_button,
)


def _renderer(settings: Settings) -> Processor:
    readable = settings.log_format == "console" or (settings.log_format == "auto" and settings.local)
    return (
        structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(),
            exception_formatter=structlog.dev.plain_traceback,  # rich's would print every local variable
        )
        if readable
        else structlog.processors.JSONRenderer()
    )


def configure_logs(settings: Settings) -> None:
    """Send structlog to stderr in the format and from the level that `settings` ask for."""
    hide_queries()
    structlog.configure(
        processors=[*_PREPARE, _renderer(settings)],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[settings.log_level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


def take_standard_logs(settings: Settings) -> None:
    """Send warnings of the standard library's logging, uvicorn's for one, to stderr in the same format. Only for a
    process that is all ours: in somebody else's, that is theirs to say."""
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_ClientsFaults(shown=settings.log_level == "debug"))
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*_PREPARE, structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _renderer(settings)],
        )
    )
    logging.getLogger().addHandler(handler)  # whose level is WARNING from the start
