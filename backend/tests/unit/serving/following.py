"""A house whose model follows a source that names versions, and what may become of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from greenroom.serving.change import Result
from greenroom.serving.trial import MIN_FAILURES
from greenroom.sources.seam import Want
from greenroom.words import FileCorruptError, LoadError, ModelSpec, ModelVersion, SourceUnreachableError
from tests.unit.serving.house import House

MIB = 1 << 20


def follower(folder: Path, **settings: Any) -> House:
    """One whose model follows a source that names versions."""
    spec = ModelSpec("minilm", "mlflow:models:/minilm@production", max_queued_texts=40)
    return House(folder, spec, **settings)


@asynccontextmanager
async def serving_one(house: House) -> AsyncIterator[House]:
    """Version 1 serves, and every next load is ready at once."""
    house.fetcher.publish("minilm", "1")
    async with house.ready():
        assert house.serving == "1"
        yield house


async def serve_two(house: House) -> None:
    """Version 2 has taken over from 1, and is not on trial any more."""
    house.fetcher.publish("minilm", "2")
    await house.look()
    assert house.serving == "2"
    house.keeper.trial = None


async def fail_for_good(house: House) -> None:
    """The host dies, and its successor cannot be loaded."""
    house.model.auto_off()
    house.model.crash()
    await house.model.loading()
    house.model.fail(message="broken")
    await house.until_failed()


async def refuse_two(house: House) -> None:
    """Version 2 cannot be loaded."""
    house.model.auto_off()
    house.fetcher.publish("minilm", "2")
    reload = asyncio.create_task(house.greenroom.reload("minilm"))
    await house.model.loading()
    house.model.fail(message="broken")
    assert (await reload).result is Result.FAILED


def fail_on_trial(house: House) -> None:
    """As many failed calls as take a version back."""
    for _ in range(MIN_FAILURES):
        house.keeper.answered(house.host, failed=True)


def patient(house: House) -> Callable[[Callable[[], bool]], Awaitable[None]]:
    async def until(wanted: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not wanted():
                await house.greenroom.board.changed()

    return until


def damage(house: House, only: Want | None = None) -> list[str]:
    """Versions that are asked for by name (or `only` so) turn out to be damaged; what was asked for, as it comes."""
    real, asked = house.fetcher.fetch, list[str]()

    async def fetch(spec: object, want: Want | str, report: object) -> ModelVersion:
        if want is only or (only is None and not isinstance(want, Want)):
            asked.append(str(want))
            raise FileCorruptError("its hash is another one")
        return await real(spec, want, report)  # type: ignore[arg-type]

    house.fetcher.fetch = fetch  # type: ignore[method-assign]
    return asked


async def unreachable(*_: object) -> ModelVersion:
    raise SourceUnreachableError("down")


def broken(asked: asyncio.Event) -> float | None:
    asked.set()
    raise LoadError("broken")
