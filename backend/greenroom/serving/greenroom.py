"""`Greenroom`: the models of one server life, as an application sees them."""

from __future__ import annotations

import asyncio
import contextlib
import math
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass

from greenroom.clock import Clock, SystemClock
from greenroom.engine.seam import Engine, Host, Vectors
from greenroom.readiness.readiness import Readiness
from greenroom.serving.board import Board
from greenroom.serving.calls import Calls
from greenroom.serving.inputs import as_texts
from greenroom.serving.keeper import Keeper
from greenroom.serving.memory import LoadMemory
from greenroom.settings import Settings
from greenroom.tasks import crash_loudly
from greenroom.words import (
    DeadlineExceededError,
    ModelSpec,
    ModelVersion,
    NotReadyError,
    ShuttingDownError,
    Task,
    UnknownModelError,
    UnsupportedTaskError,
)  # fmt: skip

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


class Greenroom:
    """Loads the models beside the server, says how far they are, and passes calls on to them.

    Cheap to make; nothing happens before `running()` is entered."""

    def __init__(
        self, settings: Settings, specs: Sequence[ModelSpec], engine: Engine, clock: Clock | None = None
    ) -> None:
        self.settings = settings
        self.specs = tuple(specs)
        self.engine = engine
        self.clock = clock or SystemClock()
        self.epoch = secrets.token_hex(4)
        self.started_at = self.clock.monotonic()
        settings.data.mkdir(parents=True, exist_ok=True)
        memory = LoadMemory(settings.data)
        readiness = Readiness(self.specs, self.epoch, memory.history)
        self.board = Board(readiness, self.epoch, self.clock)
        self.keepers = {spec.name: Keeper(spec, engine, self.board, memory) for spec in self.specs}
        self._stops_at = math.inf
        self._limits: set[asyncio.Timeout] = set()
        """Of the calls in progress."""
        self._calls = {name: Calls(keeper, self.board) for name, keeper in self.keepers.items()}

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Greenroom]:
        """Start loading; on leaving, end every host. Nothing slow is awaited before it yields."""
        tasks = [asyncio.create_task(keeper.run(), name=f"keeper {name}") for name, keeper in self.keepers.items()]
        tasks.append(asyncio.create_task(self.board.pump(), name="pump"))
        for task in tasks:
            task.add_done_callback(crash_loudly)
        try:
            await self.engine.start()
            yield self
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self.engine.close()
            await asyncio.gather(*(calls.close() for calls in self._calls.values()))

    def scope(self, names: Sequence[str] | None = None) -> tuple[str, ...]:
        """`names` checked and in configured order; the required models when None. Raises UnknownModelError."""
        return self.board.readiness.scope(names)

    def is_ready(self, *names: str) -> bool:
        """Whether the next prediction on these models (none named: on the required ones) succeeds."""
        return self.board.readiness.is_ready(self.scope(names or None))

    async def wait_until_ready(self, *names: str, timeout: float | None = None) -> bool:  # noqa: ASYNC109
        """Wait until ready; False when `timeout` seconds passed first (None: no limit), or the server is stopping."""
        scope = self.scope(names or None)
        try:
            async with asyncio.timeout(timeout):
                return await self.board.wait_until_ready(scope)
        except TimeoutError:
            return False

    def retry(self, name: str) -> None:
        """Try a failed model again now. Raises UnknownModelError, RetryRefusedError."""
        self._keeper(name).retry()
        self.board.touch()

    async def embed(self, name: str, texts: Sequence[str], deadline_seconds: float | None = None) -> Embedded:
        """Embed `texts` with model `name` (default deadline: INFERENCE_TIMEOUT_SECONDS).

        A call whose host dies is given to its successor. Raises NotReadyError, UnknownModelError,
        UnsupportedTaskError, InputRefusedError, OverloadedError, DeadlineExceededError, PredictionError,
        ShuttingDownError."""
        self.require_task(name, Task.EMBED)
        return _embedded(*await self._rows(name, texts, deadline_seconds))

    async def predict(
        self, name: str, inputs: Sequence[str | Mapping[str, object]], deadline_seconds: float | None = None
    ) -> Predicted:
        """Classify `inputs` with model `name`: texts, or for a tabular model rows (column name → value).

        Deadline and errors as of `embed`; also InvalidInputError, with a fault for each wrong input or column."""
        self.require_task(name, Task.CLASSIFY)
        host = self.keepers[name].host
        if host is None:
            raise NotReadyError((name,))
        texts = as_texts(inputs, host.info.columns)
        return _predicted(*await self._rows(name, texts, deadline_seconds))

    def require_task(self, name: str, task: Task) -> None:
        """Raises UnknownModelError, UnsupportedTaskError when the model is for something else."""
        spec = self._keeper(name).spec
        if spec.task is not task:
            raise UnsupportedTaskError(f"{name} is a model for {_DOING[spec.task]}, not for {_DOING[task]}.")

    async def _rows(
        self, name: str, texts: Sequence[str], deadline_seconds: float | None
    ) -> tuple[Vectors, Host, ModelVersion]:
        """A row for each text, and who made them, within the caller's deadline and the server's end."""
        seconds = deadline_seconds or self.settings.inference_timeout_seconds
        deadline = asyncio.get_running_loop().time() + seconds
        limit = asyncio.timeout_at(min(deadline, self._stops_at))
        self._limits.add(limit)
        try:
            async with limit:
                return await self._calls[name].embed(texts, deadline)
        except TimeoutError:
            if limit.when() == self._stops_at:
                raise ShuttingDownError("The server is stopping. Try again in a moment.") from None
            raise DeadlineExceededError(f"No answer within {seconds:g} s. Try again, or send fewer texts.") from None
        finally:
            self._limits.discard(limit)

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
