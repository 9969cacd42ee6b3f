"""Where an answer may lead on to."""

from __future__ import annotations

import ssl

import httpx
import pytest

from greenroom.sources.http import TryAgainError, open_client, request, send
from greenroom.sources.plan import Http
from greenroom.words import SourceError

Asked = list[str]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    """The addresses that were really asked. The path of an address is where it leads on to."""
    addresses: Asked = []

    def answer(transport: httpx.HTTPTransport, request: httpx.Request) -> httpx.Response:
        addresses.append(f"{request.url.scheme}://{request.url.host}")
        target = request.url.path[1:]
        return httpx.Response(302, headers={"Location": target}) if target else httpx.Response(200)

    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", answer)
    return addresses


def ask(url: str) -> int:
    with open_client() as client:
        return send(client, request(client, "GET", Http(url))).status_code


@pytest.mark.parametrize("target", ["http://127.0.0.1", "http://localhost", "http://[::1]", "http://models.example"])
def test_https_never_leads_on_to_plain_http(asked: Asked, target: str) -> None:
    with pytest.raises(SourceError, match="plain http"):
        ask(f"https://models.example/{target}")
    assert asked == ["https://models.example"]


@pytest.mark.parametrize("target", ["http://localhost", "http://127.0.0.2", "http://192.0.2.1"])
def test_plain_http_on_this_machine_leads_on_to_no_other_host(asked: Asked, target: str) -> None:
    with pytest.raises(SourceError, match="plain http"):
        ask(f"http://127.0.0.1/{target}")
    assert asked == ["http://127.0.0.1"]


@pytest.mark.parametrize("target", ["http://127.0.0.1:81", "https://models.example"])
def test_plain_http_on_this_machine_may_lead_on_to_itself_and_to_https(asked: Asked, target: str) -> None:
    assert ask(f"http://127.0.0.1/{target}") == 200
    assert len(asked) == 2


@pytest.mark.parametrize(
    ("cause", "kind"), [(ssl.SSLCertVerificationError(), SourceError), (ConnectionRefusedError(), TryAgainError)]
)
def test_a_certificate_that_is_not_trusted_is_no_matter_of_waiting(
    monkeypatch: pytest.MonkeyPatch, cause: OSError, kind: type[Exception]
) -> None:
    def refuse(transport: httpx.HTTPTransport, request: httpx.Request) -> httpx.Response:
        try:
            raise cause
        except OSError:
            raise httpx.ConnectError("no")  # noqa: B904 - as httpcore does: the cause is the context

    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", refuse)
    with pytest.raises(kind):
        ask("https://models.example")
