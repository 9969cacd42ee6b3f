"""Sentences and figures for people, wherever they read them. Pure."""

from __future__ import annotations

_MIB, _GIB = 1 << 20, 1 << 30


def counted(number: int) -> str:
    """In groups of three digits: `12 345`."""
    return f"{number:,}".replace(",", " ")


def sized(byte_count: int) -> str:
    """In the unit that makes it short: `50 MiB`."""
    if byte_count < _MIB:
        return f"{counted(byte_count)} bytes"
    return f"{byte_count / _MIB:.4g} MiB" if byte_count < _GIB else f"{byte_count / _GIB:.4g} GiB"


def without_button(text: str) -> str:
    """Errors advise to press *Try again*, the button of the page that shows them; a terminal and a log have none."""
    return text.replace("press Try again", "try again").replace("Press Try again", "Try again")
