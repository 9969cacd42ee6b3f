"""What the tests of queues share: a moment, a lease, jobs and chunks, and short words for what they do with them."""

from __future__ import annotations

from dataclasses import replace

from greenroom.jobs.seam import Chunk, Claim, JobFault, JobQueue, NewJob

NOW = 1_800_000_000.0
LEASE = 10.0
FAULT = JobFault("prediction-failed", "It could not.")


def job(id_: str = "1", total: int = 1, **members: object) -> NewJob:
    return replace(NewJob(id_, "sentiment", total, tuple(f"text {n}" for n in range(total))), **members)  # type: ignore[arg-type]


def chunk(start: int = 0, rows: int = 1, version: str = "1") -> Chunk:
    return Chunk(start, tuple({"label": "positive", "score": 0.5 + n / 10} for n in range(rows)), version)


async def one(queue: JobQueue, now: float = NOW, worker: str = "w") -> Claim:
    (claim,) = await queue.claim(worker, 1, LEASE, now)
    return claim


async def chunks(queue: JobQueue, id_: str = "1") -> list[Chunk]:
    return [chunk async for chunk in queue.results(id_)]
