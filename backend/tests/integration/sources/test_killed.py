"""The fetch process dies in the middle, again and again."""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import signal
import time
from pathlib import Path

from greenroom.settings import load_settings
from greenroom.sources.fetcher import ProcessFetcher
from greenroom.sources.seam import Want
from greenroom.words import ModelSpec, ModelVersion, SourceError
from tests.integration.sources.file_server import FileServer

KILLS = 50
PIECE_SECONDS = 0.0005
"""For each piece that the server sends: at full speed all of a file is in the socket before a byte of it is read."""


class Reaper:
    """Kills the fetch process in the middle of sending, after a random number of bytes."""

    def __init__(self, fetcher: ProcessFetcher, chance: random.Random) -> None:
        self._fetcher, self._chance = fetcher, chance
        self.kills = 0
        self._killed: set[int] = set()
        self._left = self._next()

    def sent(self, count: int) -> None:
        time.sleep(PIECE_SECONDS)
        self._left -= count
        pid = self._fetcher.pid
        if self._left < 0 and self.kills < KILLS and pid and pid not in self._killed:
            self._left = self._next()
            self._killed.add(pid)
            self.kills += 1
            os.kill(pid, signal.SIGKILL)

    def _next(self) -> int:
        return self._chance.randrange(0, 600_000)


async def fetch_until_it_lives(fetcher: ProcessFetcher, spec: ModelSpec) -> tuple[ModelVersion, int]:
    """The version, and how often the process died before."""
    for deaths in range(3 * KILLS):
        try:
            return await fetcher.fetch(spec, Want.LATEST, lambda stage, done, total: None), deaths
        except SourceError as error:
            if not error.temporary:
                raise
    raise AssertionError("it never came")


def test_fifty_kills_at_random_leave_an_identical_file(server: FileServer, tmp_path: Path) -> None:
    chance = random.Random(1)
    content = {f"/{number}.bin": chance.randbytes(1_500_000) for number in range(4)}
    server.files.update(content)

    async def go() -> None:
        fetcher = ProcessFetcher(load_settings(data=tmp_path))
        reaper = Reaper(fetcher, chance)
        server.sent = reaper.sent
        deaths = 0
        while reaper.kills < KILLS:
            for path, data in content.items():
                name = f"model-{reaper.kills}"
                version, died = await fetch_until_it_lives(fetcher, ModelSpec(name, f"{server.bytes_url}{path}"))
                deaths += died
                assert (
                    hashlib.sha256((version.folder / path[1:]).read_bytes()).digest() == hashlib.sha256(data).digest()
                )
        await fetcher.close()
        assert deaths >= KILLS - 5  # one that had just given its answer is not missed

    asyncio.run(go())
    assert sum("range" in seen.headers for seen in server.seen) > KILLS // 2
