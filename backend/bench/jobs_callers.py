"""Callers who hand over jobs while servers die, and keep account of what they were promised."""

from __future__ import annotations

import itertools
import random
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import httpx

from bench.jobs_house import MODEL

CALLERS = 4
TEXTS = ("a perfect day, I am happy and glad", "awful and bad, the worst of all", "the meeting is on Monday")
"""Of different moods, so that a result in a wrong place shows. A number follows each, so that no text comes twice: one
that was with two hosts as they died would be blamed for it."""
ASK_AT_ONCE = 256
TIMEOUT_SECONDS = 60.0


class Callers:
    """Each job has an `Idempotency-Key` of its own: whoever hears nothing asks again with the same one."""

    def __init__(self, sizes: Sequence[int], seed: int) -> None:
        self._sizes = sizes
        self._chance = random.Random(seed)  # noqa: S311 - which moment, which text
        self._count = itertools.count()
        self._turn = threading.Lock()
        self.inputs: dict[str, list[str]] = {}
        """By key."""
        self.ids: dict[str, str] = {}
        """By key; of those that were accepted."""
        self.refusals: Counter[str] = Counter()
        """What was said instead of 202, and how often nothing was."""
        self.doubled = 0
        """Keys that were answered with two different jobs."""

    def round(self, ports: Sequence[int], jobs: int, longest_seconds: float, strike: Callable[[], None]) -> None:
        """One job, which is accepted, then more side by side, and at a random moment `strike`."""
        self._submit(self._new(), ports)
        later = _Later(self._chance.uniform(0, longest_seconds), strike)
        later.start()
        with ThreadPoolExecutor(CALLERS) as threads:
            list(threads.map(lambda key: self._submit(key, ports), [self._new() for _ in range(jobs - 1)]))
        later.done()

    def ask_again(self, ports: Sequence[int]) -> None:
        """All for whom there was no answer, and some that had one."""
        unheard = [key for key in self.inputs if key not in self.ids]
        for key in [*unheard, *self._chance.sample(sorted(self.ids), min(2, len(self.ids)))]:
            self._submit(key, ports)

    def wrong(self, port: int) -> list[str]:
        """Ids of jobs whose results are not one for each input, in order, as the same text gets when it is asked for
        without a job."""
        labels = self._labels(port)
        with _client(port) as client:
            return [id_ for key, id_ in self.ids.items() if not self._right(client, id_, self.inputs[key], labels)]

    def _right(self, client: httpx.Client, id_: str, texts: Sequence[str], labels: dict[str, str]) -> bool:
        answer = client.get(f"/jobs/{id_}/results")
        rows = answer.json() if answer.status_code == 200 else []
        return [(row["index"], row.get("label")) for row in rows] == [
            (index, labels[text]) for index, text in enumerate(texts)
        ]

    def _labels(self, port: int) -> dict[str, str]:
        texts = sorted({text for texts in self.inputs.values() for text in texts})
        labels: dict[str, str] = {}
        with _client(port) as client:
            for start in range(0, len(texts), ASK_AT_ONCE):
                some = texts[start : start + ASK_AT_ONCE]
                answer = client.post("/predict", json={"inputs": some, "model": MODEL}, headers={"Prefer": "wait=30"})
                answer.raise_for_status()
                labels |= zip(some, (result["label"] for result in answer.json()["results"]), strict=True)
        if len(set(labels.values())) < 2:
            raise RuntimeError("all texts have one label: a result in a wrong place would not show")
        return labels

    def _new(self) -> str:
        with self._turn:
            key = f"bench-{len(self.inputs)}"
            size = self._chance.choice(self._sizes)
            self.inputs[key] = [f"{self._chance.choice(TEXTS)} {next(self._count)}" for _ in range(size)]
            return key

    def _submit(self, key: str, ports: Sequence[int]) -> None:
        """At one of the servers. One that was killed meanwhile promised nothing."""
        with self._turn:
            port = self._chance.choice(ports)
        body = {"model": MODEL, "inputs": self.inputs[key]}
        try:
            with _client(port) as client:
                answer = client.post("/jobs", json=body, headers={"Idempotency-Key": key})
        except httpx.HTTPError:
            self.refusals["no answer"] += 1
            return
        if answer.status_code != 202:
            self.refusals[f"{answer.status_code} {answer.json().get('type', '')}"] += 1
            return
        id_ = answer.json()["job_uuid"]
        with self._turn:
            self.doubled += self.ids.setdefault(key, id_) != id_


def _client(port: int) -> httpx.Client:
    return httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=TIMEOUT_SECONDS)


class _Later(threading.Thread):
    """Something after so many seconds, whose failure is not lost."""

    def __init__(self, seconds: float, work: Callable[[], None]) -> None:
        super().__init__()
        self._seconds = seconds
        self._work = work
        self._error: BaseException | None = None

    def run(self) -> None:
        threading.Event().wait(self._seconds)
        try:
            self._work()
        except BaseException as error:
            self._error = error

    def done(self) -> None:
        """Wait for it. Raises what it raised."""
        self.join()
        if self._error is not None:
            raise self._error
