"""A message on its way to any number of clients, encoded once."""

from __future__ import annotations

from functools import cached_property

from greenroom.protocol.base import Message


class Outgoing:
    """The bytes of one message: as JSON, and as the WebSocket frame that carries it."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        """UTF-8 JSON."""

    @classmethod
    def of(cls, message: Message) -> Outgoing:
        return cls(message.to_json())

    @cached_property
    def frame(self) -> bytes:
        """The whole frame (RFC 6455 §5.2): a server's are not masked, so that all clients get the same bytes."""
        from websockets.frames import Frame, Opcode

        return Frame(Opcode.TEXT, self.data).serialize(mask=False)

    @cached_property
    def text(self) -> str:
        return self.data.decode()
