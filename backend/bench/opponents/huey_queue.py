"""Jobs on huey with its SQLite storage: `python -m bench.opponents.huey_queue FILE JOBS [work]`.

huey (lock file: 3.5.4) has a queue, results and workers, and no leases: a task is taken out of its table before it
runs, so a worker that dies takes it along. Its commits are made as durable as ours (`fsync=True`: synchronous=FULL,
WAL). One process hands over tasks that return at once; another one (`work`) runs huey's own consumer with two worker
threads, which is how it is deployed. Answers `{"seconds": s}`: from the first task handed over to the last result.
"""

from __future__ import annotations

import json
import logging
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing

from huey import SqliteHuey  # type: ignore[import-untyped]

WORKERS = 2
POLL_SECONDS = 0.02
LONGEST_SECONDS = 300.0

huey = SqliteHuey(filename=sys.argv[1], fsync=True)


@huey.task()  # type: ignore[untyped-decorator]
def mood(text: str) -> dict[str, object]:
    return {"label": "positive", "score": 0.98}


def main() -> None:
    if sys.argv[3:] == ["work"]:
        logging.getLogger("huey").setLevel(logging.WARNING)
        huey.create_consumer(workers=WORKERS, periodic=False, initial_delay=0.01, backoff=1.0).run()
        return
    with closing(sqlite3.connect(sys.argv[1])) as connection:
        worker = subprocess.Popen(  # noqa: S603 - our own interpreter and program
            [sys.executable, "-m", "bench.opponents.huey_queue", *sys.argv[1:3], "work"]
        )
        try:
            print(json.dumps({"seconds": _hand_over(int(sys.argv[2]), connection)}), flush=True)
        finally:
            worker.send_signal(signal.SIGINT)
            worker.wait(15)


def _hand_over(jobs: int, connection: sqlite3.Connection) -> float:
    """Raises TimeoutError."""
    mood("so that the worker is up before the clock runs")
    _await(connection, 1)
    begun = time.perf_counter()
    for number in range(jobs):
        mood(f"a good day {number}")
    _await(connection, jobs + 1)
    return time.perf_counter() - begun


def _await(connection: sqlite3.Connection, results: int) -> None:
    limit = time.monotonic() + LONGEST_SECONDS
    while connection.execute("SELECT count(*) FROM kv").fetchone()[0] < results:
        if time.monotonic() > limit:
            raise TimeoutError("huey did not finish")
        time.sleep(POLL_SECONDS)


if __name__ == "__main__":
    main()
