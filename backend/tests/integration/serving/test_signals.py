"""What a terminal or a supervisor sends to all our processes at once."""

from __future__ import annotations

import os
import signal

import pytest

from tests.integration.serving.deadly_runtime import SLOW
from tests.integration.serving.real_house import RealHouse

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_to_the_whole_group_is_left_to_the_front_and_calls_are_finished(
    house: RealHouse, number: signal.Signals
) -> None:
    host, zygote = house.host_pid, house.zygote_pid
    slow = f"{SLOW} text"
    call = house.embed(slow)
    await house.until_computing(slow)
    for pid in (zygote, host):
        os.kill(pid, number)
    await call
    await house.embed("another")
    assert (house.host_pid, house.zygote_pid, house.loads) == (host, zygote, 1)
