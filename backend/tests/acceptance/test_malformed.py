"""Every kind of malformed message against a real server. The long version is `scripts/bench malformed`."""

from __future__ import annotations

import time

import pytest

from bench.malformed import CASES, assail
from bench.malformed_wire import Wire, frame, upgrade
from greenroom.testing import GreenroomServer

MESSAGES = 8 * len(CASES)


def test_malformed_messages_cost_nothing_and_cause_no_fault() -> None:
    damage = assail(MESSAGES, first=MESSAGES // 2)
    assert not damage.faults, f"seed {damage.seed}"
    assert not damage.traces, f"seed {damage.seed}"
    assert damage.after.tasks <= damage.before.tasks
    assert damage.after.descriptors <= damage.before.descriptors


def test_a_message_of_endless_empty_fragments_is_too_big(greenroom_server: GreenroomServer) -> None:
    wire = Wire(greenroom_server.port)
    assert wire.open_socket()
    wire.send(frame(1, b"x", final=False) + frame(0, final=False) * 40)
    time.sleep(1.1)  # more of them in one second would be too many frames of any kind
    wire.send(frame(0, final=False) * 40)
    assert wire.outcome() == "close 4413"
    wire.close()


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/ws/init/x?" + "a" * 20_000, {}, "414"),
        ("/ws/init/x", {"Cookie": "a" * 20_000}, "431"),
        ("/ws/init/x", {"Content_Length": "5"}, "400"),
        ("/ws/init/x", {"Transfer_Encoding": "chunked"}, "400"),
    ],
)
def test_a_handshake_that_cannot_be_read_is_refused(
    greenroom_server: GreenroomServer, path: str, headers: dict[str, str], status: str
) -> None:
    wire = Wire(greenroom_server.port)
    wire.send(upgrade(wire.port, path, **headers))
    assert wire.outcome() == status
    assert wire.is_hung_up()
    wire.close()
