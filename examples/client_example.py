"""Talk to a Greenroom server from Python: wait until it is ready, predict, then hand over a job and follow it.

pip install httpx websockets
python client_example.py http://127.0.0.1:8000
"""

from __future__ import annotations

import json
import sys
import time
import uuid
from typing import Any

import httpx
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.sync.client import connect

REVIEWS = ["What a lovely day.", "I want my money back.", "It arrived on Tuesday."]
PATIENCE_SECONDS = 600.0


def main(server: str) -> None:
    with httpx.Client(base_url=server, timeout=60) as http:
        print("1. Is it ready?")
        wait_until_ready(http)

        print("2. One text, answered at once")
        answer = predict(http, server, REVIEWS[0])
        print(f"   {answer['label']} ({answer['score']:.2f}), by {answer['model']} {answer['version']}")

        print("3. Many texts, as a job: it survives both of us")
        job = submit(http, REVIEWS)
        print(f"   {job['job_uuid']} is {job['status']}")

        print("4. Following it")
        job = follow(http, server, job)

        print("5. Results")
        if job["status"] != "completed":
            sys.exit(f"   The job {job['status']}: {(job['error'] or {}).get('message', 'no reason is given')}")
        for result in results(http, job):
            print(f"   {REVIEWS[result['index']]!r}: {result['label']} ({result['score']:.2f})")


def wait_until_ready(http: httpx.Client) -> None:
    """The readiness call answers 425 while something is under way and 503 when it has failed for good; either way
    its body says how far it is. It is about the models that the server requires."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        response = http.get("/api/v1/admin/ready")
        state = response.json()
        if state["ready"]:
            print(f"   {state['message']}")
            return
        seconds = state["estimated_seconds"]
        left = "" if seconds is None else f", about {seconds} s left"
        print(f"   {state['phase']} {state['progress']} %{left}")
        if "retry-after" not in response.headers:
            sys.exit(f"   It will not get ready by itself: {state['message']}")
        pause(response, deadline)


def predict(http: httpx.Client, server: str, text: str) -> dict[str, Any]:
    """A model that is not in memory yet answers 425 (or 503) with `x-should-retry` and says in Retry-After when to
    come back. `Prefer: wait` lets the server hold the call for some seconds instead, which saves most of that. Where
    the operator has set USE_BACKGROUND_INFERENCE, each call gets a job (202) instead of its answer."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        response = http.post("/predict", json={"text": text}, headers={"prefer": "wait=10"})
        if response.status_code == httpx.codes.ACCEPTED:
            return answer_of(follow(http, server, response.json()))
        if response.is_success:
            answer: dict[str, Any] = response.json()
            return answer
        if response.headers.get("x-should-retry") != "true" and response.status_code != httpx.codes.TOO_MANY_REQUESTS:
            sys.exit(f"   {reason(response)}")
        print(f"   Not yet: {reason(response)}")
        pause(response, deadline)


def answer_of(job: dict[str, Any]) -> dict[str, Any]:
    """A job of one text has what came out in itself."""
    if job["result_label"] is None:
        sys.exit(f"   The job {job['status']}: {(job['error'] or {}).get('message', 'its results say why')}")
    named = {"label": "result_label", "score": "result_score", "model": "model", "version": "model_version"}
    return {name: job[member] for name, member in named.items()}


def submit(http: httpx.Client, texts: list[str]) -> dict[str, Any]:
    """Accepted also while models load. The key makes it safe to send the same again when an answer got lost."""
    headers = {"idempotency-key": str(uuid.uuid4())}
    for attempt in range(5):
        try:
            response = http.post("/jobs", json={"inputs": texts}, headers=headers)
        except httpx.TransportError:
            time.sleep(2**attempt)
            continue
        if not response.is_success:
            sys.exit(f"   {reason(response)}")
        job: dict[str, Any] = response.json()
        return job
    sys.exit("   No answer after five attempts.")


def follow(http: httpx.Client, server: str, job: dict[str, Any]) -> dict[str, Any]:
    """The socket says the job's state at once and after each change, and closes once it has ended. Should it break, a
    plain call tells how the job stands."""
    address = f"ws{server.removeprefix('http')}/ws/jobs/{job['job_uuid']}"
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        try:
            with connect(address) as socket:
                for message in socket:
                    frame = json.loads(message)
                    if "job_uuid" in frame:  # anything else, such as a ping, is for who wants it
                        job = frame
                        print(f"   {job['status']}: {job['done']} of {job['total']}")
        except (OSError, InvalidHandshake, ConnectionClosed):
            time.sleep(1)
        job = http.get(f"/jobs/{job['job_uuid']}").raise_for_status().json()
        if job["status"] in ("completed", "failed", "cancelled"):
            return job
    sys.exit("   It has not ended in time. It goes on without us: greenroom jobs watch " + job["job_uuid"])


def results(http: httpx.Client, job: dict[str, Any]) -> list[dict[str, Any]]:
    """One JSON object a line, in the order of the inputs. Ask for csv or json instead, or stream a long one."""
    response = http.get(f"/jobs/{job['job_uuid']}/results", params={"format": "jsonl"}).raise_for_status()
    return [json.loads(line) for line in response.text.splitlines()]


def pause(response: httpx.Response, deadline: float) -> None:
    """As long as the server asks for."""
    seconds = float(response.headers.get("retry-after", "5"))
    if time.monotonic() + seconds > deadline:
        sys.exit("   It takes too long. Try again later.")
    time.sleep(seconds)


def reason(response: httpx.Response) -> str:
    """Every other error is an RFC 9457 problem document."""
    problem = response.json()
    return f"{problem['title']}: {problem['detail']}" if "title" in problem else str(problem["message"])


if __name__ == "__main__":
    main((sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8000").rstrip("/"))
