"""What the command line and the training process say to each other: one `Lesson` on its standard input, then lines
of JSON on its standard output, the last of which says how it ended. Pure."""

from __future__ import annotations

import msgspec

from greenroom.frames import LoadFailed, Message, StageStep


class Sheet(msgspec.Struct):
    """Labelled texts; row by row."""

    texts: list[str]
    labels: list[str]


class Lesson(Message):
    """What to learn, from what, and where to put it."""

    encoder: str
    """The encoder's source, as it is written into the version."""
    encoder_folder: str
    folder: str
    """Where the version goes."""
    data: Sheet
    test: Sheet | None = None
    """Texts that no choice is made by."""
    seed: int = 0
    held_out_share: float = 0.2


class Figures(msgspec.Struct):
    """How well a head does on texts that it was not fitted to. Shares from 0 to 1, rounded to four digits."""

    rows: int
    accuracy: float
    macro_f1: float
    """Mean over the labels, each counting the same."""
    log_loss: float
    """Mean of -ln(the score given to the right label); ln(number of labels) is what guessing gets."""
    calibration_error: float
    """Expected calibration error: mean distance between the winning score and how often it was right, over ten equal
    ranges of the score, weighted by rows (Guo et al. 2017, https://arxiv.org/abs/1706.04599)."""
    recall: dict[str, float]
    precision: dict[str, float]
    confusion: list[list[int]]
    """Rows: the right label, columns: the given one, both in the order of the labels."""


class Mistake(msgspec.Struct):
    text: str
    label: str
    given: str
    score: float


class Learnt(Message):
    """The version is written."""

    labels: list[str]
    rows: int
    """Texts that the head was fitted to."""
    layers: int
    """Of the encoder, that the head reads through; 0: all, and nobody asked how many there are."""
    strength: float
    """scikit-learn's C: the larger, the closer the head follows its texts."""
    held_out: Figures
    test: Figures | None
    mistakes: list[Mistake]
    """In the test, or where there is none among the held-out texts; the surest first."""


Line = StageStep | LoadFailed | Learnt

encode = msgspec.json.Encoder().encode
decode_lesson = msgspec.json.Decoder(Lesson).decode
decode_line = msgspec.json.Decoder(Line).decode
