"""What a row may hold, and how it travels."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenroom.rows import as_text, row_faults

COLUMNS = {"width": "number", "maker": "text"}
CELLS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()


@given(st.dictionaries(st.text(), CELLS))
def test_equal_rows_travel_as_the_same_text_whatever_their_order(row: dict[str, object]) -> None:
    shuffled = dict(reversed(row.items()))
    assert as_text(row) == as_text(shuffled)
    assert json.loads(as_text(row)) == row


@pytest.mark.parametrize("width", [1, -2.5, True, None])
@pytest.mark.parametrize("maker", ["", "Sulzer", None])
def test_a_row_of_the_right_kinds_has_no_fault(width: object, maker: object) -> None:
    assert not list(row_faults({"maker": maker, "width": width}, COLUMNS))


@pytest.mark.parametrize("width", ["1", float("inf"), float("nan"), 10**400, [1], {}])
def test_what_is_no_finite_number_is_named_by_its_column(width: object) -> None:
    assert list(row_faults({"width": width, "maker": "x"}, COLUMNS)) == [("width", "a number or null is needed")]


def test_missing_and_unknown_columns_are_both_named() -> None:
    faults = dict(row_faults({"width": 1, "colour": "red"}, COLUMNS))
    assert set(faults) == {"maker", "colour"}
