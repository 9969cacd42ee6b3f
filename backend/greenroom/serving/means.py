"""What every keeper works with, made once by `Greenroom`."""

from __future__ import annotations

from dataclasses import dataclass

from greenroom.engine.seam import Engine
from greenroom.metrics import Metrics
from greenroom.serving.board import Board
from greenroom.serving.ledger import Ledger
from greenroom.serving.memory import LoadMemory
from greenroom.serving.room import Room
from greenroom.settings import Settings
from greenroom.sources.seam import Fetcher


@dataclass(frozen=True)
class Means:
    settings: Settings
    engine: Engine
    fetcher: Fetcher
    board: Board
    memory: LoadMemory
    ledger: Ledger
    room: Room
    metrics: Metrics
