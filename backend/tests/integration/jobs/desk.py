"""An app that takes jobs by the dozen and tells what became of them, for the tests beside this file."""

from __future__ import annotations

import json

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from greenroom import create_app
from greenroom.jobs.service import Jobs

MODEL = "mood"


async def accept(request: Request) -> Response:
    """A job of these inputs; 202 with its id once it is on the disk."""
    jobs: Jobs = request.app.state.jobs
    job, _ = await jobs.submit(MODEL, json.loads(await request.body()))
    return JSONResponse(job.id, 202)


async def tell(request: Request) -> Response:
    """State, attempts and labels of each job."""
    queue = await request.app.state.jobs.queue()
    page = await queue.page(0, 100_000)
    told = {}
    for job in page.jobs:
        labels = [row["label"] async for chunk in queue.results(job.id) for row in chunk.rows]
        told[job.id] = {"state": job.state, "attempts": job.attempts, "fault": str(job.fault), "labels": labels}
    return JSONResponse(told)


async def count(request: Request) -> Response:
    """How many are in each state."""
    return JSONResponse((await (await request.app.state.jobs.queue()).counts()).by_state)


def app() -> Starlette:
    return create_app(routes=[
        Route("/test/accept", accept, methods=["POST"]), Route("/test/tell", tell), Route("/test/count", count),
    ])  # fmt: skip
