"""Keys wait for what the ones before began, and never for ever."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

import pytest
from textual.events import Key

from quarterdeck.tui.keys import gate as module
from quarterdeck.tui.keys.gate import ROUNDS, Gate, Station
from quarterdeck.tui.keys.strokes import Stroke


class Queue:
    """A message queue that a test turns by hand."""

    def __init__(self, *, open_: bool = True) -> None:
        self.waiting: deque[Callable[[], None]] = deque()
        self.open = open_
        self.asked = asyncio.Event()

    @property
    def message_queue_size(self) -> int:
        return len(self.waiting)

    def call_later(self, callback: Callable[[], None]) -> bool:
        self.asked.set()
        if self.open:
            self.waiting.append(callback)
        return self.open


class Ship:
    """A way through two queues; a key makes ``work`` in the first."""

    def __init__(self) -> None:
        self.queues = [Queue(), Queue()]
        self.rest = True
        self.delivered: list[str] = []
        self.lost = 0
        self.work: dict[str, Callable[[], None]] = {}
        self.news = asyncio.Event()

    async def all_delivered(self, count: int) -> None:
        """Wait until ``count`` keys were delivered."""
        while len(self.delivered) < count:
            self.news.clear()
            await self.news.wait()

    def stations(self) -> Sequence[Station]:
        return self.queues

    def at_rest(self) -> bool:
        return self.rest

    def deliver(self, strokes: deque[Stroke]) -> None:
        name = strokes.popleft().raw
        self.delivered.append(name)
        self.news.set()
        if name in self.work:
            self.queues[0].waiting.append(self.work[name])

    def overflow(self) -> None:
        self.lost += 1

    def turn(self) -> bool:
        """Do one thing that waits; whether there was any."""
        for queue in self.queues:
            if queue.waiting:
                queue.waiting.popleft()()
                return True
        return False


def keys(text: str) -> list[Stroke]:
    return [Stroke(one, Key(one, one)) for one in text]


async def test_at_rest_all_goes_through_at_once() -> None:
    ship = Ship()
    gate = Gate(ship)
    gate.take(keys("ab"))
    assert ship.delivered == ["a", "b"]
    assert gate.held == 0
    assert not any(queue.waiting for queue in ship.queues)


async def test_a_key_waits_for_what_the_one_before_began() -> None:
    ship = Ship()
    opened: list[str] = []
    ship.work["D"] = lambda: ship.queues[1].waiting.append(lambda: opened.append("dialog"))
    gate = Gate(ship)
    gate.take(keys("Dy"))
    assert ship.delivered == ["D"]
    assert gate.held == 1
    gate.take(keys("z"))
    while ship.delivered == ["D"]:
        assert ship.turn()
    assert opened == ["dialog"]
    while ship.turn():
        pass
    assert ship.delivered == ["D", "y", "z"]


async def test_a_chain_of_messages_is_waited_for() -> None:
    ship = Ship()
    done: list[int] = []

    def link(number: int) -> Callable[[], None]:
        def act() -> None:
            done.append(number)
            if number + 1 < ROUNDS:
                ship.queues[0].waiting.append(link(number + 1))

        return act

    ship.work["a"] = link(0)
    gate = Gate(ship)
    gate.take(keys("ab"))
    while ship.delivered == ["a"]:
        assert ship.turn()
    assert done == list(range(ROUNDS))


async def test_once_its_work_is_done_others_work_holds_no_key_back() -> None:
    ship = Ship()
    ship.work["a"] = lambda: None
    gate = Gate(ship, settling=0.0)
    gate.take(keys("a"))
    ship.turn()
    async with asyncio.timeout(60):
        await ship.queues[0].asked.wait()  # it begins to look whether all is done
    while ship.turn():
        pass
    ship.queues[0].waiting.append(lambda: None)  # a frame of some session, say
    gate.take(keys("b"))
    assert ship.delivered == ["a", "b"]
    gate.take(keys("c"))
    assert ship.delivered == ["a", "b"], "what waits now may be b's"
    gate.close()


async def test_while_the_screen_comes_up_keys_are_held() -> None:
    ship = Ship()
    ship.rest = False
    gate = Gate(ship)
    gate.take(keys("a"))
    for _ in range(50):
        ship.turn()
    assert ship.delivered == []
    ship.rest = True
    while ship.turn():
        pass
    assert ship.delivered == ["a"]


async def test_what_comes_up_with_the_screen_is_waited_for_too() -> None:
    ship = Ship()
    gate = Gate(ship)
    ship.queues[0].waiting.append(lambda: None)  # its first focus, say
    gate.take(keys("a"))
    assert ship.delivered == []
    while ship.turn():
        pass
    gate.take(keys("b"))
    ship.rest = False
    gate.take(keys("c"))
    ship.rest = True
    ship.queues[0].waiting.append(lambda: None)
    gate.take(keys("d"))
    assert ship.delivered == ["a", "b"]
    while ship.turn():
        pass
    assert ship.delivered == ["a", "b", "c", "d"]


async def test_a_queue_that_closes_is_passed_by() -> None:
    ship = Ship()
    ship.work["a"] = lambda: None
    gate = Gate(ship)
    gate.take(keys("a"))
    ship.queues[0].open = False
    gate.take(keys("b"))
    while ship.turn():
        pass
    assert ship.delivered == ["a", "b"]


async def test_what_hangs_holds_keys_for_a_while_only() -> None:
    ship = Ship()
    ship.work["a"] = lambda: None
    gate = Gate(ship, overdue=0.01)
    gate.take(keys("abc"))
    await asyncio.wait_for(ship.all_delivered(3), 5)
    assert ship.delivered == ["a", "b", "c"]


async def test_after_the_end_nothing_is_delivered() -> None:
    ship = Ship()
    ship.work["a"] = lambda: None
    gate = Gate(ship)
    gate.take(keys("ab"))
    gate.close()
    while ship.turn():
        pass
    assert ship.delivered == ["a"]


async def test_all_queues_closed_ends_the_wait() -> None:
    ship = Ship()
    ship.rest = False
    for queue in ship.queues:
        queue.open = False
    gate = Gate(ship)
    gate.take(keys("a"))
    assert ship.delivered == []
    gate.close()


async def test_what_is_held_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HELD_AT_MOST", 10)
    ship = Ship()
    ship.rest = False
    gate = Gate(ship)
    gate.take(keys("x" * 30))
    assert gate.held == 10
    assert ship.lost == 1
    gate.close()
