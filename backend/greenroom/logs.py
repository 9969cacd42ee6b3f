"""Logs: one line an event, JSON for machines, plain for a person at a terminal. No line holds a query string, for
people put secrets there; neither ours nor those of uvicorn, under which others may run our apps."""

from __future__ import annotations

import logging
import sys

import structlog

from greenroom.settings import Settings


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


def configure_logs(settings: Settings) -> None:
    """Send structlog to stderr in the format and from the level that `settings` ask for."""
    hide_queries()
    readable = settings.log_format == "console" or (settings.log_format == "auto" and settings.local)
    renderer = (
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()) if readable else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[settings.log_level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
