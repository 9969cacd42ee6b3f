"""Works jobs off: claims those whose models are ready, holds them by a heartbeat, and gives back what it cannot do.

A job of a model that is not ready stays in the queue, where it is in nobody's way; the model is wanted meanwhile. The
worker looks again when the queue has changed, when a model's state has, and every LOOK_SECONDS, which finds what other
processes did and what has become due.

Each model has places of its own, for inputs and for jobs, so that none waits for another one's. When all are taken and
a job waits that is more urgent, or as urgent as one that has had its turn, a running one makes room: it is given back
behind those that wait. So neither a single text nor a job of the highest priority stands behind long files.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping

import structlog

from greenroom.clock import Clock
from greenroom.errors import (
    DeadlineExceededError,
    ErrorCode,
    GreenroomError,
    JobCancelledError,
    JobInputsGoneError,
    JobsUnavailableError,
    LeaseLostError,
    NotReadyError,
    OverloadedError,
    ShuttingDownError,
)
from greenroom.jobs.places import InputPlaces
from greenroom.jobs.run import Run, kept
from greenroom.jobs.seam import Claim, Job, JobFault, JobQueue
from greenroom.serving.greenroom import Greenroom

LEASE_SECONDS = 15.0
MAX_JOBS = 64
"""Of one model, claimed at a time."""
LOOK_SECONDS = 0.5
FULL_LOOK_SECONDS = 0.05
"""Between two looks, however much happens, while a model has as many jobs as it may."""
TURN_SECONDS = 5.0
"""For so long a job runs, and saves a chunk at least, before it makes room for others that are no more urgent."""
SURPRISE_SECONDS = 1.0
"""Pause after a fault that nobody foresaw."""
GIVE_BACK_SECONDS = 0.5
DRAIN_SECONDS = 4.0
"""For chunks in progress when the server stops; of `server.CALL_SECONDS`, within which their calls end anyway."""
_WORKER_FAULT = JobFault(ErrorCode.INTERNAL, "The server failed on this job; its log says why.")

log = structlog.get_logger("greenroom.jobs")


class Worker:
    """`name`: nobody else's, ever (`jobs.lives`)."""

    def __init__(self, queue: JobQueue, greenroom: Greenroom, clock: Clock, name: str) -> None:
        self._queue = queue
        self._greenroom = greenroom
        self._clock = clock
        self._metrics = greenroom.metrics
        self._name = name
        self._places: dict[str, InputPlaces] = defaultdict(InputPlaces)
        self._waiting: Mapping[str, int] = {}
        """Models of which jobs wait, as far as is known, and the highest priority of each one's."""
        self._looked_at = -LOOK_SECONDS
        self._made_room_at: dict[str, float] = {}
        self._unknown: set[str] = set()
        """Models of jobs that are for another process."""
        self._has_claimed = False
        self._running: dict[asyncio.Task[None], Run] = {}

    async def run(self) -> None:
        """Until cancelled, or the server is to stop; then `close`."""
        async with asyncio.TaskGroup() as lives:
            holding = lives.create_task(self._hold(), name="jobs' heartbeat")
            while not self._greenroom.stopping:
                try:
                    seen, rounds = await self._queue.changed(-1), self._greenroom.board.rounds
                    if not await self._claim():
                        await self._reason_to_look(seen, rounds)
                except JobsUnavailableError:  # said by the store already
                    await self._clock.sleep(LOOK_SECONDS)
                except Exception:
                    log.exception("jobs_worker_broke", next_try_seconds=SURPRISE_SECONDS)
                    await self._clock.sleep(SURPRISE_SECONDS)
            holding.cancel()

    async def close(self) -> bool:
        """Finish the chunks that are with the models, and give all jobs back; whether that is done."""
        for run in self._running.values():
            run.stop()
        if self._running:
            seconds = min(DRAIN_SECONDS, max(0.0, self._greenroom.seconds_left))  # a claim may have waited meanwhile
            await asyncio.wait(list(self._running), timeout=seconds)
        late = list(self._running)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        return not self._has_claimed or await self._release()

    async def _release(self) -> bool:
        """What is held under this name all the same: by tasks that were cancelled, by a claim whose answer was still
        on its way."""
        try:
            async with asyncio.timeout(GIVE_BACK_SECONDS):
                await self._queue.release([self._name], self._clock.unix())
        except Exception as error:
            log.warning("jobs_not_given_back", reason=repr(error))
            return False
        return True

    async def _claim(self) -> bool:
        """Claim what can be worked on, and see to it that the rest can be; whether anything was claimed."""
        now = self._clock.unix()  # the one for all: leases that run out by a later one may be our own
        if any(run.claim.lease_until <= now for run in self._running.values()):
            await self._heartbeat()  # the clock was set forward: what has run out is our own
        if self._is_to_look():
            await self._look(now)
        found = False
        for model in self._claimable():
            free = self._free(model)
            self._has_claimed = True
            claims = await self._queue.claim(self._name, free, LEASE_SECONDS, now, (model,))
            if len(claims) < free:
                self._waiting = {name: priority for name, priority in self._waiting.items() if name != model}
            for claim in claims:
                self._start(claim, now)
            found |= bool(claims)
        return found

    def _is_to_look(self) -> bool:
        """Whether what is known of the queue says nothing of what to claim; a look costs no lock of the database, a
        claim that finds nothing does."""
        is_full = any(self._free(model) <= 0 for model in self._waiting)
        is_early = self._clock.monotonic() - self._looked_at < FULL_LOOK_SECONDS
        return not self._claimable() and not (is_full and is_early)

    async def _look(self, now: float) -> None:
        """See which models jobs wait for: load those that are not there, make room where none is left."""
        self._waiting = await self._queue.models_waiting(now)
        self._looked_at = self._clock.monotonic()
        known = self._greenroom.keepers
        self._greenroom.want([name for name in self._waiting if name in known])
        for model, priority in self._waiting.items():
            if model not in known:
                self._say_unknown(model)
            elif self._free(model) <= 0:
                self._make_room(model, priority)

    def _claimable(self) -> list[str]:
        """Those of the models that jobs wait for which are ready, and have as many as they may not yet."""
        known = self._greenroom.keepers
        ready = [name for name in self._waiting if name in known and self._greenroom.is_ready(name)]
        return [name for name in ready if self._free(name) > 0]

    def _free(self, model: str) -> int:
        return MAX_JOBS - sum(run.claim.job.model == model for run in self._running.values())

    def _say_unknown(self, model: str) -> None:
        """Once. Its jobs stay: another process may have it, or this one after its next start."""
        if model not in self._unknown:
            self._unknown.add(model)
            log.warning("jobs_of_unknown_model", model=model)

    def _make_room(self, model: str, priority: int) -> None:
        """For a job of that priority, one run at a time: each costs its job the way through the line."""
        now = self._clock.monotonic()
        if now - self._made_room_at.get(model, -LOOK_SECONDS) < LOOK_SECONDS:
            return
        of_model = [run for run in self._running.values() if run.claim.job.model == model]
        run = to_make_room(of_model, priority, now)
        if run is not None:
            self._made_room_at[model] = now
            run.stop(to_make_room=True)

    def _start(self, claim: Claim, now: float) -> None:
        if claim.job.started_at == now:
            self._metrics.job_begun(max(0.0, now - claim.job.created_at))
        run = Run(claim, self._queue, self._greenroom, self._clock, self._places[claim.job.model])
        task = asyncio.create_task(self._work(run), name=f"job {claim.job.id}")
        self._running[task] = run
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._running[task]
        if not task.cancelled() and (error := task.exception()):
            log.error("job_not_given_back", error=repr(error))

    async def _work(self, run: Run) -> None:
        try:
            job = await self._outcome(run)
        except LeaseLostError:
            self._lease_lost(run.claim)
        except JobCancelledError:
            log.info("job_cancelled", job=run.claim.job.id)
        else:
            if job.is_terminal:
                self._metrics.job_ended(job.state, max(0.0, (job.finished_at or 0.0) - (job.started_at or 0.0)))

    async def _outcome(self, run: Run) -> Job:
        """The job as it stands when the claim is over. Raises LeaseLostError, JobCancelledError."""
        claim = run.claim
        try:
            job = await run.work()
            return job if job.is_terminal else await self._give_back(claim, to_the_end=run.makes_room)
        except (LeaseLostError, JobCancelledError):
            raise
        except (NotReadyError, ShuttingDownError):
            return await self._give_back(claim)
        except (OverloadedError, DeadlineExceededError) as error:
            log.warning("job_waits_again", job=claim.job.id, reason=str(error))
            return await self._give_back(claim, to_the_end=True)
        except JobInputsGoneError as error:
            fault = JobFault(error.code, str(error))
            return await kept(lambda: self._queue.fail(claim, fault, self._clock.unix()), self._clock)
        except GreenroomError as error:
            return await self._give_back(claim, JobFault(error.code, str(error)))
        except Exception:
            log.exception("job_broke", job=claim.job.id)
            return await self._give_back(claim, _WORKER_FAULT)

    async def _give_back(self, claim: Claim, fault: JobFault | None = None, *, to_the_end: bool = False) -> Job:
        """Raises LeaseLostError."""
        if fault is not None:
            self._metrics.job_failed_once(fault.code)
        return await kept(
            lambda: self._queue.give_back(claim, self._clock.unix(), fault, to_the_end=to_the_end), self._clock
        )

    def _lease_lost(self, claim: Claim) -> None:
        self._metrics.job_leases_lost += 1
        log.warning("job_lease_lost", job=claim.job.id)

    async def _hold(self) -> None:
        """Prolong the leases; drop what somebody else has by now."""
        while True:
            await self._clock.sleep(LEASE_SECONDS / 3)
            try:
                await self._heartbeat()
            except JobsUnavailableError:  # said by the store already
                continue
            except Exception:
                log.exception("jobs_heartbeat_broke", next_try_seconds=LEASE_SECONDS / 3)

    async def _heartbeat(self) -> None:
        """Raises JobsUnavailableError."""
        running, now = dict(self._running), self._clock.unix()
        claims = [run.claim for run in running.values()]
        held = await self._queue.heartbeat(claims, LEASE_SECONDS, now) if claims else ()
        still_ours = {(claim.job.id, claim.fence): claim for claim in held}
        for task, run in running.items():
            if task.done() or task.cancelling():
                continue
            if (claim := still_ours.get((run.claim.job.id, run.claim.fence))) is None:
                task.cancel()
                self._lease_lost(run.claim)
                continue
            run.claim = claim
            if claim.job.cancelling:
                run.stop()

    async def _reason_to_look(self, seen: int, rounds: int) -> None:
        reasons = [
            asyncio.ensure_future(self._queue.changed(seen)),
            asyncio.ensure_future(self._greenroom.board.changed(rounds)),
            asyncio.ensure_future(self._clock.sleep(LOOK_SECONDS)),
        ]
        try:
            await asyncio.wait(reasons, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for reason in reasons:
                reason.cancel()
            await asyncio.gather(*reasons, return_exceptions=True)


def to_make_room(runs: Iterable[Run], priority: int, now: float) -> Run | None:
    """The least urgent of those that a waiting job of that priority may take the place of; rather one that has nothing
    with the model, for that is gone at once, and of these the one that runs for longest. `now`: seconds of the clock
    of `Run.begun_at`."""

    def may(run: Run) -> bool:
        has_had_turn = run.chunks_saved > 0 and now - run.begun_at >= TURN_SECONDS
        own = run.claim.job.priority
        return not run.is_stopping and (own < priority or (own == priority and has_had_turn))

    return min(filter(may, runs), key=lambda run: (run.claim.job.priority, run.is_with_model), default=None)
