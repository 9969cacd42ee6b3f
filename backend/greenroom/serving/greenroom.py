"""`Greenroom`: the models of one server life, as an application sees them."""

from __future__ import annotations

import asyncio
import contextlib
import math
import secrets
import time
from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from greenroom.clock import Clock, SystemClock
from greenroom.engine.seam import Engine, Host, Vectors
from greenroom.metrics import Metrics
from greenroom.readiness.readiness import Readiness
from greenroom.serving.board import Board
from greenroom.serving.calls import Calls
from greenroom.serving.change import Changes, Outcome
from greenroom.serving.inputs import as_texts
from greenroom.serving.keeper import Keeper
from greenroom.serving.ledger import Ledger
from greenroom.serving.means import Means
from greenroom.serving.memory import LoadMemory
from greenroom.serving.room import Room
from greenroom.serving.updater import Updater
from greenroom.settings import Settings
from greenroom.sources.seam import Fetcher
from greenroom.store.store import Store
from greenroom.tasks import crash_loudly
from greenroom.words import (
    DeadlineExceededError,
    GreenroomError,
    ModelSpec,
    ModelVersion,
    NotReadyError,
    ShuttingDownError,
    Task,
    UnknownModelError,
    UnsupportedTaskError,
)  # fmt: skip

DIGITS = 6
"""Of a probability on the wire: more than float32 has would look like knowledge."""
_DOING = {Task.EMBED: "embedding", Task.CLASSIFY: "classifying"}


@dataclass(frozen=True)
class Embedded:
    """Embeddings of some texts, and who made them.

    `data` is float32, C order, shape (texts, `dimension`), each row of unit length."""

    data: bytes
    dimension: int
    tokens: tuple[int, ...]
    truncated: tuple[int, ...]
    version: str
    digest: str
    max_tokens: int
    space: str = ""
    """Id of the embedding space."""


@dataclass(frozen=True)
class Predicted:
    """What a classifier says of some inputs, and who said it.

    `data` is float32, C order, shape (inputs, classes): a probability for each class; each row sums to 1."""

    data: bytes
    classes: tuple[str, ...]
    tokens: tuple[int, ...]
    truncated: tuple[int, ...]
    """Indices of the texts that were longer than the model's window."""
    version: str
    digest: str

    def labelled(self) -> Iterator[tuple[str, dict[str, float]]]:
        """Of each input the most probable class, and the probability of every class, rounded to `DIGITS`."""
        numbers = memoryview(self.data).cast("f")
        width = len(self.classes)
        for start in range(0, len(numbers), width):
            row = (round(number, DIGITS) for number in numbers[start : start + width])
            scores = dict(zip(self.classes, row, strict=True))
            yield max(scores, key=scores.__getitem__), scores


