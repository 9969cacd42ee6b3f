from __future__ import annotations

import pytest

from bench.http import answer_length, request_bytes

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nContent-Length: 2\r\n\r\n{}"


def test_an_answer_is_as_long_as_its_head_and_its_body() -> None:
    assert answer_length(ANSWER) == len(ANSWER)
    assert answer_length(ANSWER + b"HTTP/1.1 200") == len(ANSWER)


@pytest.mark.parametrize("cut", [0, 10, ANSWER.index(b"\r\n\r\n") + 3])
def test_a_head_that_is_not_complete_has_no_length_yet(cut: int) -> None:
    assert answer_length(ANSWER[:cut]) == 0


def test_a_body_is_posted_with_its_length() -> None:
    request = request_bytes(80, "/x", {"a": "ü"}, {"Prefer": "wait=1"})
    head, _, body = request.partition(b"\r\n\r\n")
    assert head.startswith(b"POST /x HTTP/1.1\r\nHost: 127.0.0.1:80\r\nPrefer: wait=1\r\n")
    assert f"Content-Length: {len(body)}".encode() in head
