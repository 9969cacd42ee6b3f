"""`kill -9` of the host under load. The long version is `scripts/bench chaos`."""

from __future__ import annotations

import pytest

from bench.chaos import wreak

pytestmark = pytest.mark.model

KILLS = 3


def test_every_call_is_answered_and_nothing_is_left_however_often_the_host_is_killed() -> None:
    aftermath = wreak(KILLS)
    assert aftermath.kills == KILLS
    assert not aftermath.lost
    assert not aftermath.wrong
    assert aftermath.answers["200"] >= KILLS
    assert aftermath.more_processes == 0
    assert aftermath.orphans == []