class Greenroom:
    """Loads the models beside the server, says how far they are, and passes calls on to them.

    Cheap to make; nothing happens before `running()` is entered."""

    def __init__(
        self,
        settings: Settings,
        specs: Sequence[ModelSpec],
        engine: Engine,
        clock: Clock | None = None,
        fetcher: Fetcher | None = None,
    ) -> None:
        self.settings = settings
        self.specs = tuple(specs)
        self.engine = engine
        self.clock = clock or SystemClock()
        self.epoch = secrets.token_hex(4)
        self.started_at = self.clock.monotonic()
        settings.data.mkdir(parents=True, exist_ok=True)
        self.store = Store(settings)
        memory = LoadMemory(settings.data, self.store)
        readiness = Readiness(self.specs, self.epoch, memory.history)
        self.board = Board(readiness, self.epoch, self.clock)
        self.metrics = Metrics(spec.name for spec in self.specs)
        self.room = Room(settings.model_cache_size, settings.model_cache_bytes)
        self.means = Means(
            settings, engine, fetcher or _own_fetcher(settings), self.board, memory, Ledger(settings.data), self.room,
            self.metrics,
        )  # fmt: skip
        self.keepers = {spec.name: Keeper(spec, self.means) for spec in self.specs}
        self.changes = {name: Changes(keeper, self.means) for name, keeper in self.keepers.items()}
        self.updaters = {name: Updater(changes, self.means) for name, changes in self.changes.items()}
        self.room.of(self.keepers)
        self._stops_at = math.inf
        self._limits: set[asyncio.Timeout] = set()
        """Of the calls in progress."""
        self._calls = {name: Calls(keeper, self.board) for name, keeper in self.keepers.items()}

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Greenroom]:
        """Start loading; on leaving, end every host. Nothing slow is awaited before it yields."""
        async with self.store.running():
            tasks = [asyncio.create_task(work, name=name) for name, work in self._lives()]
            for task in tasks:
                task.add_done_callback(crash_loudly)
            try:
                await self.engine.start()
                yield self
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                await asyncio.gather(self._end_hosts(), self.store.end())

    async def _end_hosts(self) -> None:
        await asyncio.gather(*(changes.close() for changes in self.changes.values()))
        await self.engine.close()
        await self.means.fetcher.close()
        await asyncio.gather(*(calls.close() for calls in self._calls.values()))

    def _lives(self) -> Iterator[tuple[str, Coroutine[Any, Any, None]]]:
        """What runs for the server's life."""
        yield "pump", self.board.pump()
        yield "room", self.room.run()
        yield "memory", self.means.memory.run()
        for name in self.keepers:
            yield f"keeper {name}", self.keepers[name].run()
            yield f"trial {name}", self.changes[name].watch_trial()
            yield f"updater {name}", self.updaters[name].run()

    def scope(self, names: Sequence[str] | None = None) -> tuple[str, ...]:
        """`names` checked and in configured order; the required models when None. Raises UnknownModelError."""
        return self.board.readiness.scope(names)

    def is_ready(self, *names: str) -> bool:
        """Whether the next prediction on these models (none named: on the required ones) succeeds."""
        return self.board.readiness.is_ready(self.scope(names or None))

    def want(self, names: Sequence[str]) -> None:
        """Somebody needs these models: load those that are not in memory."""
        for name in names:
            if not self.keepers[name].is_wanted:
                self.metrics.cache_miss(name)
                self.keepers[name].want()

    async def wait_until_ready(self, *names: str, timeout: float | None = None) -> bool:  # noqa: ASYNC109
        """Wait until ready; False when `timeout` seconds passed first (None: no limit), or the server is stopping."""
        scope = self.scope(names or None)
        self.want(scope)
        try:
            async with asyncio.timeout(timeout):
                return await self.board.wait_until_ready(scope)
        except TimeoutError:
            return False

    def retry(self, name: str) -> None:
        """Try a failed model again now. Raises UnknownModelError, RetryRefusedError."""
        self._keeper(name).retry()
        self.board.touch()

    async def reload(self, name: str, *, force: bool = False) -> Outcome:
        """Look at the source now and let what it names serve; returns when the outcome is known. `force`: load it
        again even if it serves already. Raises UnknownModelError, NotReadyError (it had to be loaded from the
        start, and that takes longer than a request may be held)."""
        self._keeper(name)
        return await self.changes[name].reload(force=force)

    async def rollback(self, name: str) -> Outcome:
        """Let the version before this one serve again, and hold it fast until the source names yet another one.

        Raises UnknownModelError, NoPreviousVersionError, NotReadyError (see `reload`)."""
        self._keeper(name)
        return await self.changes[name].rollback()

    async def unpin(self, name: str) -> bool:
        """Follow the source again after a rollback; whether it was held fast. Raises UnknownModelError."""
        self._keeper(name)
        return await self.changes[name].unpin()

    async def clear(self, name: str, *, everything: bool = False) -> int:
        """Delete downloaded files of versions that neither serve nor can be rolled back to; with `everything` those,
        too: what is in memory serves on, and the next load downloads. The bytes that became free.

        Raises UnknownModelError, SourceError."""
        keeper = self._keeper(name)
        entry, version = keeper.entry, keeper.version
        kept = {self.changes[name].coming}
        if everything:
            entry.previous = entry.previous_id = None
            await self.means.ledger.save()
            if version is not None:
                self.board.happened(self.board.readiness.known, name, version, None)
        else:
            kept |= {entry.active, entry.previous, version.key if version else None}
        return await self.means.fetcher.clear(keeper.spec, [key for key in kept if key])

    async def embed(
        self, name: str, texts: Sequence[str], deadline_seconds: float | None = None, *, background: bool = False
    ) -> Embedded:
        """Embed `texts` with model `name` (default deadline: INFERENCE_TIMEOUT_SECONDS). `background`: nobody waits
        for it, and other calls go first; it is not counted as a call.

        A call whose host dies is given to its successor. Raises NotReadyError, UnknownModelError,
        UnsupportedTaskError, InputRefusedError, OverloadedError, DeadlineExceededError, PredictionError,
        ShuttingDownError."""
        self.require_task(name, Task.EMBED)
        return _embedded(*await self._rows(name, texts, deadline_seconds, background))

    async def predict(
        self,
        name: str,
        inputs: Sequence[str | Mapping[str, object]],
        deadline_seconds: float | None = None,
        *,
        background: bool = False,
    ) -> Predicted:
        """Classify `inputs` with model `name`: texts, or for a tabular model rows (column name → value).

        Deadline and errors as of `embed`; also InvalidInputError, with a fault for each wrong input or column."""
        self.require_task(name, Task.CLASSIFY)
        self.want((name,))
        host = self.keepers[name].host
        if host is None:
            raise NotReadyError((name,))
        texts = as_texts(inputs, host.info.columns)
        return _predicted(*await self._rows(name, texts, deadline_seconds, background))

    def require_task(self, name: str, task: Task) -> None:
        """Raises UnknownModelError, UnsupportedTaskError when the model is for something else."""
        spec = self._keeper(name).spec
        if spec.task is not task:
            raise UnsupportedTaskError(f"{name} is a model for {_DOING[spec.task]}, not for {_DOING[task]}.")

    async def _rows(
        self, name: str, texts: Sequence[str], deadline_seconds: float | None, background: bool
    ) -> tuple[Vectors, Host, ModelVersion]:
        """A row for each text, and who made them. What every call of a model goes through, and is counted by."""
        if background:
            return await self._within_deadline(name, texts, deadline_seconds, background=True)
        if self.keepers[name].is_resident:
            self.metrics.cache_hit(name)
        begun = time.perf_counter()
        try:
            rows = await self._within_deadline(name, texts, deadline_seconds)
        except GreenroomError as error:
            self.metrics.answered(name, "", time.perf_counter() - begun, error.code)
            raise
        self.metrics.answered(name, rows[2].id, time.perf_counter() - begun)
        return rows

    async def _within_deadline(
        self, name: str, texts: Sequence[str], deadline_seconds: float | None, *, background: bool = False
    ) -> tuple[Vectors, Host, ModelVersion]:
        """The caller's, and the server's end."""
        seconds = deadline_seconds or self.settings.inference_timeout_seconds
        deadline = asyncio.get_running_loop().time() + seconds
        limit = asyncio.timeout_at(min(deadline, self._stops_at))
        self._limits.add(limit)
        self.want((name,))
        try:
            async with limit:
                return await self._calls[name].embed(texts, deadline, background)
        except TimeoutError:
            if limit.when() == self._stops_at:
                raise ShuttingDownError("The server is stopping. Try again in a moment.") from None
            raise DeadlineExceededError(f"No answer within {seconds:g} s. Try again, or send fewer texts.") from None
        finally:
            self._limits.discard(limit)

    @property
    def stopping(self) -> bool:
        """Whether the server is about to stop: nothing long should begin any more."""
        return self._stops_at < math.inf

    @property
    def seconds_left(self) -> float:
        """Until calls end because the server is about to stop; infinite while it is not."""
        return self._stops_at - asyncio.get_running_loop().time()

    def stop_soon(self, seconds: float) -> None:
        """The server is about to stop: end every wait for readiness now, and every call in `seconds`."""
        self.board.close()
        self._stops_at = asyncio.get_running_loop().time() + seconds
        for limit in self._limits:
            if not limit.expired():
                limit.reschedule(min(limit.when() or self._stops_at, self._stops_at))

    def refused(self, name: str) -> tuple[str, ...]:
        """SHA-256 of each input (version digest and text, see `serving.suspects`) that this model is not given any
        more because its process ended of it twice; the newest last. Raises UnknownModelError."""
        return self._keeper(name).suspects.refused

    def forgive(self, name: str) -> int:
        """Let the refused inputs be tried again; how many there were. Raises UnknownModelError."""
        return self._keeper(name).suspects.forgive()

    def _keeper(self, name: str) -> Keeper:
        if name not in self.keepers:
            known = ", ".join(self.keepers)
            raise UnknownModelError(f"There is no model named {name!r}. Configured: {known}.")
        return self.keepers[name]


def _own_fetcher(settings: Settings) -> Fetcher:
    from greenroom.sources.fetcher import ProcessFetcher

    return ProcessFetcher(settings)


def _embedded(vectors: Vectors, host: Host, version: ModelVersion) -> Embedded:
    return Embedded(
        data=vectors.data, dimension=vectors.dimension, tokens=vectors.tokens, truncated=vectors.truncated,
        version=version.id, digest=version.digest, max_tokens=host.info.max_tokens, space=version.space,
    )  # fmt: skip


def _predicted(rows: Vectors, host: Host, version: ModelVersion) -> Predicted:
    return Predicted(
        data=rows.data, classes=host.info.classes, tokens=rows.tokens, truncated=rows.truncated,
        version=version.id, digest=version.digest,
    )  # fmt: skip
