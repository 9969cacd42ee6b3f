"""How many read results at once. Each holds some of them in memory for as long as it likes: none is made to read on."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator

from starlette.applications import Starlette
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from greenroom.web.headcount import Headcount
from greenroom.words import OverloadedError

MOST_DOWNLOADS = 100
MOST_DOWNLOADS_PER_ADDRESS = 16


class Downloads:
    """Those in progress, for `app.state`."""

    def __init__(self) -> None:
        self._inside = Headcount(MOST_DOWNLOADS, MOST_DOWNLOADS_PER_ADDRESS)

    @contextlib.contextmanager
    def place(self, address: str) -> Iterator[None]:
        """Raises OverloadedError when there is none."""
        if self._inside.is_full or self._inside.has_its_share(address):
            raise OverloadedError("Too many results are being read at once. Try again in a moment.", 5)
        self._inside.enter(address)
        try:
            yield
        finally:
            self._inside.leave(address)


def downloads_of(app: Starlette) -> Downloads:
    """Those of this app; made when first asked for."""
    if not hasattr(app.state, "greenroom_downloads"):
        app.state.greenroom_downloads = Downloads()
    downloads: Downloads = app.state.greenroom_downloads
    return downloads


class Download(StreamingResponse):
    """Streams `body`, and holds its `place` until it has ended, however it ends."""

    def __init__(
        self, body: AsyncIterator[bytes], headers: dict[str, str], media_type: str, place: contextlib.ExitStack
    ) -> None:
        super().__init__(body, 200, headers, media_type)
        self._place = place

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._place:
            await super().__call__(scope, receive, send)
