"""A test's end of the control routes. Standard library only; each call blocks until the server has obeyed."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

DEADLINE_SECONDS = 15.0
STATE_DEADLINE_SECONDS = 60.0
"""For what a server comes to by itself: a real model loads in seconds, on a crowded machine in many."""
POLL_SECONDS = 0.02


class ControlError(AssertionError):
    """The server refused an order, or what a test waited for did not come."""


class Control:
    """Drives the scripted engine of the server at `url`. `model` may be left out while there is only one."""

    def __init__(self, url: str) -> None:
        self._url = url

    def freeze(self, percent: int, model: str | None = None) -> None:
        """Let the load stand so that the snapshot's `progress` is exactly `percent` (0-99)."""
        self._post("freeze", model, percent=percent)

    def step(self, stage: str, fraction: float, model: str | None = None) -> None:
        """Report that `fraction` (0-1) of `stage` is done."""
        self._post("step", model, stage=stage, fraction=fraction)

    def stages(self, *stages: str, model: str | None = None) -> None:
        """Give the next load these stages; such a load is driven by `step`."""
        self._post("stages", model, stages=stages)

    def proceed(self, seconds: float = 1.0, model: str | None = None) -> None:
        """Go on evenly from here to ready in `seconds` of real time; returns at once."""
        self._post("proceed", model, seconds=seconds)

    def auto(self, seconds: float = 1.0, model: str | None = None) -> None:
        """Let this load and every later one go to ready by itself in `seconds` of real time."""
        self._post("auto", model, seconds=seconds)

    def become_ready(self, model: str | None = None) -> None:
        """End the load with a host that is ready, and wait until the server shows it."""
        self._post("ready", model)
        self.wait_for(lambda state: bool(state["ready"]), "ready")

    def fail(
        self, message: str = "", code: str = "load-failed", temporary: bool = False, model: str | None = None
    ) -> None:
        """End the load with an error, and wait until the server shows it."""
        self._post("fail", model, message=message, code=code, temporary=temporary)
        self.wait_for(lambda state: state["phase"] == "failed", "failed")

    def crash(self, model: str | None = None) -> None:
        """Let the host die, loading or ready."""
        self._post("crash", model)

    def hold_calls(self, model: str | None = None) -> None:
        """Let predictions wait from now on."""
        self._post("hold", model)

    def release_calls(self, model: str | None = None) -> None:
        """Let waiting and coming predictions through."""
        self._post("release", model)

    def poison(self, *texts: str, model: str | None = None) -> None:
        """Let each of these texts end the host that it is given to; none: no text does any more."""
        self._post("poison", model, texts=texts)

    def publish(self, version: str, model: str | None = None, space: str = "scripted") -> None:
        """Let the model's source name this version from now on; a reload then finds it. A model whose source keeps
        versions (`mlflow:`, `hf:` and others from afar; nobody is asked) begins with version "1" and can be rolled
        back."""
        self._post("publish", model, version=version, space=space)

    def advance(self, seconds: float) -> None:
        """Move the server's clock."""
        self._post("clock/advance", None, seconds=seconds)

    def state(self) -> dict[str, Any]:
        """Where every script stands."""
        return self._call("/__test__/state")

    def open_sockets(self) -> int:
        """How many clients are connected to the server, as it counts them."""
        return int(self.state()["open_sockets"])

    def snapshot(self) -> dict[str, Any]:
        """What the server tells its clients now."""
        snapshot: dict[str, Any] = self._call("/status")["snapshot"]
        return snapshot

    def wait_for(self, wanted: Callable[[dict[str, Any]], bool], name: str) -> dict[str, Any]:
        """The first snapshot that is as `wanted`. Raises ControlError, with the last one seen, after 60 s."""
        until = time.monotonic() + STATE_DEADLINE_SECONDS
        while not wanted(state := self.snapshot()):
            if time.monotonic() > until:
                raise ControlError(f"not {name} after {STATE_DEADLINE_SECONDS:g} s: {state}")
            time.sleep(POLL_SECONDS)
        return state

    def _post(self, order: str, model: str | None, **members: object) -> dict[str, Any]:
        named = {} if model is None else {"model": model}
        return self._call(f"/__test__/{order}", {**named, **members})

    def _call(self, path: str, body: dict[str, object] | None = None) -> dict[str, Any]:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._url + path, data, {"content-type": "application/json"})  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=DEADLINE_SECONDS) as response:  # noqa: S310
                answer: dict[str, Any] = json.load(response)
        except urllib.error.HTTPError as error:
            with error:
                raise ControlError(f"{path}: {error.code} {error.read().decode(errors='replace')}") from None
        return answer
