"""A lease table and nothing around it: `python -m bench.opponents.raw_queue FILE JOBS`.

Accepts so many jobs, claims each and completes each with a result, on SQLite with WAL and synchronous=FULL, each step
in a commit of its own, as a queue does that waits for nobody; one connection in one thread, which is when SQLite is
quickest. Answers `{"seconds": s}`.
"""

from __future__ import annotations

import json
import sqlite3
import sys
import time

_TABLE = """CREATE TABLE jobs(number INTEGER PRIMARY KEY, id TEXT UNIQUE, state TEXT, input TEXT, fence INTEGER,
lease_until REAL, result TEXT); CREATE INDEX next_job ON jobs(state, number)"""
_CLAIM = """UPDATE jobs SET state = 'processing', fence = fence + 1, lease_until = ? WHERE number =
(SELECT number FROM jobs WHERE state = 'pending' ORDER BY number LIMIT 1) RETURNING number, fence"""
_COMPLETE = "UPDATE jobs SET state = 'completed', result = ? WHERE number = ? AND fence = ?"
_RESULT = json.dumps({"label": "positive", "score": 0.98})


def main() -> None:
    jobs = int(sys.argv[2])
    with sqlite3.connect(sys.argv[1], isolation_level=None) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.executescript(_TABLE)
        begun = time.perf_counter()
        for number in range(jobs):
            connection.execute("INSERT INTO jobs(id, state, input, fence) VALUES (?, 'pending', ?, 0)",
                               (f"{number:036}", f"a good day {number}"))  # fmt: skip
        for _ in range(jobs):
            number, fence = connection.execute(_CLAIM, (time.time() + 15,)).fetchone()
            connection.execute(_COMPLETE, (_RESULT, number, fence))
        seconds = time.perf_counter() - begun
        (done,) = connection.execute("SELECT count(*) FROM jobs WHERE state = 'completed'").fetchone()
    if done != jobs:
        raise RuntimeError(f"{done} of {jobs} are done")
    print(json.dumps({"seconds": seconds}))


if __name__ == "__main__":
    main()
