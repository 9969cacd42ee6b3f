"""What a page hears from the server: the socket's frames, and the answers to its requests."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

from playwright.sync_api import Page, Response, WebSocket

PREVIEW_PATH = "/api/v1/rfq/preview-prompt"


class Recorder:
    """Make it before the page is opened. Filled while the story waits for anything."""

    def __init__(self, page: Page) -> None:
        self.snapshots: list[dict[str, Any]] = []
        self.preview_statuses: list[int] = []
        self.status_polls = 0
        page.on("websocket", self._socket)
        page.on("response", self._response)

    def _socket(self, socket: WebSocket) -> None:
        socket.on("framereceived", self._frame)

    def _frame(self, data: str | bytes) -> None:
        frame = json.loads(data)
        # A new socket begins with what the last one ended with.
        if frame["type"] == "initialization" and frame not in self.snapshots[-1:]:
            self.snapshots.append(frame)

    def _response(self, response: Response) -> None:
        if response.url.endswith(PREVIEW_PATH):
            self.preview_statuses.append(response.status)
        elif response.url.endswith("/status"):
            self.status_polls += 1

    @property
    def progress_seen(self) -> list[int]:
        """The distinct values of progress, in the order they came."""
        return list(dict.fromkeys(snapshot["progress"] for snapshot in self.snapshots))

    def assert_laws(self) -> None:
        """The laws of PROTOCOL §1, over all that was heard."""
        for before, after in pairwise(self.snapshots):
            if before["epoch"] == after["epoch"]:
                assert after["seq"] > before["seq"]
                assert after["round"] >= before["round"]
                assert after["round"] > before["round"] or after["progress"] >= before["progress"], (before, after)
        for snapshot in self.snapshots:
            assert (snapshot["progress"] == 100) == snapshot["ready"]
            assert snapshot["ready"] or snapshot["estimated_seconds"] != 0
