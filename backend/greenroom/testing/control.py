"""Routes through which a test in another process drives a `ScriptedEngine`. They exist only under
`greenroom serve --engine scripted`, and answer only callers on this machine.

Each order is `POST /__test__/<order>` with a JSON object; `model` may be left out while only one is scripted. The
answer is the state after it, the same as that of `GET /__test__/state`.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
from collections.abc import Callable
from typing import Annotated, TypeVar

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from greenroom.protocol.base import Message
from greenroom.protocol.snapshot import InitState, StageName
from greenroom.serving.greenroom import Greenroom
from greenroom.testing.clock import StandingClock
from greenroom.testing.fetcher import ScriptedFetcher
from greenroom.testing.scripted import ScriptedEngine, ScriptedModel, ScriptState
from greenroom.web.bodies import json_answer, read_json
from greenroom.words import ErrorCode, InputFault, InvalidInputError, OriginRefusedError

PREFIX = "/__test__"
LOAD_BEGINS_WITHIN_SECONDS = 5.0
Seconds = Annotated[float, Field(ge=0, le=86_400)]


class ModelScript(Message):
    """Where a model's script stands."""

    state: ScriptState
    percent: int
    loads: int
    held_calls: int
    holding: bool


class ScriptsState(Message):
    clock_seconds: float
    open_sockets: int
    """How many clients are connected now, as the server counts them."""
    models: dict[str, ModelScript]


class OrderBody(Message):
    """What every order may say."""

    model: str | None = None


class FreezeOrder(OrderBody):
    percent: int


class StepOrder(OrderBody):
    stage: StageName
    fraction: float


class StagesOrder(OrderBody):
    stages: Annotated[tuple[StageName, ...], Field(min_length=1)]


class ProceedOrder(OrderBody):
    """`seconds` of real time, during which the standing clock goes along with it."""

    seconds: Seconds = 1.0


class FailOrder(OrderBody):
    code: ErrorCode = ErrorCode.LOAD_FAILED
    message: str = ""
    temporary: bool = False


class PoisonOrder(OrderBody):
    """Texts that end the host from now on; none: no text does any more."""

    texts: tuple[str, ...]


class PublishOrder(OrderBody):
    """Let the model's source name this version from now on."""

    version: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
    space: str = "scripted"


class AdvanceOrder(Message):
    seconds: Seconds


B = TypeVar("B", bound=OrderBody)
Action = Callable[[ScriptedModel, B], None]


def control_routes(engine: ScriptedEngine, clock: StandingClock, fetcher: ScriptedFetcher | None = None) -> list[Route]:
    """The routes for `engine` and `clock`, and for `fetcher` if there is one."""
    control = _Control(engine, clock)
    return control.routes() + ([control.publishing(fetcher)] if fetcher is not None else [])


class _Control:
    def __init__(self, engine: ScriptedEngine, clock: StandingClock) -> None:
        self._engine = engine
        self._clock = clock

    def routes(self) -> list[Route]:
        return [
            Route(f"{PREFIX}/state", self._state, methods=["GET"]),
            Route(f"{PREFIX}/clock/advance", self._advance, methods=["POST"]),
            self._order("freeze", FreezeOrder, lambda model, order: model.freeze(order.percent), acts_on_load=True),
            self._order("step", StepOrder, lambda model, order: model.step(order.stage, order.fraction), True),
            self._order("proceed", ProceedOrder, self._proceed, acts_on_load=True),
            self._order("auto", ProceedOrder, self._auto),
            self._order("ready", OrderBody, lambda model, order: model.become_ready(), acts_on_load=True),
            self._order("fail", FailOrder, _fail, acts_on_load=True),
            self._order("crash", OrderBody, lambda model, order: model.crash(), acts_on_load=True),
            self._order("hold", OrderBody, lambda model, order: model.hold_calls()),
            self._order("release", OrderBody, lambda model, order: model.release_calls()),
            self._order("stages", StagesOrder, _set_stages),
            self._order("poison", PoisonOrder, _set_poison),
        ]

    def publishing(self, fetcher: ScriptedFetcher) -> Route:
        return self._order(
            "publish", PublishOrder, lambda model, order: fetcher.publish(model.name, order.version, space=order.space)
        )

    def _order(self, path: str, body: type[B], action: Action[B], acts_on_load: bool = False) -> Route:
        async def take(request: Request) -> Response:
            _require_loopback(request)
            order = await read_json(request, body)
            model = self._model(order.model)
            model.shown = _progress_shown(request.app.state.greenroom, model.name)
            if acts_on_load:
                await _load_begun(model)
            action(model, order)
            return self._answer(request)

        return Route(f"{PREFIX}/{path}", take, methods=["POST"])

    async def _state(self, request: Request) -> Response:
        _require_loopback(request)
        return self._answer(request)

    async def _advance(self, request: Request) -> Response:
        _require_loopback(request)
        await self._clock.advance((await read_json(request, AdvanceOrder)).seconds)
        request.app.state.greenroom.board.touch()  # nothing but time has changed, and that is to be seen
        return self._answer(request)

    def _proceed(self, model: ScriptedModel, order: ProceedOrder) -> None:
        model.proceed(order.seconds)
        self._engine.own(self._clock.run(order.seconds + 1.0))

    def _auto(self, model: ScriptedModel, order: ProceedOrder) -> None:
        model.auto(order.seconds)
        self._engine.own(self._clock.run())

    def _answer(self, request: Request) -> Response:
        state = ScriptsState(
            clock_seconds=round(self._clock.monotonic(), 3),
            open_sockets=len(request.app.state.greenroom_hub),
            models={name: _script(model) for name, model in self._engine.models.items()},
        )
        return json_answer(state)

    def _model(self, name: str | None) -> ScriptedModel:
        """The model that an order means. Raises InvalidInputError."""
        models = self._engine.models
        if name is None and len(models) == 1:
            return next(iter(models.values()))
        if name is None or name not in models:
            detail = f"one of {', '.join(models)} is needed"
            raise InvalidInputError(f"model: {detail}", (InputFault("/model", detail),))
        return models[name]


def _progress_shown(greenroom: Greenroom, name: str) -> Callable[[], int]:
    def shown() -> int:
        now = greenroom.clock.monotonic()
        state: InitState = greenroom.board.readiness.snapshot((name,), seq=1, at=0.0, now=now)
        model = state.models[0]
        coming = model.target if model.target is not None and model.target.error is None else None
        return (coming or model).progress  # a script plays the load under way, also one beside a version that serves

    return shown


async def _load_begun(model: ScriptedModel) -> None:
    """Give a load that is about to begin the time for it, so that the order is seen when its answer is."""
    if model.state is ScriptState.IDLE:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LOAD_BEGINS_WITHIN_SECONDS):
                await model.loading()


def _fail(model: ScriptedModel, order: FailOrder) -> None:
    model.fail(order.code, order.message, order.temporary)


def _set_stages(model: ScriptedModel, order: StagesOrder) -> None:
    model.stages = order.stages


def _set_poison(model: ScriptedModel, order: PoisonOrder) -> None:
    model.poison.clear()
    model.poison.update(order.texts)


def _script(model: ScriptedModel) -> ModelScript:
    return ModelScript(
        state=model.state,
        percent=model.percent,
        loads=model.loads,
        held_calls=model.held_calls,
        holding=not model.gate.is_open,
    )


def _require_loopback(request: Request) -> None:
    """Raises OriginRefusedError (403) for a peer that is not this machine."""
    try:
        local = request.client is not None and ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        local = False
    if not local:
        raise OriginRefusedError("Only callers on the server's own machine may drive its scripted engine.")
