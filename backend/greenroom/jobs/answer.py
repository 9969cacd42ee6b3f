"""How a job stands, as its clients read it. Pure."""

from __future__ import annotations

import math

from greenroom.jobs.seam import Job, JobState
from greenroom.protocol.base import timestamp
from greenroom.protocol.jobs import MAX_BAD_LINES, JobAnswer, JobError, JobLine


def job_answer(job: Job) -> JobAnswer:
    """`job` as a client sees it, whenever that is: the same bytes over HTTP and in a frame."""
    return JobAnswer(
        job_uuid=job.id, name=job.name, status=job.state, model=job.model, model_version=job.version,
        result_label=job.label, result_score=job.score, progress=_progress(job), total=job.total, done=job.done,
        estimated_seconds=_estimate(job), attempts=job.attempts, created_at=timestamp(job.created_at),
        started_at=_when(job.started_at), finished_at=_when(job.finished_at), retry_at=_when(job.retry_at),
        cancelling=job.cancelling,
        error=JobError(code=job.fault.code, message=job.fault.message) if job.fault else None,
        bad_lines=tuple(JobLine(line=bad.line, message=bad.message) for bad in job.bad_lines[:MAX_BAD_LINES]),
        bad_line_count=max(job.bad_line_count, len(job.bad_lines)),
    )  # fmt: skip


def _progress(job: Job) -> int:
    if job.state is JobState.COMPLETED:
        return 100
    return min(99, 100 * job.done // job.total) if job.total else 0


def _estimate(job: Job) -> int | None:
    """By the time that went into what is done, which no clock that is set and no pause makes longer."""
    if job.is_terminal or not job.done or not job.worked_seconds:
        return None
    return max(1, math.ceil((job.total - job.done) * job.worked_seconds / job.done))


def _when(at: float | None) -> str | None:
    return None if at is None else timestamp(at)
