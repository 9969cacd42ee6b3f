from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

import workbench
from tests.unit.workbench.made_golden import pair
from workbench.golden import Closest, Match
from workbench.prompt import build_prompt
from workbench.rfq import PreviewRequest, preview


def test_white_space_around_a_description_is_dropped_and_three_pairs_are_the_default() -> None:
    asked = PreviewRequest.model_validate_json('{"description": "  20 doors \\n", "more": 1}')
    assert (asked.description, asked.k) == ("20 doors", 3)


def test_a_description_of_the_greatest_length_counts_without_the_space_around_it() -> None:
    assert len(PreviewRequest(description=" " + "x" * 10_000 + " ").description) == 10_000


@pytest.mark.parametrize(
    "body",
    [
        {}, {"description": ""}, {"description": " \n\t"}, {"description": "x" * 10_001}, {"description": 5},
        {"description": "x", "k": 0}, {"description": "x", "k": 11}, {"description": "x", "k": "3"},
        {"description": "x", "k": 1.5}, {"description": "x", "k": True}, {"description": "x", "k": None},
    ],
)  # fmt: skip
def test_input_outside_of_the_rules_is_refused(body: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        PreviewRequest.model_validate_json(json.dumps(body))


def test_the_answer_shows_the_chosen_pairs_the_prompt_and_who_compared() -> None:
    closest = Closest((Match(pair("b"), 0.9), Match(pair("a"), 0.5)), "1234abcd", True, 256)
    answer = json.loads(preview("20 doors", closest).to_json())
    assert answer == {
        "prompt": build_prompt("20 doors", [pair("b"), pair("a")]),
        "pairs": [{**pair("b").model_dump(), "score": 0.9}, {**pair("a").model_dump(), "score": 0.5}],
        "model": "minilm",
        "version": "1234abcd",
        "cached": False,
        "truncated": True,
        "max_tokens": 256,
    }


def test_the_example_that_the_client_is_typed_against_is_what_the_workbench_answers() -> None:
    closest = Closest((Match(pair("b"), 0.9), Match(pair("a"), 0.5)), "1234abcd", True, 256)
    example = Path(workbench.__file__).parent / "examples" / "preview-answer.json"
    assert json.loads(example.read_text()) == json.loads(preview("20 doors", closest).to_json())
