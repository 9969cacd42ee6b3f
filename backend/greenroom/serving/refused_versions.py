"""Versions that could not take over, or had to be taken back, and when each is tried again. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from greenroom.protocol.answers import RefusedVersion
from greenroom.protocol.base import timestamp
from greenroom.protocol.snapshot import ModelError

RETRY_SECONDS = (5.0, 10.0, 30.0, 60.0)
"""After these a version is left alone until the source has named another one meanwhile, or somebody asks."""
MAX_REFUSED = 20


@dataclass
class _Refused:
    id: str
    error: ModelError
    tries: int
    retry_at: float | None
    at: float


class RefusedVersions:
    def __init__(self) -> None:
        self._by_key: dict[str, _Refused] = {}
        self._named: str | None = None
        """The version that the source named last."""

    def refuse(self, key: str, id_: str, error: ModelError, now: float, *, for_good: bool = False) -> float | None:
        """Note a failure at unix time `now`; when to try again, None: not by ourselves."""
        before = self._by_key.pop(key, None)
        tries = before.tries + 1 if before else 1
        retry_at = now + RETRY_SECONDS[tries - 1] if tries <= len(RETRY_SECONDS) and not for_good else None
        self._by_key[key] = _Refused(id_, error, tries, retry_at, now)
        while len(self._by_key) > MAX_REFUSED:
            del self._by_key[next(iter(self._by_key))]
        return retry_at

    def forget(self, key: str) -> None:
        """It serves after all."""
        self._by_key.pop(key, None)

    def may_try(self, key: str, now: float) -> bool:
        """Whether the updater may try this version."""
        refused = self._by_key.get(key)
        return refused is None or (refused.retry_at is not None and refused.retry_at <= now)

    def next_retry(self, now: float) -> float | None:
        """When the next of them will be due; None when none will. One that was due before has had its turn."""
        pending = (refused.retry_at for refused in self._by_key.values() if refused.retry_at is not None)
        return min((retry_at for retry_at in pending if retry_at > now), default=None)

    def source_names(self, key: str, now: float) -> None:
        """What the source names no longer is not tried again; what it names anew gets all its tries again."""
        last, self._named = self._named, key
        for other, refused in self._by_key.items():
            if other != key:
                refused.retry_at = None
        if last not in (None, key) and key in self._by_key:
            self._by_key[key].tries, self._by_key[key].retry_at = 0, now

    def report(self) -> tuple[RefusedVersion, ...]:
        """The latest last."""
        return tuple(
            RefusedVersion(
                version=refused.id, error=refused.error, tries=refused.tries, at=timestamp(refused.at),
                retry_at=None if refused.retry_at is None else timestamp(refused.retry_at),
            )
            for refused in self._by_key.values()
        )  # fmt: skip
