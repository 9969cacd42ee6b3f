"""What the front, the zygote and the hosts say to each other. Pure: bytes in, messages out.

A frame on a local stream socket is

    u32 header length | u32 body length | header (MessagePack, one of the structs below) | body (raw)

in little-endian order. The body carries numbers as they lie in memory (float32, C order), so that vectors are
neither pickled nor printed. `Decoder` is sans-I/O: feed it what the socket gave, take the frames that are whole.
Neither side trusts a length above `MAX_FRAME_BYTES`: beyond it the peer is broken, and the link is cut.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

MAX_FRAME_BYTES = 256 * 1024 * 1024
_LENGTHS = struct.Struct("<II")


class FrameError(ValueError):
    """The peer sent something that is not a frame."""


class Message(msgspec.Struct, tag=True, omit_defaults=True):
    """Base of all headers; the struct's name travels as its tag."""


# front → zygote and hosts


class Ping(Message):
    """Are you there? Answered at once by `Pong`, whatever else is going on."""


# zygote and hosts → front


class Pong(Message):
    """I am; also sent unasked, by who has much to do before the next ping's turn. `rounds`: changes as long as no
    thread of a host is stuck; that of one that still loads, and the zygote's, is 0."""

    rounds: int = 0


# front → zygote


class Fork(Message):
    """Make a host. Travels with one file descriptor: the host's end of its own socket."""

    host_id: int


class Kill(Message):
    """End a host now (SIGKILL)."""

    host_id: int


# zygote → front


class Imported(Message):
    """`done` modules of the runtime are imported; `complete` when forking can begin."""

    done: int
    complete: bool = False


class Forked(Message):
    host_id: int
    pid: int


class ForkFailed(Message):
    """No host was made. `temporary`: for want of something that may come back (memory, a process slot)."""

    host_id: int
    reason: str
    temporary: bool = False


class Exited(Message):
    """A host ended: `code` ≥ 0 is its exit status, `code` < 0 the signal that ended it, negated."""

    host_id: int
    pid: int
    code: int


# front → host


class Load(Message):
    """First frame to a host: what to hold. `verdicts` maps dtype names to the remembered outcome of the check
    of this version in that dtype against float32 on this machine (absent: not checked yet)."""

    name: str
    folder: str
    runtime: str
    dtype: str
    max_tokens_per_batch: int
    verdicts: dict[str, bool] = {}
    encoder: str = ""
    """Folder of the encoder, for a runtime that puts a head on one."""
    trust: bool = False
    """Whether code that came with the files may run."""
    background: bool = False
    """Another version serves meanwhile: load without taking its cores."""


class Encode(Message):
    """Embed or classify `texts` (rows of a table: as JSON objects). Answered exactly once: by `Encoded`, `Failed` or
    `Dropped`, or by the host's end. Drop the work when `deadline_seconds` have passed since the frame arrived."""

    call: int
    texts: list[str]
    deadline_seconds: float | None = None
    background: bool = False
    """Nobody waits for it: other calls go first."""


class Cancel(Message):
    """The caller left: drop what has not started. Means nothing for a call that was answered already."""

    call: int


class Stop(Message):
    """Finish what is queued, then exit 0."""


# host → front


class StageStep(Message):
    """A measured step of a load: `done` of `total` units of `stage` are through (`total` > 0).
    `unit` is "bytes", "tensors", "passes" or "modules"."""

    stage: str
    done: float
    total: float
    unit: str


class Ready(Message):
    """The version is loaded, warm and checked. `device` is "cpu" or "cuda"; `max_tokens` the model's window.
    `classes`: of a classifier, whose rows are a probability for each, so `dimension` is how many there are.
    `columns`: of a tabular model, column name → "number" or "text"."""

    dimension: int
    max_tokens: int
    device: str
    dtype: str
    verdicts: dict[str, bool] = {}
    classes: list[str] = []
    columns: dict[str, str] = {}


class LoadFailed(Message):
    """The load ended in an error that another try of the same files will not mend, unless `temporary`."""

    reason: str
    temporary: bool = False


class Encoded(Message):
    """Answer to `Encode`. The body is float32, shape (texts, dimension), rows in the order asked: vectors of unit
    length, or a classifier's probabilities, which sum to 1. `tokens`: tokens read per text (after
    cutting). `truncated`: indices of texts that were cut."""

    call: int
    dimension: int
    tokens: list[int]
    truncated: list[int] = []


class Failed(Message):
    """Answer to `Encode` when there is no result. `code` is an `ErrorCode` value."""

    call: int
    code: str
    reason: str


class Dropped(Message):
    """Answer to an `Encode` that was cancelled: nothing of it is computed any more."""

    call: int


class Log(Message):
    """One line for the front's log. `level` is "debug", "info", "warning" or "error"."""

    level: str
    text: str


AnyMessage = (
    Ping | Pong | Fork | Kill | Imported | Forked | ForkFailed | Exited | Load | Encode | Cancel | Stop
    | StageStep | Ready | LoadFailed | Encoded | Failed | Dropped | Log
)  # fmt: skip

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[AnyMessage] = msgspec.msgpack.Decoder(AnyMessage)


@dataclass(frozen=True)
class Frame:
    message: AnyMessage
    body: bytes = b""


def encode(message: AnyMessage, body: bytes | memoryview = b"") -> bytes:
    """The bytes of one frame. Raises FrameError for one that the other side would not take."""
    header = _encoder.encode(message)
    bytes_ = _LENGTHS.size + len(header) + memoryview(body).nbytes
    if bytes_ > MAX_FRAME_BYTES:
        raise FrameError(f"a frame of {bytes_} bytes is too large, at most {MAX_FRAME_BYTES} are allowed")
    return b"".join((_LENGTHS.pack(len(header), memoryview(body).nbytes), header, body))


class Decoder:
    """Turns a stream of bytes into frames, however the bytes were cut."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Take in `data` and yield every frame that is now whole.

        Raises FrameError on an oversized or undecodable frame; the decoder is then of no further use."""
        self._buffer += data
        while frame := self._take():
            yield frame

    def _take(self) -> Frame | None:
        buffer = self._buffer
        if len(buffer) < _LENGTHS.size:
            return None
        header_bytes, body_bytes = _LENGTHS.unpack_from(buffer)
        end = _LENGTHS.size + header_bytes + body_bytes
        if end > MAX_FRAME_BYTES:
            raise FrameError(f"a frame of {end} bytes was announced, at most {MAX_FRAME_BYTES} are allowed")
        if len(buffer) < end:
            return None
        header_end = _LENGTHS.size + header_bytes
        try:
            message = _decoder.decode(bytes(buffer[_LENGTHS.size : header_end]))
        except (msgspec.DecodeError, msgspec.ValidationError) as error:
            raise FrameError(f"undecodable frame header: {error}") from error
        frame = Frame(message, bytes(buffer[header_end:end]))
        del buffer[:end]
        return frame
