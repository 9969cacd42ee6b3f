from __future__ import annotations

import pytest
from starlette.responses import Response
from starlette.routing import Mount, Route

from greenroom.web.base_path import require_free
from greenroom.words import ConfigError

ROUTES = [Route("/status", Response()), Route("/ws/init/{client_id}", Response()), Mount("/app", Response())]


@pytest.mark.parametrize("base", ["/status", "/ws", "/ws/init", "/app"])
def test_a_base_path_that_an_address_of_ours_begins_with_is_refused(base: str) -> None:
    with pytest.raises(ConfigError, match="GREENROOM_BASE_PATH"):
        require_free(base, ROUTES)


@pytest.mark.parametrize("base", ["", "/greenroom", "/stat", "/status/page", "/w"])
def test_any_other_base_path_is_free(base: str) -> None:
    require_free(base, ROUTES)
