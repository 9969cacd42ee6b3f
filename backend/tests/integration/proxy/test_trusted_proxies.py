"""Forwarded headers count when a trusted proxy sent them, and are a caller's fancy otherwise."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import ExitStack

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from greenroom.testing import GreenroomServer
from greenroom.testing.plugin import GreenroomServerFactory

APP = "backend.tests.integration.proxy.mirror:create_app"
US = "127.0.0.1"
PERSON, OTHER = "203.0.113.7", "203.0.113.8"

Look = Callable[[GreenroomServer, dict[str, str]], dict[str, str]]


def over_http(server: GreenroomServer, headers: dict[str, str]) -> dict[str, str]:
    seen: dict[str, str] = httpx.get(f"{server.url}/mirror", headers=headers).json()
    return seen


def over_a_socket(server: GreenroomServer, headers: dict[str, str]) -> dict[str, str]:
    with connect(f"{server.url.replace('http', 'ws')}/ws/mirror", additional_headers=headers) as socket:
        seen: dict[str, str] = json.loads(socket.recv(timeout=10))
    return seen


both_ways = pytest.mark.parametrize("look", [over_http, over_a_socket])


@pytest.fixture
def serve(greenroom_server_factory: GreenroomServerFactory) -> Callable[..., GreenroomServer]:
    def make(**settings: str) -> GreenroomServer:
        environment = {f"GREENROOM_{name.upper()}": value for name, value in settings.items()}
        return greenroom_server_factory(APP, environment=environment)

    return make


@both_ways
@pytest.mark.parametrize("trusted", ["", "10.0.0.0/8,::1"])
def test_forwarded_headers_of_a_stranger_change_nothing(
    serve: Callable[..., GreenroomServer], look: Look, trusted: str
) -> None:
    server = serve(trusted_proxies=trusted)
    seen = look(server, {"X-Forwarded-For": PERSON, "X-Forwarded-Proto": "https"})
    assert seen == look(server, {})
    assert (seen["client"], seen["scheme"]) == (US, "http" if look is over_http else "ws")


def test_the_variable_that_uvicorn_knows_makes_nobody_trusted(
    greenroom_server_factory: GreenroomServerFactory,
) -> None:
    server = greenroom_server_factory(APP, environment={"FORWARDED_ALLOW_IPS": "*"})
    assert over_http(server, {"X-Forwarded-For": PERSON})["client"] == US


@both_ways
@pytest.mark.parametrize("trusted", ["127.0.0.1", "::1, 127.0.0.0/8"])
def test_a_trusted_proxy_says_who_calls_and_over_what(
    serve: Callable[..., GreenroomServer], look: Look, trusted: str
) -> None:
    server = serve(trusted_proxies=trusted)
    seen = look(server, {"X-Forwarded-For": PERSON, "X-Forwarded-Proto": "https"})
    assert seen["client"] == PERSON
    assert seen["url"].startswith(server.url.replace("http", "https" if look is over_http else "wss"))


@both_ways
@pytest.mark.parametrize(
    ("chain", "client"),
    [
        (f"6.6.6.6, {PERSON}", PERSON),
        (f"6.6.6.6, {PERSON}, 10.1.2.3", PERSON),
        (f"127.0.0.1, {PERSON}, 10.1.2.3, 10.9.9.9", PERSON),
        ("not an address, [2001:db8::7]:4711", "2001:db8::7"),
        ("", US),
    ],
    ids=["spoofed", "two proxies", "a spoofed proxy", "with a port", "nobody named"],
)  # fmt: skip
def test_a_chain_is_read_from_the_right_up_to_the_first_stranger(
    serve: Callable[..., GreenroomServer], look: Look, chain: str, client: str
) -> None:
    assert look(serve(trusted_proxies="127.0.0.1,10.0.0.0/8"), {"X-Forwarded-For": chain})["client"] == client


def test_a_chain_in_several_headers_is_one_chain(serve: Callable[..., GreenroomServer]) -> None:
    answer = httpx.get(
        f"{serve(trusted_proxies='127.0.0.1').url}/mirror",
        headers=[("X-Forwarded-For", "6.6.6.6"), ("X-Forwarded-For", PERSON)],
    )
    assert answer.json()["client"] == PERSON


def places(server: GreenroomServer, addresses: list[str]) -> list[bool]:
    """Whether each of these callers got a socket while those before it kept theirs."""
    got: list[bool] = []
    with ExitStack() as open_sockets:
        for address in addresses:
            try:
                url = f"{server.url.replace('http', 'ws')}/ws/init/me"
                open_sockets.enter_context(connect(url, additional_headers={"X-Forwarded-For": address}))
                got.append(True)
            except InvalidStatus as refused:
                got.append(refused.response.status_code != 429)
    return got


def test_behind_a_trusted_proxy_each_person_has_places_of_their_own(serve: Callable[..., GreenroomServer]) -> None:
    server = serve(trusted_proxies="127.0.0.1", max_connections_per_address="1")
    assert places(server, [PERSON, OTHER, f"6.6.6.6, {PERSON}"]) == [True, True, False]


def test_a_stranger_gets_no_further_places_by_naming_other_addresses(serve: Callable[..., GreenroomServer]) -> None:
    assert places(serve(max_connections_per_address="1"), [PERSON, OTHER]) == [True, False]


def statuses(server: GreenroomServer, addresses: list[str]) -> list[int]:
    """What these callers get, one after the other, once the model is ready."""
    server.control.become_ready()
    call = {"model": "minilm", "input": "two words"}
    url = f"{server.url}/v1/embeddings"
    return [httpx.post(url, json=call, headers={"X-Forwarded-For": address}).status_code for address in addresses]


def test_calls_are_counted_by_who_really_calls(serve: Callable[..., GreenroomServer]) -> None:
    trusting = serve(trusted_proxies="127.0.0.1", calls_per_minute="1")
    assert statuses(trusting, [PERSON, OTHER, f"6.6.6.6, {PERSON}"]) == [200, 200, 429]
    assert statuses(serve(calls_per_minute="1"), [PERSON, OTHER]) == [200, 429]
