"""The prompt for a language model: the new request, led by golden pairs. Pure; the same input, the same text."""

from __future__ import annotations

from collections.abc import Sequence

from workbench.golden import GoldenPair

_TASK = """\
You work in the sales office of a supplier. A buyer has sent a request for quotation. Write the reply.

Follow the examples in form and in care:
- Use the headings Scope, Assumptions, Open questions, Price structure and Timing, in this order.
- Take quantities, dimensions, dates and standards from the request exactly as they stand there.
- Ask for what is missing instead of guessing it. Put everything that you take for granted under Assumptions.
- Say how prices will be built up. Do not invent amounts, brands, certificates or references.
- Answer in the language of the request."""

_CLOSING = "Now write the reply to this request. Give the reply only."


def build_prompt(description: str, pairs: Sequence[GoldenPair]) -> str:
    """The whole prompt: the task, one example per pair in the given order, the request at the end.

    `description` goes in as it is, between the last pair of `<request>` tags."""
    examples = [_example(number, pair) for number, pair in enumerate(pairs, start=1)]
    return "\n\n".join([_TASK, *examples, _CLOSING, _tagged("request", description)]) + "\n"


def _example(number: int, pair: GoldenPair) -> str:
    return f"Example {number} ({pair.trade})\n{_tagged('request', pair.request)}\n{_tagged('reply', pair.response)}"


def _tagged(tag: str, text: str) -> str:
    return f"<{tag}>\n{text}\n</{tag}>"
