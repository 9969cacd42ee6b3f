"""An engine that plays hosts from a script: nothing is loaded, and nothing goes on by itself.

The problem: a test has to look at "60 %", at "failed" or at a host that dies, for as long as it likes, and a real
load passes by them. The idea: a load of `ScriptedEngine` waits for orders. An order to a model that has a load under
way acts on it; given before, it is kept for the next load (the latest one wins).

How a percentage comes about: see `scripted_load`. `freeze(60)` makes the snapshot's `progress` exactly 60.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Coroutine, Mapping
from enum import StrEnum

from greenroom.clock import Clock
from greenroom.engine.seam import Host, HostInfo, Report
from greenroom.protocol.snapshot import StageName
from greenroom.testing.scripted_host import FIRST_PID, MAX_WORDS, Gate, ScriptedHost
from greenroom.testing.scripted_load import HIGHEST_PERCENT, ScriptedLoad, refused
from greenroom.testing.vectors import DIMENSION, SENTIMENTS
from greenroom.words import ErrorCode, HostLostError, LoadError, ModelSpec, ModelVersion, RuntimeName, Task

DEFAULT_STAGES = (StageName.IMPORT, StageName.WEIGHTS, StageName.WARMUP, StageName.CHECK)
DEFAULT_COLUMNS = {"remark": "text", "stars": "number"}
DEFAULT_MEMORY_BYTES = 64 * 1024 * 1024
Own = Callable[[Coroutine[object, object, None]], None]


class ScriptState(StrEnum):
    """`idle`: no load has been asked for yet, or the last one ended in failure or death."""

    IDLE = "idle"
    LOADING = "loading"
    READY = "ready"


Order = Callable[[ScriptedLoad], None]


class ScriptedModel:
    """The script of one model. Every order returns at once; call them on the event loop."""

    def __init__(self, name: str, clock: Clock, own: Own, new_host: Callable[[ScriptedModel], ScriptedHost]) -> None:
        self.name = name
        self.stages: tuple[StageName, ...] = DEFAULT_STAGES
        """The stages that the next load has."""
        self.memory_bytes: int | None = DEFAULT_MEMORY_BYTES
        """What a host says it needs."""
        self.classes: tuple[str, ...] = ()
        """What the next host tells apart; empty: it embeds. Set when the load of a spec that classifies begins, unless
        a test did."""
        self.columns: Mapping[str, str] = {}
        """Of the next host, when it plays a tabular model."""
        self.gate = Gate()
        self.poison: set[str] = set()
        """Texts that end every host they are given to."""
        self.shown: Callable[[], int] | None = None
        """What the server shows as this model's progress; without it, `freeze` goes by what a first load shows."""
        self.loads = 0
        """Loads that have begun."""
        self._clock = clock
        self._own = own
        self._new_host = new_host
        self._load: ScriptedLoad | None = None
        self._host: ScriptedHost | None = None
        self._kept: Order | None = None
        self._auto_seconds: float | None = None
        self._begun = asyncio.Event()

    @property
    def state(self) -> ScriptState:
        if self._load is not None:
            return ScriptState.LOADING
        return ScriptState.IDLE if self._host is None else ScriptState.READY

    @property
    def percent(self) -> int:
        """Where the load under way stands; 100 when ready, 0 when idle."""
        if self._load is not None:
            return self._load.percent
        return 0 if self._host is None else 100

    @property
    def held_calls(self) -> int:
        """Calls that wait for `release_calls`."""
        return self._host.held if self._host is not None else 0

    async def loading(self) -> None:
        """Wait until a load is under way."""
        await self._begun.wait()

    def freeze(self, percent: int) -> None:
        """Let the load stand at exactly `percent` (0-99). Raises InvalidInputError when it is past that already."""
        if not 0 <= percent <= HIGHEST_PERCENT:
            raise refused("percent", f"0 to {HIGHEST_PERCENT} are allowed, {percent} was asked for")
        self._order(lambda load: load.stand_at(percent))

    def step(self, stage: StageName, fraction: float) -> None:
        """Report that `fraction` (0-1) of `stage` is done."""
        if not 0 <= fraction <= 1:
            raise refused("fraction", f"0 to 1 is allowed, {fraction:g} was asked for")
        stages = self.stages if self._load is None else self._load.stages
        if stage not in stages:
            raise refused("stage", f"the load has no stage {stage}; it has {', '.join(stages)}")
        self._order(lambda load: load.step(stage, fraction))

    def proceed(self, seconds: float) -> None:
        """Go on evenly from here to ready in `seconds` of the engine's clock. Another order stops that."""
        self._order(lambda load: self._own(self._walk(load, seconds)))

    def auto(self, seconds: float) -> None:
        """Let this load and every later one go to ready by itself in `seconds` of the engine's clock."""
        self._auto_seconds = seconds
        if self._load is not None:
            self.proceed(seconds)

    def auto_off(self) -> None:
        """Let later loads wait for orders again."""
        self._auto_seconds = None

    def become_ready(self) -> None:
        """End the load with a host that is ready."""
        if self._load is not None or self._host is None:
            self._order(self._become_ready)

    def fail(self, code: ErrorCode = ErrorCode.LOAD_FAILED, message: str = "", temporary: bool = False) -> None:
        """End the load with an error; the model counts as failed until somebody tries again."""
        error = LoadError(message or "The script says that this load fails.")
        error.code, error.temporary = code, temporary
        self._order(lambda load: self._end(load, error))

    def crash(self, reason: str = "killed by SIGKILL") -> None:
        """Let the host die: while loading (also beside one that serves) the load is lost; while ready, so are the
        calls in flight."""
        if self._load is None and self._host is not None:
            host, self._host = self._host, None
            host.end(reason, expected=False)
            return
        error = HostLostError(f"the model's process ended while it loaded: {reason}")
        self._order(lambda load: self._end(load, error))

    def hold_calls(self) -> None:
        """Let predictions wait from now on."""
        self.gate.close()

    def release_calls(self) -> None:
        """Let waiting and coming predictions through."""
        self.gate.open()

    async def play(self, report: Report) -> Host:
        """One load: wait for orders until one ends it. What `ScriptedEngine.load` does."""
        load = ScriptedLoad(self.stages, report, self.shown)
        self._load = load
        if self._host is not None and self._host.exited.done():
            self._host = None
        self.loads += 1
        self._begun.set()
        kept, self._kept = self._kept, None
        if kept is not None:
            self._order(kept)
        elif self._auto_seconds is not None:
            self.proceed(self._auto_seconds)
        else:
            load.begin()
        try:
            return await load.ended
        finally:
            self._over(load)

    def _order(self, order: Order) -> None:
        if self._load is None:
            self._kept = order
        else:
            self._load.orders += 1
            self._load.shown = self.shown  # a load that began by itself was not told
            order(self._load)

    def _become_ready(self, load: ScriptedLoad) -> None:
        self._host = self._new_host(self)
        load.ended.set_result(self._host)
        self._over(load)

    def _end(self, load: ScriptedLoad, error: LoadError) -> None:
        load.ended.set_exception(error)
        self._over(load)

    def _over(self, load: ScriptedLoad) -> None:
        if self._load is load:
            self._load = None
            self._begun.clear()

    async def _walk(self, load: ScriptedLoad, seconds: float) -> None:
        begin, orders = load.percent, load.orders
        for percent in range(begin, HIGHEST_PERCENT + 1):
            load.stand_at(percent, exactly=False)
            await self._clock.sleep(seconds / (HIGHEST_PERCENT + 1 - begin))
            if self._load is not load or load.orders != orders:
                return  # the load is over, or another order came
        self._become_ready(load)


