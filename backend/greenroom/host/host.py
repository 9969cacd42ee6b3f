"""One host's life: told what to hold, it gets ready, serves, and ends with its front."""

from __future__ import annotations

import gc
import os
import socket
import sys
import traceback
from collections.abc import Callable

from greenroom.frames import Load, LoadFailed, Ready, StageStep
from greenroom.host.background import in_background
from greenroom.host.link import Link
from greenroom.host.precision import CheckFailedError, Prepared, check_inputs, embed_texts, prepare
from greenroom.host.process import offer_to_oom_killer
from greenroom.host.runtime import UnusableFilesError, require_runtime
from greenroom.host.service import Listener, Service

BeforeLoad = Callable[[Load, Link], None]
"""What a host that was not forked from a zygote still has to do: import the runtime."""


def run_host(connection: socket.socket, before_load: BeforeLoad | None = None) -> int:
    """Serve the front at the other end of `connection`. Returns the exit status when asked to stop; the process
    ends by itself, from another thread, when the connection does."""
    offer_to_oom_killer()
    link = Link(connection)
    listener = Listener(link)
    listener.start()
    load = listener.loads.get()
    prepared = _aside(load, lambda: _get_ready(load, link, before_load))
    if prepared is None:
        return 1
    service = Service(link, prepared.runtime, load.max_tokens_per_batch)
    listener.service = service
    link.send(_ready(prepared))
    service.serve()
    return 0


def _aside(load: Load, get_ready: Callable[[], Prepared | None]) -> Prepared | None:
    """`get_ready()`, without slowing those who serve meanwhile where `load` says so."""
    if not load.background:
        return get_ready()
    prepared = in_background(get_ready)
    if prepared is not None:
        embed_texts(prepared.runtime, check_inputs(prepared.runtime)[:1])  # the first pass of this thread is slow
    return prepared


def _get_ready(load: Load, link: Link, before_load: BeforeLoad | None) -> Prepared | None:
    """None when the load failed and the front has been told why."""
    gc.disable()  # a load makes many objects, all of which stay
    try:
        if before_load is not None:
            before_load(load, link)
        return prepare(require_runtime(load.runtime), load, link.send)
    except (UnusableFilesError, CheckFailedError) as error:
        link.log("error", f"load failed: {error!r} from {error.__cause__!r}")
        link.send(LoadFailed(str(error)))
        return None
    except MemoryError:
        link.send(LoadFailed("there is not enough memory for this model", temporary=True))
        return None
    except Exception as error:
        link.log("error", f"load failed: {''.join(traceback.format_exception(error))}")
        link.send(LoadFailed(f"the runtime could not load the model ({type(error).__name__})"))
        return None
    finally:
        gc.freeze()
        gc.enable()


def _ready(prepared: Prepared) -> Ready:
    runtime = prepared.runtime
    return Ready(
        runtime.dimension, runtime.max_tokens, runtime.device, runtime.dtype, dict(prepared.verdicts),
        list(runtime.classes), dict(runtime.columns),
    )  # fmt: skip


def exit_with(status: int) -> None:
    """End without running what the zygote registered to happen at its own exit."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def import_steps(link: Link, modules_expected: int) -> Callable[[int], None]:
    """Reports a counted import as a stage whose total is what the last such import needed."""

    def report(done: int) -> None:
        link.send(StageStep("import", min(done, modules_expected), modules_expected, "modules"))

    return report
