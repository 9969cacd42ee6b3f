from __future__ import annotations

import pytest

from greenroom.web.guard import preferred_wait


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("wait=10", 10),
        ("respond-async, wait=5", 5),
        ('Wait = "7"', 7),
        ("handling=lenient; wait=3", 3),
        ("", None),
        ("wait", None),
        ("wait=-1", None),
        ("wait=1.5", None),
        ("wait=99999999999999999999", None),
        ("await=4", None),
    ],
)
def test_the_wait_preference_is_read_as_rfc_7240_writes_it(header: str, seconds: int | None) -> None:
    assert preferred_wait(header) == seconds
