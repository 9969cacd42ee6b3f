from __future__ import annotations

import asyncio

import pytest

from bench.profile import STEPS, by_request, line_up, missing
from bench.sampler import part_of
from bench.stamps import Stamp, Stamps

MOMENTS = [moment for moment, _ in STEPS]


def whole_request(begun: float) -> list[Stamp]:
    return [(moment, begun + place / 100, 0) for place, moment in enumerate(MOMENTS)]


def test_stamps_go_to_the_request_in_whose_time_they_fall() -> None:
    stamps: list[Stamp] = [("late", 1.95, 0), ("b", 1.2, 0), ("a", 1.1, 0), ("c", 3.5, 0), ("between", 2.5, 0)]
    requests = by_request([(1.0, 2.0), (3.0, 4.0)], stamps)
    assert [[name for name, _, _ in request] for request in requests] == [
        ["sent", "a", "b", "late", "received"],
        ["sent", "c", "received"],
    ]


def test_a_request_with_every_stamp_lines_up() -> None:
    line = line_up(whole_request(5.0))
    assert line is not None
    assert [line[moment] for moment in MOMENTS] == sorted(line.values())


def test_of_a_repeated_stamp_the_first_counts_but_the_body_is_sent_last() -> None:
    line = line_up([*whole_request(5.0), ("front app", 9.0, 0), ("front sends", 9.0, 0)])
    assert line is not None
    assert line["front app"] < 9.0
    assert line["front sends"] == 9.0


def test_a_stamp_that_no_request_has_is_named() -> None:
    requests = [[stamp for stamp in whole_request(1.0) if stamp[0] != "host padded"]]
    assert line_up(requests[0]) is None
    assert missing(requests) == "host padded"


class Product:
    """Something to be stamped from outside."""

    def double(self, number: int) -> int:
        return 2 * number

    async def wait(self) -> str:
        await asyncio.sleep(0)
        return "done"


def test_a_stamped_function_does_as_before_and_is_noted() -> None:
    class Stamped(Product):
        pass

    stamps = Stamps()
    stamps.wrap(Stamped, "double", enter="in", leave="out", amount=lambda self, number: number)
    stamps.wrap(Stamped, "wait", enter="waits", leave="waited")
    assert Stamped().double(4) == 8
    assert asyncio.run(Stamped().wait()) == "done"
    noted = stamps.take()
    assert [(name, amount) for name, _, amount in noted] == [("in", 4), ("out", 0), ("waits", 0), ("waited", 0)]
    assert [at for _, at, _ in noted] == sorted(at for _, at, _ in noted)
    assert stamps.take() == []


def test_a_function_that_is_not_there_any_more_is_told() -> None:
    with pytest.raises(AttributeError, match="triple"):
        Stamps().wrap(Product, "triple", enter="in")


@pytest.mark.parametrize(
    ("file", "part"),
    [
        ("/x/greenroom/web/middleware.py", "request id, headers, log line"),
        ("/x/greenroom/web/embeddings.py", "endpoint, guard, bodies"),
        ("/x/pydantic/main.py", "pydantic: reading and writing JSON"),
        ("/x/somewhere/else.py", "other"),
    ],
)
def test_time_counts_for_the_part_that_its_file_belongs_to(file: str, part: str) -> None:
    assert part_of(file) == part
