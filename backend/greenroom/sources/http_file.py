"""One file over HTTP: resumed where it can be, tried again where that helps, and hashed as it comes.

A `.part` file is gone on with only if the bytes to come belong to those that are there: the server holds the range
against the ETag that they came with (`If-Range`, RFC 9110, 13.1.5), or the whole is held against a hash afterwards.
A file whose hash is wrong is had once more from its first byte, in case it was the old part that was bad.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import socket
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import httpx

from greenroom.sources.http import TryAgainError, refuse, request, send, unreachable
from greenroom.sources.job import Job
from greenroom.sources.part import Part
from greenroom.sources.patience import Patience
from greenroom.sources.plan import Http, WantedFile
from greenroom.words import FileCorruptError, SourceUnreachableError

_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")


@dataclass(frozen=True)
class Progress:
    """Where one file reports to."""

    counted: Callable[[int], None]
    """Takes the bytes that are there."""
    expect: Callable[[int], None]
    """Takes the file's size, once it is known."""


class HttpFile:
    """Brings one file; blocks."""

    def __init__(self, client: httpx.Client, file: WantedFile, how: Http, job: Job, patience: Patience) -> None:
        self._client, self._file, self._how = client, file, how
        self._job, self._patience = job, patience
        self._address = hashlib.sha256(how.url.encode()).hexdigest()
        self._bytes = file.bytes
        self._answer: httpx.Response | None = None

    def abort(self) -> None:
        """Wake a thread that waits for more of the body: cut its connection. For other threads, after the stop."""
        answer = self._answer
        connection = answer.extensions["network_stream"].get_extra_info("socket") if answer else None
        if connection is not None:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(connection, socket.SHUT_RDWR)  # below TLS, which is its reader's alone

    def bring(
        self,
        target: Path,
        progress: Progress,
        check: Callable[[str, Path, int], str | None],
        in_place: AbstractContextManager[None],
    ) -> str:
        """Have the file at `target`; its SHA-256. `check` takes SHA-256, where the bytes are and how many, and says
        what is wrong; within `in_place` the file takes its place. Raises SourceError, StoppedError, OSError."""
        part = Part(target, self._job, progress.counted)
        try:
            self._whole(part, progress)
            if check(part.hasher.hexdigest(), part.path, part.size):
                part.restart(self._address, "")
                self._whole(part, progress)
            if wrong := check(part.hasher.hexdigest(), part.path, part.size):
                part.restart(self._address, "")
                raise FileCorruptError(wrong)
            with in_place:
                return part.finish()
        finally:
            part.close()

    def _whole(self, part: Part, progress: Progress) -> None:
        """Try until every byte is there."""
        failures = 0
        for _ in range(self._patience.tries_in_all):
            before = part.size
            try:
                return self._try(part, progress)
            except TryAgainError as error:
                failures = 1 if part.size > before else failures + 1
                self._wait(error, failures)
        raise SourceUnreachableError(f"{self._file.path} did not come in {self._patience.tries_in_all} tries.")

    def _wait(self, error: TryAgainError, failures: int) -> None:
        asked = error.retry_after_seconds
        too_long = asked is not None and asked > self._patience.longest_retry_after_seconds
        if failures >= self._patience.tries or too_long:
            raise unreachable(error) from error
        self._job.pause(self._patience.wait_seconds(failures, asked))

    def _try(self, part: Part, progress: Progress) -> None:
        if part.size and part.size == self._bytes:
            return
        response = send(self._client, request(self._client, "GET", self._how, self._range(part)), stream=True)
        self._answer = response
        try:
            self._begin(response, part)
            if self._bytes is not None:
                progress.expect(self._bytes)
            self._take(response, part, progress)
        finally:
            self._answer = None
            response.close()
        if self._bytes is not None and part.size != self._bytes:
            raise TryAgainError(f"{response.url.host} sent {part.size} of {self._bytes} bytes of {self._file.path}")

    def _range(self, part: Part) -> dict[str, str]:
        if not part.size or not self._may_resume(part):
            return {}
        return {"Range": f"bytes={part.size}-"} | ({"If-Range": part.state.etag} if part.state.etag else {})

    def _may_resume(self, part: Part) -> bool:
        promised = bool(self._file.sha256 or self._file.git_blob)
        return part.state.address == self._address and (bool(part.state.etag) or promised)

    def _begin(self, response: httpx.Response, part: Part) -> None:
        """Hold the answer's head against what is there; throw that away where it does not fit."""
        if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
            part.restart(self._address, "")
            raise TryAgainError(f"{self._file.path} is another file now")
        refuse(response, self._file.path, self._how.forbidden)
        partial = response.status_code == httpx.codes.PARTIAL_CONTENT
        etag = response.headers.get("ETag", "") or (part.state.etag if partial else "")  # some leave it out of a 206
        if self._how.etag and etag != self._how.etag:
            raise SourceUnreachableError(f"{self._file.path} was changed while it was downloaded. It is tried again.")
        if partial:
            total = self._continued(response, part, etag)
        else:
            part.restart(self._address, "" if etag.startswith("W/") else etag)
            total = _length(response)
        self._settle(total)

    def _continued(self, response: httpx.Response, part: Part, etag: str) -> int | None:
        found = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
        fits = found and int(found[1]) == part.size and self._range(part)
        if not found or not fits or (part.state.etag and etag and etag != part.state.etag):
            part.restart(self._address, "")
            raise TryAgainError(f"{response.url.host} sent another piece of {self._file.path} than it was asked for")
        return None if found[2] == "*" else int(found[2])

    def _settle(self, total: int | None) -> None:
        if total is None:
            return
        if self._file.bytes not in (None, total):
            raise FileCorruptError(
                f"{self._file.path} has {total} bytes there, and {self._file.bytes} were promised. Press Try again."
            )
        self._bytes = total

    def _take(self, response: httpx.Response, part: Part, progress: Progress) -> None:
        host, most = response.url.host, self._bytes
        try:
            for chunk in response.iter_raw():
                self._job.check()
                if most is not None and part.size + len(chunk) > most:
                    raise FileCorruptError(f"{host} sends more of {self._file.path} than it said.")
                part.append(chunk)
                progress.counted(part.size)
        except httpx.TransportError as error:
            raise TryAgainError(f"{host} broke off in the middle of {self._file.path}") from error


def _length(response: httpx.Response) -> int | None:
    value = response.headers.get("Content-Length", "")
    return int(value) if value.isdigit() else None
