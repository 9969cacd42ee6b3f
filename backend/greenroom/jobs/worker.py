"""Works jobs off: claims those whose models are ready, holds them by a heartbeat, and gives back what it cannot do.

A job of a model that is not ready stays in the queue, where it is in nobody's way; the model is wanted meanwhile. The
worker looks again when the queue has changed, when a model's state has, and every LOOK_SECONDS, which finds what other
processes did and what has become due.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence

import structlog

from greenroom.clock import Clock
from greenroom.errors import (
    ErrorCode,
    GreenroomError,
    JobCancelledError,
    JobInputsGoneError,
    JobsUnavailableError,
    LeaseLostError,
    NotReadyError,
    ShuttingDownError,
    UnknownModelError,
    UnsupportedTaskError,
)
from greenroom.jobs.places import Places
from greenroom.jobs.run import CHUNK_INPUTS, CHUNKS_AHEAD, Run, kept
from greenroom.jobs.seam import Claim, Job, JobFault, JobQueue
from greenroom.serving.greenroom import Greenroom

LEASE_SECONDS = 15.0
MAX_JOBS = 64
"""Claimed at a time."""
LOOK_SECONDS = 0.5
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
        self._places = Places(CHUNKS_AHEAD * CHUNK_INPUTS)
        self._more = False
        """Whether the last claim left something behind, as far as is known."""
        self._running: dict[asyncio.Task[None], tuple[Claim, Run]] = {}

    async def run(self) -> None:
        """Until cancelled; then `close`."""
        async with asyncio.TaskGroup() as lives:
            lives.create_task(self._hold(), name="jobs' heartbeat")
            while not self._greenroom.stopping:
                seen, rounds = await self._queue.changed(-1), self._greenroom.board.rounds
                try:
                    claims = await self._claim()
                except JobsUnavailableError:  # said by the store already
                    claims = ()
                if not claims:
                    await self._reason_to_look(seen, rounds)

    async def close(self) -> None:
        """Finish the chunks in progress, and give the jobs back."""
        for _, run in self._running.values():
            run.stop()
        if self._running:
            await asyncio.wait(list(self._running), timeout=DRAIN_SECONDS)
        late = dict(self._running)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GIVE_BACK_SECONDS):
                await asyncio.gather(*(self._give_back(claim) for claim, _ in late.values()), return_exceptions=True)

    async def _claim(self) -> Sequence[Claim]:
        """Claim what can be worked on, and see to it that the rest can be."""
        free, now = MAX_JOBS - len(self._running), self._clock.unix()
        if free <= 0:
            return ()
        models: Sequence[str] = [name for name in self._greenroom.keepers if self._greenroom.is_ready(name)]
        if any(claim.lease_until <= now for claim, _ in self._running.values()):
            await self._heartbeat()  # the clock was set forward: what has run out is our own
        if not self._more:
            models = await self._worth_claiming(now, models)
        claims = await self._queue.claim(self._name, free, LEASE_SECONDS, now, models) if models else ()
        self._more = len(claims) == free
        for claim in claims:
            self._start(claim, now)
        return claims

    async def _worth_claiming(self, now: float, ready: Sequence[str]) -> Sequence[str]:
        """Those of the models that a job waits for which are ready, or nobody's any more; the others are wanted.

        Looking costs no lock of the database, a claim that finds nothing does."""
        known = self._greenroom.keepers
        waiting = await self._queue.models_waiting(now)
        self._greenroom.want([name for name in waiting if name in known])
        return [name for name in waiting if name in ready or name not in known]

    def _start(self, claim: Claim, now: float) -> None:
        if claim.job.started_at == now:
            self._metrics.job_begun(max(0.0, now - claim.job.created_at))
        run = Run(claim, self._queue, self._greenroom, self._clock, self._places)
        task = asyncio.create_task(self._work(claim, run), name=f"job {claim.job.id}")
        self._running[task] = (claim, run)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._running[task]
        if not task.cancelled() and (error := task.exception()):
            log.error("job_not_given_back", error=repr(error))

    async def _work(self, claim: Claim, run: Run) -> None:
        try:
            job = await self._outcome(claim, run)
        except LeaseLostError:
            self._lease_lost(claim)
        except JobCancelledError:
            log.info("job_cancelled", job=claim.job.id)
        else:
            if job.is_terminal:
                self._metrics.job_ended(job.state, max(0.0, (job.finished_at or 0.0) - (job.started_at or 0.0)))

    async def _outcome(self, claim: Claim, run: Run) -> Job:
        """The job as it stands when the claim is over. Raises LeaseLostError, JobCancelledError."""
        try:
            self._greenroom.scope((claim.job.model,))
            job = await run.work()
            return job if job.is_terminal else await self._give_back(claim)
        except (LeaseLostError, JobCancelledError):
            raise
        except (NotReadyError, ShuttingDownError):
            return await self._give_back(claim)
        except (UnknownModelError, UnsupportedTaskError, JobInputsGoneError) as error:
            fault = JobFault(error.code, str(error))
            return await kept(lambda: self._queue.fail(claim, fault, self._clock.unix()), self._clock)
        except GreenroomError as error:
            return await self._give_back(claim, JobFault(error.code, str(error)))
        except Exception:
            log.exception("job_broke", job=claim.job.id)
            return await self._give_back(claim, _WORKER_FAULT)

    async def _give_back(self, claim: Claim, fault: JobFault | None = None) -> Job:
        """Raises LeaseLostError."""
        if fault is not None:
            self._metrics.job_failed_once(fault.code)
        return await kept(lambda: self._queue.give_back(claim, self._clock.unix(), fault), self._clock)

    def _lease_lost(self, claim: Claim) -> None:
        self._metrics.job_leases_lost += 1
        log.warning("job_lease_lost", job=claim.job.id)

    async def _hold(self) -> None:
        """Prolong the leases; drop what somebody else has by now."""
        while True:
            await self._clock.sleep(LEASE_SECONDS / 3)
            with contextlib.suppress(JobsUnavailableError):  # said by the store already
                await self._heartbeat()

    async def _heartbeat(self) -> None:
        """Raises JobsUnavailableError."""
        running, now = dict(self._running), self._clock.unix()
        claims = [claim for claim, _ in running.values()]
        held = await self._queue.heartbeat(claims, LEASE_SECONDS, now) if claims else ()
        still_ours = {(claim.job.id, claim.fence): claim for claim in held}
        for task, (claim, run) in running.items():
            if task.done() or task.cancelling():
                continue
            if (claim.job.id, claim.fence) in still_ours:
                self._running[task] = (still_ours[claim.job.id, claim.fence], run)
            else:
                task.cancel()
                self._lease_lost(claim)

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
