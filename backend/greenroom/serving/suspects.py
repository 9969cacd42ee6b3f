"""Which inputs are feared, and which are refused, because hosts died while they held them. Pure.

The problem: a text that ends its host takes every other call of that moment with it, and would end each successor
too. Which of forty texts it was cannot be seen from outside. The idea: all texts that a host still owed an answer for
when it died are *suspects*, and a suspect goes alone from then on. Whoever is answered is cleared. If a host dies with
nothing but one suspect in it, that text is guilty: it is *refused* by its hash until somebody forgives it, or until
`max_refused` newer ones have pushed it out. A text is known by the SHA-256 of its version's digest and itself, so a
new version starts with a clean record, and no text is kept.

A single death never refuses anything: hosts also die of other things. A text whose caller left stays a suspect, for
nobody has seen it answered.

Who is to blame for a death, the model or its input? A model that is broken dies of whatever it is given, and every text
would be found guilty in turn. So each death counts (`serving.restart`), and when they have become a crash loop, it was
the model: the keeper has everything forgiven.

Bounds: `max_suspects` and `max_refused` hashes of 32 bytes, the longest unused leave first.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Sequence
from hashlib import sha256

MAX_REFUSED = 1024
Key = bytes
"""SHA-256 of a version's digest and a text."""


def key_of(digest: str, text: str) -> Key:
    """A text's name here. Lone surrogates, which JSON can spell, have their own bytes too."""
    return sha256(f"{digest}\n{text}".encode("utf-8", "surrogatepass")).digest()


class Suspects:
    """The record of one model's inputs."""

    def __init__(self, max_suspects: int, max_refused: int = MAX_REFUSED) -> None:
        self._max_suspects = max_suspects
        self._max_refused = max_refused
        self._suspects: OrderedDict[Key, None] = OrderedDict()
        self._refused: OrderedDict[Key, None] = OrderedDict()

    def __bool__(self) -> bool:
        """Whether anything is on record at all."""
        return bool(self._suspects or self._refused)

    @property
    def suspects(self) -> int:
        """How many texts go alone."""
        return len(self._suspects)

    @property
    def refused(self) -> tuple[str, ...]:
        """Hashes of the refused texts, lower-case hexadecimal, the newest last."""
        return tuple(key.hex() for key in self._refused)

    def is_suspect(self, key: Key) -> bool:
        return key in self._suspects

    def refused_among(self, keys: Sequence[Key]) -> list[int]:
        """Indices of those of `keys` that are refused."""
        found = [index for index, key in enumerate(keys) if key in self._refused]
        for index in found:
            self._refused.move_to_end(keys[index])
        return found

    def died(self, keys: Collection[Key]) -> str | None:
        """A host ended unasked while it owed answers for `keys`; the hash of the text that is refused from now on."""
        owed = set(keys)
        if len(owed) == 1 and owed <= self._suspects.keys():
            return self._refuse(owed.pop())
        for key in keys:
            _put(self._suspects, key, self._max_suspects)
        return None

    def cleared(self, key: Key) -> None:
        """A host has dealt with this text, and lives."""
        self._suspects.pop(key, None)

    def forgive(self) -> int:
        """Forget every suspicion and every refusal; how many texts were refused."""
        count = len(self._refused)
        self._suspects.clear()
        self._refused.clear()
        return count

    def _refuse(self, key: Key) -> str:
        del self._suspects[key]
        _put(self._refused, key, self._max_refused)
        return key.hex()


def _put(keys: OrderedDict[Key, None], key: Key, most: int) -> None:
    """Add `key` as the newest and let the oldest go when there are more than `most`."""
    keys[key] = None
    keys.move_to_end(key)
    if len(keys) > most:
        keys.popitem(last=False)
