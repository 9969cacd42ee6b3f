"""How many are inside, and how many of them from one address: of sockets, of HTTP connections, of requests.

Whether there is room and what to say when there is none is the caller's to ask and to say."""

from __future__ import annotations


class Headcount:
    """At most `most` in all, and `most_per_address` from one address.

    Room is asked for first, since the two refusals have different words; nothing may be awaited before `enter`."""

    def __init__(self, most: int, most_per_address: int) -> None:
        self._most = most
        self._most_per_address = most_per_address
        self._inside = 0
        self._by_address: dict[str, int] = {}

    def __len__(self) -> int:
        """Addresses that are remembered: those from which somebody is inside."""
        return len(self._by_address)

    @property
    def is_full(self) -> bool:
        return self._inside >= self._most

    def has_its_share(self, address: str) -> bool:
        return self._by_address.get(address, 0) >= self._most_per_address

    def enter(self, address: str) -> None:
        self._inside += 1
        self._by_address[address] = self._by_address.get(address, 0) + 1

    def leave(self, address: str) -> None:
        self._inside -= 1
        left = self._by_address.pop(address) - 1
        if left:  # addresses must not pile up
            self._by_address[address] = left
