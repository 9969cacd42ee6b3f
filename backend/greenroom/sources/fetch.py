"""`python -P -m greenroom.sources.fetch --fd N --parent-pid P`: the fetch process. Resolving, downloading and hashing
go on here, each request in a thread of its own; the front stays awake whatever a hub's client does. It ends with the
end of its socket."""

from __future__ import annotations

import argparse
import os
import socket
import threading
import traceback
from pathlib import Path

from greenroom.child import end_with_parent, leave_signals_to_the_front
from greenroom.sources import wire
from greenroom.sources.job import Job, StoppedError
from greenroom.sources.plan import Place
from greenroom.sources.seam import Want
from greenroom.sources.versions import Versions
from greenroom.words import ErrorCode, GreenroomError


class Service:
    """Answers one front. Threads are daemons: the process ends in the middle of whatever they do."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._writing = threading.Lock()
        self._stops: dict[int, threading.Event] = {}

    def run(self) -> None:
        """Until the front closes its end."""
        with self._connection.makefile("rb") as lines:
            start = wire.read_question(next(lines, b""))
            assert isinstance(start, wire.Start)  # noqa: S101 - what the front's fetcher sends first
            versions = Versions(Place(Path(start.data), start.mlflow_tracking_uri))
            for line in lines:
                self._take(versions, wire.read_question(line))

    def _take(self, versions: Versions, question: wire.Question) -> None:
        match question:
            case wire.Cancel(id=id):
                if stop := self._stops.get(id):
                    stop.set()
            case wire.Look() | wire.Fetch() | wire.Clear():
                stop = self._stops[question.id] = threading.Event()
                threading.Thread(target=self._answer, args=(versions, question, stop), daemon=True).start()

    def _answer(self, versions: Versions, request: wire.Request, stop: threading.Event) -> None:
        def send(stage: str, done: int, total: int) -> None:
            self._send(wire.Progress(request.id, stage, done, total))

        try:
            self._send(_work(versions, request, Job(send, stop)))
        except StoppedError:
            return
        except GreenroomError as error:
            self._send(wire.failure(request.id, error))
        except Exception:  # a bug, or a client library's: the front must hear of it all the same
            detail = f"Fetching {request.spec.name} failed inside the server. Its log says more."
            self._send(wire.Failed(request.id, ErrorCode.SOURCE.value, detail, trace=traceback.format_exc()))
        finally:
            self._stops.pop(request.id, None)

    def _send(self, answer: wire.Answer) -> None:
        try:
            with self._writing:
                self._connection.sendall(wire.encode(answer))
        except OSError as error:  # the front is gone, and this process will be
            raise StoppedError from error


def _work(versions: Versions, request: wire.Request, job: Job) -> wire.Answer:
    match request:
        case wire.Look():
            return wire.Looked(request.id, versions.look(request.spec, job))
        case wire.Fetch():
            want = request.want if request.exact else Want(request.want)
            return wire.Fetched(request.id, versions.fetch(request.spec, want, job))
        case wire.Clear():
            return wire.Cleared(request.id, versions.clear(request.spec, request.keep))


def main() -> None:
    parser = argparse.ArgumentParser(prog="greenroom.sources.fetch", description=__doc__)
    parser.add_argument("--fd", type=int, required=True, help="an inherited stream socket to the front")
    parser.add_argument("--parent-pid", type=int, required=True)
    arguments = parser.parse_args()
    leave_signals_to_the_front()
    end_with_parent(arguments.parent_pid)
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")  # else its client asks the hub more than we ask it
    Service(socket.socket(fileno=arguments.fd)).run()
    os._exit(0)  # threads that wait for a slow server are not waited for


if __name__ == "__main__":
    main()
