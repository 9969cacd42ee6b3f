"""The stamps of a host: set in the zygote before it forks, written to a file a line for each write."""

from __future__ import annotations

import json
import os

from bench.stamps import Stamps


def stamp_hosts(file: str) -> None:
    """Have every host that this zygote will fork append its stamps to `file`."""
    from greenroom.host.process import prepare_environment

    prepare_environment()  # before anything of the runtime is imported, as the zygote itself does it
    from greenroom.host.link import Link
    from greenroom.host.runtimes.sentence_transformers import SentenceTransformersRuntime

    stamps = Stamps()
    stamps.wrap(Link, "receive", leave="host received")
    stamps.wrap(SentenceTransformersRuntime, "tokenise", enter="host decoded", leave="host tokenised")
    stamps.wrap(
        SentenceTransformersRuntime,
        "embed",
        enter="host begins",
        leave="host computed",
        amount=lambda _, batch, *alone: len(batch),
    )
    stamps.wrap(SentenceTransformersRuntime, "_features", leave="host padded")
    send = Link.send_frames

    def stamped(link: Link, data: bytes) -> None:
        stamps.note("host sends")
        send(link, data)
        _append(file, stamps)

    setattr(Link, "send_frames", stamped)  # noqa: B010 - a patch from outside, which no type allows


def _append(file: str, stamps: Stamps) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, json.dumps(stamps.take()).encode() + b"\n")
    finally:
        os.close(descriptor)
