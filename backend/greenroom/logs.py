"""Logs: one line an event, JSON for machines, plain for a person at a terminal."""

from __future__ import annotations

import logging
import sys

import structlog

from greenroom.settings import Settings


def configure_logs(settings: Settings) -> None:
    """Send structlog to stderr in the format and from the level that `settings` ask for."""
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
