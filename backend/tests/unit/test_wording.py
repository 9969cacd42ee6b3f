"""Figures as people read them."""

from __future__ import annotations

import pytest

from greenroom.wording import counted, sized


@pytest.mark.parametrize(
    ("byte_count", "size"),
    [
        (999, "999 bytes"), (10_000, "10 000 bytes"), (1 << 20, "1 MiB"), (50 << 20, "50 MiB"), (3 << 19, "1.5 MiB"),
        (1023 << 20, "1023 MiB"), (10 << 30, "10 GiB"),
    ],
)  # fmt: skip
def test_a_size_has_the_unit_that_makes_it_short(byte_count: int, size: str) -> None:
    assert sized(byte_count) == size


def test_digits_stand_in_groups_of_three() -> None:
    assert [counted(number) for number in (7, 1000, 1_234_567)] == ["7", "1 000", "1 234 567"]
