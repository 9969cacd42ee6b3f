"""One model's calls on their way to its host and, when that dies, to the next one.

The way is short while nothing is on record (`serving.suspects`): straight into the host. After a death every text
that was in the host is a suspect and goes through the gate (`serving.turns`) alone, one text at a time; what else is in
the same call goes together with others. Callers notice nothing but the wait, which their deadline bounds; the caller
of a text that is found guilty gets `InputRefusedError`.

Invariant: a suspect's turn ends only when the host owes nothing any more, even if the caller left long ago. So what
dies alone was alone. (A host that never answers is killed by its engine, which ends the turn as well.)

How often can one call be given to a host? It ends with the deadline, and before that each of its texts is in a host at
two deaths at most: after the first it is a suspect, at the second it is refused.

Bound: newcomers are refused while more than `max_queued_texts` texts wait for their turn or for a successor. Calls that
come back from a lost host are not asked again: they had their place in it, and a host has no more places than that.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator, Sequence

from greenroom.engine.seam import Host, Vectors
from greenroom.serving.board import Board
from greenroom.serving.keeper import Keeper
from greenroom.serving.suspects import Key, key_of
from greenroom.serving.turns import Turns
from greenroom.words import (
    DeadlineExceededError,
    HostLostError,
    InputFault,
    InputRefusedError,
    ModelVersion,
    NotReadyError,
    OverloadedError,
    PredictionError,
)  # fmt: skip

REFUSED = "this text has ended the model's process twice and is not tried again"


class Calls:
    """The calls of one model. `close` ends what callers have left behind."""

    def __init__(self, keeper: Keeper, board: Board) -> None:
        self._keeper = keeper
        self._board = board
        self._suspects = keeper.suspects
        self._max_waiting_texts = keeper.spec.max_queued_texts
        self._turns = Turns()
        self._stranded_texts = 0
        """Texts of the calls that wait for a successor."""
        self._alone: asyncio.Task[Vectors] | None = None
        """The turn of the suspect that is in the host; one at a time."""

    async def embed(
        self, texts: Sequence[str], deadline: float, background: bool = False
    ) -> tuple[Vectors, Host, ModelVersion]:
        """The vectors, and who made them. `deadline` is on the event loop's clock; the caller keeps it, too.
        `background`: other calls go first, except where a text is under suspicion.

        Raises NotReadyError, InputRefusedError, OverloadedError, DeadlineExceededError, PredictionError."""
        with self._keeper.lease():
            host, version = self._door(len(texts))
            while True:
                try:
                    if self._turns.free and not self._suspects:
                        vectors = await self._straight(host, texts, deadline, background)
                    else:
                        vectors = await self._carefully(host, version, texts, deadline)
                except HostLostError:
                    host, version = await self._successor(host, version, texts)
                except (PredictionError, DeadlineExceededError):
                    self._keeper.answered(host, failed=True)
                    raise
                except asyncio.CancelledError:
                    if asyncio.get_running_loop().time() >= deadline:  # the caller's own watch was first
                        self._keeper.answered(host, failed=True)
                    raise
                else:
                    self._keeper.answered(host)
                    return vectors, host, version

    async def close(self) -> None:
        if self._alone is not None:
            self._alone.cancel()
            await asyncio.gather(self._alone, return_exceptions=True)

    def _door(self, texts: int) -> tuple[Host, ModelVersion]:
        """Who serves now. Raises NotReadyError, OverloadedError."""
        host, version = self._keeper.host, self._keeper.version
        if host is None or version is None:
            raise NotReadyError((self._keeper.spec.name,))
        waiting = self._stranded_texts + self._turns.waiting_texts
        if waiting and waiting + texts > self._max_waiting_texts:
            raise OverloadedError(f"{waiting} texts wait for this model already")
        return host, version

    async def _successor(self, lost: Host, version: ModelVersion, texts: Sequence[str]) -> tuple[Host, ModelVersion]:
        """The next host, once the keeper has put on record what `lost` held, and another one serves.

        Raises InputRefusedError, NotReadyError when the model has failed."""
        keeper = self._keeper
        self._stranded_texts += len(texts)
        try:
            while keeper.host is lost:
                await self._board.changed()
            self._require_allowed(_keys(version, texts))
            while keeper.host is None or keeper.version is None:
                if keeper.failed:
                    raise NotReadyError((keeper.spec.name,))
                await self._board.changed()
            return keeper.host, keeper.version
        finally:
            self._stranded_texts -= len(texts)

    async def _straight(self, host: Host, texts: Sequence[str], deadline: float, background: bool) -> Vectors:
        self._turns.enter()
        try:
            return await host.embed(texts, _remaining(deadline), background)
        finally:
            self._turns.leave()

    async def _carefully(self, host: Host, version: ModelVersion, texts: Sequence[str], deadline: float) -> Vectors:
        """Suspects one by one and alone, then the rest together with other calls."""
        keys = _keys(version, texts)
        self._require_allowed(keys)
        parts: dict[int, Vectors] = {}
        for index, key in enumerate(keys):
            if self._suspects.is_suspect(key):  # asked now: another call may have cleared it meanwhile
                parts[index] = await self._alone_in_host(host, texts[index], key, deadline)
        if not parts:
            return await self._together(host, texts, deadline)
        rest = [index for index in range(len(texts)) if index not in parts]
        if rest:
            answer = await self._together(host, [texts[index] for index in rest], deadline)
            parts |= zip(rest, _split(answer), strict=True)
        return _joined([parts[index] for index in range(len(texts))])

    def _require_allowed(self, keys: Sequence[Key]) -> None:
        """Raises InputRefusedError that names each refused text."""
        refused = self._suspects.refused_among(keys)
        if refused:
            faults = tuple(InputFault(f"/input/{index}", REFUSED) for index in refused)
            raise InputRefusedError(f"input {refused[0]}: {REFUSED}", faults)

    async def _together(self, host: Host, texts: Sequence[str], deadline: float) -> Vectors:
        await self._turns.together(len(texts))
        try:
            self._require_serving(host)
            return await host.embed(texts, _remaining(deadline))
        finally:
            self._turns.leave()

    async def _alone_in_host(self, host: Host, text: str, key: Key, deadline: float) -> Vectors:
        await self._turns.alone()
        self._alone = turn = asyncio.ensure_future(self._turn(host, text, key, deadline))
        turn.add_done_callback(_retrieve)
        return await asyncio.shield(turn)

    async def _turn(self, host: Host, text: str, key: Key, deadline: float) -> Vectors:
        """A suspect's turn, which goes on when its caller leaves."""
        try:
            self._require_serving(host)
            await host.drained()  # of calls whose callers left
            with self._cleared_if_survived(key):
                return await host.embed([text], _remaining(deadline))
        finally:
            try:
                await host.drained()
            finally:
                self._turns.leave()

    @contextlib.contextmanager
    def _cleared_if_survived(self, key: Key) -> Iterator[None]:
        """Clear a text that the host has dealt with: by vectors, or by an error and living on."""
        try:
            yield
        except PredictionError:
            self._suspects.cleared(key)
            raise
        self._suspects.cleared(key)

    def _require_serving(self, host: Host) -> None:
        """Raises HostLostError when `host` was replaced while a call waited for its turn."""
        if self._keeper.host is not host:
            raise HostLostError("the model's process was replaced")


def _keys(version: ModelVersion, texts: Sequence[str]) -> list[Key]:
    return [key_of(version.digest, text) for text in texts]


def _remaining(deadline: float) -> float:
    return deadline - asyncio.get_running_loop().time()


def _retrieve(turn: asyncio.Future[Vectors]) -> None:
    """Look at an error that its caller no longer waits for, so that the loop does not report it as forgotten."""
    if not turn.cancelled():
        turn.exception()


def _split(vectors: Vectors) -> Iterator[Vectors]:
    """Each text's own row."""
    row_bytes = vectors.dimension * 4
    cut = frozenset(vectors.truncated)
    for index, tokens in enumerate(vectors.tokens):
        data = vectors.data[index * row_bytes : (index + 1) * row_bytes]
        yield Vectors(data, vectors.dimension, (tokens,), (0,) if index in cut else ())


def _joined(rows: Sequence[Vectors]) -> Vectors:
    """One answer from the answers for single texts."""
    return Vectors(
        data=b"".join(row.data for row in rows),
        dimension=rows[0].dimension,
        tokens=tuple(row.tokens[0] for row in rows),
        truncated=tuple(index for index, row in enumerate(rows) if row.truncated),
    )
