"""The line of what waits to begin."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable

from quarterdeck.core.engine.safety.line import Line, Waiting

PATIENCE = 60.0
RULE = ("timing", "apart")


def unheard(_key: Hashable) -> None:
    """Nobody wants to know."""


async def test_one_that_may_begin_sooner_is_asked_sooner() -> None:
    """The same rule lets each agent begin at another time: who comes later may be the first."""
    line, woken = Line(unheard), asyncio.Event()
    line.enter("late", Waiting(RULE, "", lambda: None), seconds=3000.0)
    line.enter("soon", Waiting(RULE, "", woken.set), seconds=0.01)
    async with asyncio.timeout(PATIENCE):
        await woken.wait()
    line.close()


async def test_one_that_may_begin_later_puts_nothing_off() -> None:
    line, woken = Line(unheard), asyncio.Event()
    line.enter("soon", Waiting(RULE, "", woken.set), seconds=0.01)
    line.enter("late", Waiting(RULE, "", lambda: None), seconds=3000.0)
    async with asyncio.timeout(PATIENCE):
        await woken.wait()
    assert len(line) == 0
    line.close()


async def test_one_that_is_woken_may_take_others_out() -> None:
    """A task that waits on two agents for one account leaves on both, as it begins on one."""
    line, woken = Line(unheard), list[str]()

    def begins() -> None:
        line.leave("other")

    line.enter("one", Waiting(RULE, "", begins))
    line.enter("other", Waiting(RULE, "", lambda: woken.append("other")))
    line.enter("last", Waiting(RULE, "", lambda: woken.append("last")))
    line.wake(RULE)
    assert (woken, len(line)) == (["last"], 0)
