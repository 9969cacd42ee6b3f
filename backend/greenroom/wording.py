"""What an error's advice is for people who look at no page. Pure."""

from __future__ import annotations


def without_button(text: str) -> str:
    """Errors advise to press *Try again*, the button of the page that shows them; a terminal and a log have none."""
    return text.replace("press Try again", "try again").replace("Press Try again", "Try again")
