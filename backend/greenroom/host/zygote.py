"""`python -m greenroom.host.zygote`: imports the runtimes once, then forks a ready-to-load host whenever asked.

A fork copies one thread and every lock as it stands, so nothing may run beside it: no torch operation happens here
(its thread pools would be lost in the child while the child believes in them), and the helper that reports the import
has ended before the first fork. Requests that come during the import wait in the socket, file descriptors included.

The zygote is its hosts' parent, so it alone learns how they end, and tells the front. When the front closes the
control socket, the zygote ends every host and itself. Hosts do not end with the zygote: a new one can be started
while they serve on; they end when the front's end of their own socket does.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import select
import signal
import socket
import sys
from collections import deque
from collections.abc import Callable
from typing import NoReturn

from greenroom import frames
from greenroom.frames import AnyMessage, Exited, Fork, Forked, ForkFailed, Imported, Kill, Log, Ping, Pong
from greenroom.host.imports import import_modules
from greenroom.host.process import end_with_parent, leave_signals_to_the_front, offer_to_oom_killer, prepare_environment
from greenroom.host.runtime import runtime_modules

_RECEIVE_BYTES = 64 * 1024
_MAX_FDS = 16
_HOST_MODULE = "greenroom.host.host"


def main() -> None:
    parser = argparse.ArgumentParser(prog="greenroom.host.zygote", description=__doc__)
    parser.add_argument("--control-fd", type=int, required=True, help="an inherited stream socket to the front")
    parser.add_argument("--parent-pid", type=int, required=True, help="the front's process id")
    arguments = parser.parse_args()
    leave_signals_to_the_front()
    end_with_parent(arguments.parent_pid)
    offer_to_oom_killer()
    prepare_environment()
    Zygote(socket.socket(fileno=arguments.control_fd)).run()


class Zygote:
    """Imports, then forks on request and reaps."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._decoder = frames.Decoder()
        self._descriptors: deque[int] = deque()
        self._hosts: dict[int, int] = {}
        """host id → process id"""
        self._import_error: str | None = None

    def run(self) -> NoReturn:
        self._import_runtimes()
        self._woken = self._wake_on_child()
        poll = select.poll()
        poll.register(self._control, select.POLLIN)
        poll.register(self._woken, select.POLLIN)
        while True:
            for descriptor, _ in poll.poll():
                if descriptor == self._woken.fileno():
                    self._woken.recv(_RECEIVE_BYTES)
                    self._reap()
                else:
                    self._receive()

    def _import_runtimes(self) -> None:
        done = 0
        try:
            done = import_modules((*runtime_modules(), _HOST_MODULE), self._report_import)
        except Exception as error:
            missing = f" of {error.name}" if isinstance(error, ImportError) and error.name else ""
            self._import_error = f"the model runtime cannot be imported ({type(error).__name__}{missing})"
            self._send(Log("error", f"{self._import_error}: {error}"))
        self._send(Imported(done, complete=True))

    def _report_import(self, done: int) -> None:
        self._end_if_front_left()
        self._send(Imported(done))

    def _end_if_front_left(self) -> None:
        poll = select.poll()
        poll.register(self._control, 0)  # POLLHUP is always reported
        if any(event & select.POLLHUP for _, event in poll.poll(0)):
            os._exit(0)

    def _wake_on_child(self) -> socket.socket:
        """A socket that becomes readable when a child ends."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        theirs.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        signal.set_wakeup_fd(theirs.detach(), warn_on_full_buffer=False)
        return ours

    def _receive(self) -> None:
        try:
            data, descriptors, _, _ = socket.recv_fds(self._control, _RECEIVE_BYTES, _MAX_FDS)
        except ConnectionResetError:
            data, descriptors = b"", []
        self._descriptors.extend(descriptors)
        if not data:
            self._end_everything()
        for frame in self._decoder.feed(data):
            self._handle(frame.message)

    def _handle(self, message: AnyMessage) -> None:
        match message:
            case Ping():
                self._send(Pong())
            case Fork(host_id):
                self._fork(host_id, self._descriptors.popleft())
            case Kill(host_id) if host_id in self._hosts:
                os.kill(self._hosts[host_id], signal.SIGKILL)  # not reaped yet, so the id is still this host's
            case _:
                pass

    def _fork(self, host_id: int, descriptor: int) -> None:
        if self._import_error is not None:
            os.close(descriptor)
            self._send(ForkFailed(host_id, self._import_error))
            os._exit(1)  # the front starts another one, which imports anew: somebody may have mended it
        try:
            pid = os.fork()
        except OSError as error:
            os.close(descriptor)
            self._send(ForkFailed(host_id, f"no new process can be made ({error.strerror})", temporary=True))
            return
        if pid == 0:
            self._become_host(descriptor)
        os.close(descriptor)
        self._hosts[host_id] = pid
        self._send(Forked(host_id, pid))

    def _become_host(self, descriptor: int) -> NoReturn:
        status = 1
        try:
            os.close(signal.set_wakeup_fd(-1))
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            self._woken.close()
            self._control.close()
            from greenroom.host.host import run_host  # imported already, and counted

            status = run_host(socket.socket(fileno=descriptor))
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            _exit_quietly(status)

    def _reap(self) -> None:
        for host_id, pid in list(self._hosts.items()):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                del self._hosts[host_id]
                self._send(Exited(host_id, pid, os.waitstatus_to_exitcode(status)))

    def _end_everything(self) -> NoReturn:
        for pid in self._hosts.values():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for pid in self._hosts.values():
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)
        _exit_quietly(0)

    def _send(self, message: AnyMessage) -> None:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # end of file follows
            self._control.sendall(frames.encode(message))


def _exit_quietly(status: int) -> NoReturn:
    flush: Callable[[], None]
    for flush in (sys.stdout.flush, sys.stderr.flush):
        with contextlib.suppress(OSError, ValueError):
            flush()
    os._exit(status)


if __name__ == "__main__":
    main()
