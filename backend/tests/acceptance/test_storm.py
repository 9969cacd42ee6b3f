"""A restart while clients are connected. The long version is `scripts/bench storm`."""

from __future__ import annotations

import pytest

from bench.storm import restart

CLIENTS = 50


@pytest.mark.parametrize("obey", [True, False])
def test_all_clients_come_back_after_a_restart(obey: bool) -> None:
    clients = restart(CLIENTS, obey=obey).clients
    assert clients["back"] == CLIENTS
    assert clients["told"] == CLIENTS
    assert set(clients["refusals"]) <= {"ConnectionRefusedError"}
