"""What a stop leaves in the log."""

from __future__ import annotations

import json
import signal

from websockets.sync.client import connect

from greenroom.testing.plugin import GreenroomServerFactory


def test_a_stop_says_why_and_what_it_met_and_when_it_is_over(greenroom_server_factory: GreenroomServerFactory) -> None:
    server = greenroom_server_factory(environment={"GREENROOM_LOG_FORMAT": "json"})
    with connect(f"{server.url.replace('http', 'ws')}/ws/init/me") as link:
        link.recv(timeout=10)
        server.send_signal(signal.SIGTERM)
        server.wait()
    lines = [json.loads(line) for line in server.log().splitlines() if line.startswith("{")]
    events = [line["event"] for line in lines]
    stopping = lines[events.index("stopping")]
    assert (stopping["signal"], stopping["sockets"], stopping["requests"]) == ("SIGTERM", 1, 0)
    assert events.index("stopped") > events.index("stopping")
    assert next(line for line in lines if line["event"] == "socket")["close_code"] == 1012
