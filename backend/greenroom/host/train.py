"""`python -m greenroom.host.train PARENT_PID`: a process that learns one lesson (`greenroom.lesson`) and ends."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from greenroom import lesson as words
from greenroom.frames import LoadFailed, StageStep
from greenroom.host.process import end_with_parent, leave_signals_to_the_front, prepare_environment
from greenroom.lesson import Learnt, Lesson, Line, Mistake

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from greenroom.host.train_head import Head

Tell = Callable[[Line], None]


def main() -> int:
    """Returns the exit status: 1 when the lesson was not learnt."""
    leave_signals_to_the_front()
    end_with_parent(int(sys.argv[1]))
    prepare_environment()
    tell = _take_stdout()
    from greenroom.host.runtime import UnusableFilesError

    try:
        tell(learn(words.decode_lesson(sys.stdin.buffer.read()), tell))
    except UnusableFilesError as error:
        tell(LoadFailed(str(error)))
    except OSError as error:
        tell(LoadFailed(f"the version cannot be written: {error.strerror or 'input/output error'}"))
    else:
        return 0
    return 1


def _take_stdout() -> Tell:
    """Keep standard output for our lines: what libraries print goes to standard error."""
    stream = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)

    def tell(line: Line) -> None:
        stream.write(words.encode(line) + b"\n")
        stream.flush()

    return tell


def learn(lesson: Lesson, tell: Tell) -> Learnt:
    """Encode, choose, fit, measure and write. Raises UnusableFilesError for the encoder, OSError for the folder."""
    import numpy as np

    from greenroom.host.train_encoder import load_encoder, views
    from greenroom.host.train_head import choose, fit, hold_out, measure

    test = lesson.test or words.Sheet([], [])
    encoder = load_encoder(lesson.encoder_folder, _counter("weights", "bytes", tell))
    seen = dict(views(encoder, [*lesson.data.texts, *test.texts], _counter("encode", "texts", tell)))
    labels, test_labels = np.array(lesson.data.labels), np.array(test.labels)
    kept, held = hold_out(labels, lesson.held_out_share, lesson.seed)
    choices = {layers: vectors[kept] for layers, vectors in seen.items()}
    layers, strength = choose(choices, labels[kept], lesson.seed, _counter("fit", "fits", tell))
    vectors = seen[layers]
    part, head = fit(vectors[kept], labels[kept], strength), fit(vectors[: len(labels)], labels, strength)
    tested = vectors[len(labels) :]
    learnt = Learnt(
        labels=list(head.labels), rows=len(labels), layers=layers, strength=strength,
        held_out=measure(part, vectors[held], labels[held]),
        test=measure(head, tested, test_labels) if lesson.test else None,
        mistakes=_mistakes(head, tested, test.texts, test.labels) if lesson.test
        else _mistakes(part, vectors[held], [lesson.data.texts[row] for row in held], labels[held]),
    )  # fmt: skip
    _write(lesson, head, learnt, every_layer=max(seen))
    return learnt


def _counter(stage: str, unit: str, tell: Tell) -> Callable[[int, int], None]:
    """Tells of each hundredth once."""
    told = -1

    def take(done: int, total: int) -> None:
        nonlocal told
        if (share := 100 * done // total) > told:
            told = share
            tell(StageStep(stage, done, total, unit))

    return take


def _mistakes(
    head: Head, vectors: NDArray[np.float32], texts: Sequence[str], labels: Sequence[str] | NDArray[np.str_]
) -> list[Mistake]:
    scores = head.scores(vectors)
    given = [(head.labels[row.argmax()], round(float(row.max()), 4)) for row in scores]
    judged = zip(texts, labels, given, strict=True)
    wrong = [Mistake(text, str(label), name, score) for text, label, (name, score) in judged if name != label]
    return sorted(wrong, key=lambda mistake: -mistake.score)


def _write(lesson: Lesson, head: Head, learnt: Learnt, every_layer: int) -> None:
    import sklearn

    from greenroom.host.train_folder import write_version

    metrics: dict[str, Any] = msgspec.to_builtins(learnt)
    for name in ("type", "mistakes"):
        del metrics[name]
    metrics |= {"seed": lesson.seed, "scikit_learn": sklearn.__version__}
    cut = learnt.layers if learnt.layers < every_layer else 0
    write_version(Path(lesson.folder), head, lesson.encoder, cut, metrics)


if __name__ == "__main__":
    sys.exit(main())