class ScriptedEngine:
    """An `Engine` without hosts, for tests and for `greenroom serve --engine scripted`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._models: dict[str, ScriptedModel] = {}
        self._pids = itertools.count(FIRST_PID)
        self._tasks: set[asyncio.Task[None]] = set()
        self._hosts: set[ScriptedHost] = set()

    def model(self, name: str) -> ScriptedModel:
        """The script of model `name`; made when it is first asked for, also before its load begins."""
        if name not in self._models:
            self._models[name] = ScriptedModel(name, self._clock, self.own, self._new_host)
        return self._models[name]

    @property
    def models(self) -> Mapping[str, ScriptedModel]:
        """Every script that was asked for so far."""
        return dict(self._models)

    @property
    def living_hosts(self) -> int:
        """How many hosts have not ended."""
        return len(self._hosts)

    def own(self, work: Coroutine[object, object, None]) -> None:
        """Run `work` beside; `close` ends it."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def start(self) -> None:
        """Nothing takes long here."""

    async def close(self) -> None:
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for host in tuple(self._hosts):
            await host.close()

    def stages(self, spec: ModelSpec) -> tuple[StageName, ...]:
        return self.model(spec.name).stages

    async def load(
        self,
        spec: ModelSpec,
        version: ModelVersion,
        verdicts: Mapping[str, bool],
        report: Report,
        background: bool = False,
    ) -> Host:
        model = self.model(spec.name)
        if spec.task is Task.CLASSIFY:
            model.classes = model.classes or SENTIMENTS
        if spec.runtime is RuntimeName.TABULAR:
            model.columns = model.columns or DEFAULT_COLUMNS
        return await model.play(report)

    async def imported(self, spec: ModelSpec, report: Report) -> None:
        """There is nothing to import."""

    def _new_host(self, model: ScriptedModel) -> ScriptedHost:
        info = HostInfo(
            next(self._pids), len(model.classes) or DIMENSION, MAX_WORDS, "cpu", "float32",
            classes=model.classes, columns=model.columns,
        )  # fmt: skip
        host = ScriptedHost(info, model.gate, lambda: model.memory_bytes, model.poison)
        self._hosts.add(host)
        host.exited.add_done_callback(lambda _: self._hosts.discard(host))
        return host
