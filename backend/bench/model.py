"""The default model and the texts that every bench embeds, so that all sides do the same work."""

from __future__ import annotations

import asyncio
from functools import cache
from pathlib import Path

from greenroom.settings import DEFAULT_SPEC
from greenroom.sources.inline import InlineFetcher
from greenroom.sources.seam import Want

MODEL = DEFAULT_SPEC.name
SHORT_TEXTS: tuple[str, ...] = tuple(
    f"{what} for {use}, {property_}"
    for what in ("A stainless steel gate valve", "Spare parts and a seal kit", "Twenty pumps", "A conveyor belt")
    for use in ("a dairy", "cooling water", "an outdoor site", "salty air")
    for property_ in ("delivery in May", "with certificates", "PN 16", "price per piece please")
)
"""64 different texts of 10 to 20 tokens, as people type them into a search box."""


@cache
def model_folder() -> Path:
    """Where the default model's files lie. Raises SourceError."""
    return asyncio.run(InlineFetcher().fetch(DEFAULT_SPEC, Want.LATEST, lambda stage, done, total: None)).folder


def offline() -> dict[str, str]:
    """Environment in which the libraries ask no network: the files are here. All else is as the libraries have it."""
    return {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
