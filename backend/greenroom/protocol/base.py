"""What every message shares."""

from __future__ import annotations

from datetime import UTC, datetime

from pydantic import BaseModel, ConfigDict

PROTOCOL_VERSION = 1
SUBPROTOCOL = "greenroom.v1"


class Message(BaseModel):
    """Base of everything on the wire: immutable, and closed when we build it. Readers ignore what they do not
    know (`docs/protocol.md`), because within version 1 changes only add."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
        json_schema_serialization_defaults_required=True,
    )

    def to_json(self) -> bytes:
        """The one serialisation of this message, UTF-8."""
        return self.model_dump_json().encode()


def timestamp(unix_seconds: float) -> str:
    """RFC 3339 in UTC with milliseconds: `2026-11-21T03:10:22.104Z`."""
    moment = datetime.fromtimestamp(unix_seconds, UTC)
    return moment.isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"
