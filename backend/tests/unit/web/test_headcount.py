"""How many are inside, and from where."""

from __future__ import annotations

from greenroom.web.headcount import Headcount


def test_there_is_room_for_so_many_and_again_when_one_has_left() -> None:
    count = Headcount(most=2, most_per_address=2)
    count.enter("a")
    assert not count.is_full
    count.enter("b")
    assert count.is_full
    count.leave("a")
    assert not count.is_full


def test_an_address_has_its_share_and_others_have_theirs() -> None:
    count = Headcount(most=10, most_per_address=2)
    count.enter("a")
    assert not count.has_its_share("a")
    count.enter("a")
    assert (count.has_its_share("a"), count.has_its_share("b")) == (True, False)
    count.leave("a")
    assert not count.has_its_share("a")


def test_addresses_do_not_pile_up() -> None:
    count = Headcount(most=1000, most_per_address=2)
    for number in range(1000):
        assert not count.has_its_share(f"asks only {number}")
        count.enter(f"{number}")
        count.leave(f"{number}")
    assert len(count) == 0
