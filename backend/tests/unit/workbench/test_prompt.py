from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.workbench.made_golden import pair
from workbench.prompt import build_prompt


def test_the_wording_is_stable() -> None:
    prompt = build_prompt("We need 3 doors.", [pair("a")])
    assert prompt.startswith("You work in the sales office of a supplier.")
    assert prompt.endswith(
        "Example 1 (trade of a)\n<request>\nrequest a\n</request>\n<reply>\nreply a\n</reply>\n\n"
        "Now write the reply to this request. Give the reply only.\n\n"
        "<request>\nWe need 3 doors.\n</request>\n"
    )
    assert prompt == build_prompt("We need 3 doors.", [pair("a")])


def test_examples_are_numbered_in_the_order_given() -> None:
    prompt = build_prompt("x", [pair("b"), pair("a")])
    assert prompt.index("Example 1 (trade of b)") < prompt.index("Example 2 (trade of a)") < prompt.index("Now write")


def test_without_pairs_the_prompt_is_task_and_request() -> None:
    assert "Example 1" not in build_prompt("x", [])


@given(st.text(min_size=1))
def test_the_description_stands_at_the_end_unchanged(description: str) -> None:
    assert build_prompt(description, [pair("a")]).endswith(f"<request>\n{description}\n</request>\n")
