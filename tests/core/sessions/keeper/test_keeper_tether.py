"""Keepers on a tether: the tree ends with the link that holds it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from quarterdeck.core.sessions.keeper.faults import ChildSpecInvalid

if TYPE_CHECKING:
    from tests.core.sessions.keeper.conftest import Yard

LONG = 60.0


async def test_the_tree_ends_when_its_link_does(yard: Yard) -> None:
    script = "setsid sleep 1000 & echo $!; sleep 1000"
    handle = await yard.start("sh", "-c", script, mode="pipe", tether=LONG)
    tap = await yard.tap()
    await tap.until_text(b"\n")
    await tap.close()
    await yard.until_gone(handle.child_pid, int(tap.out()))
    await yard.until_over(handle.places)


async def test_a_link_that_takes_over_holds_the_tether(yard: Yard) -> None:
    handle = await yard.start("cat", mode="pipe", tether=LONG)
    first = await yard.tap(epoch=1)
    second = await yard.tap(epoch=2)
    await yard.until(lambda: first.ended)
    await first.close()
    await second.link.write(b"still here\n")
    await second.until_text(b"still here\n")
    await second.close()
    await yard.until_over(handle.places)


async def test_nobody_who_comes_in_time_is_as_one_who_left(yard: Yard) -> None:
    handle = await yard.start("sleep", "1000", mode="pipe", tether=0.2)
    await yard.until_gone(handle.child_pid)
    await yard.until_over(handle.places)


async def test_one_that_does_not_listen_is_killed_after_the_grace(yard: Yard) -> None:
    script = "trap '' TERM; echo ready; while :; do sleep 0.02; done"
    handle = await yard.start("sh", "-c", script, mode="pipe", tether=LONG, grace=0.1)
    tap = await yard.tap()
    await tap.until_text(b"ready")
    await tap.close()
    await yard.until_gone(handle.child_pid)
    await yard.until_over(handle.places)


async def test_a_keeper_whose_child_has_ended_goes_with_its_link(yard: Yard) -> None:
    handle = await yard.start("true", mode="pipe", tether=LONG)
    tap = await yard.tap()
    await tap.until_exit()
    await tap.close()
    await yard.until_over(handle.places)


def test_a_tether_of_negative_length_is_refused(yard: Yard) -> None:
    with pytest.raises(ChildSpecInvalid, match="not negative"):
        yard.spec("true", tether=-1.0)
