"""The order in which work is taken, and ids that grow."""

from __future__ import annotations

from math import inf

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from quarterdeck.core.base.ids import Ids, is_id
from quarterdeck.core.base.priority import Priority
from quarterdeck.core.base.urgency import UrgencyQueue

INTERVAL = 10.0


class Queue(RuleBasedStateMachine):
    """Beside a list that is sorted anew for each look: nothing lost, nothing twice, all in order."""

    def __init__(self) -> None:
        super().__init__()
        self.queue: UrgencyQueue[int] = UrgencyQueue(INTERVAL)
        self.model: list[tuple[int, float, int, float]] = []
        self.now = 0.0
        self.count = 0

    @rule(
        priority=st.sampled_from(Priority),
        deadline=st.sampled_from([inf, inf, 5.0, 50.0, 500.0]),
    )
    def push(self, priority: Priority, deadline: float) -> None:
        self.count += 1
        self.queue.push(self.count, priority, self.now, deadline)
        self.model.append((priority, deadline, self.count, self.now))

    @rule(priority=st.sampled_from(Priority))
    def append(self, priority: Priority) -> None:
        self.count += 1
        self.queue.append(self.count, priority, self.now)
        self.model.append((priority, inf, self.count, self.now))

    @rule(seconds=st.sampled_from([0.0, 1.0, 9.0, 10.0, 35.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def pop(self) -> None:
        found = self.queue.pop(self.now)
        if found is None:
            assert not self.model
            return
        mine = next(one for one in self.model if one[2] == found)
        for other in self.model:  # some of which were behind the one that is taken
            assert self._level(mine, late=True) <= self._level(other, late=False), (mine, other)
        self.model.remove(mine)

    def _level(self, one: tuple[int, float, int, float], *, late: bool) -> int:
        """The level that it has risen to; behind earlier deadlines, on any level it passes, it may rise late."""
        priority, deadline, _, since = one
        waits_its_turn = not late and any(
            other[0] > Priority.HIGH and other[1] < deadline for other in self.model
        )
        if priority <= Priority.HIGH or waits_its_turn:
            return priority
        return max(int(Priority.HIGH), priority - int((self.now - since) / INTERVAL))

    @rule()
    def pop_least(self) -> None:
        found = self.queue.pop_least()
        assert (found is None) == (not self.model)
        self.model = [one for one in self.model if one[2] != found]

    @invariant()
    def nothing_is_lost(self) -> None:
        assert len(self.queue) == len(self.model) == sum(self.queue.depths().values())


Queue.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestQueue = Queue.TestCase


@given(
    st.lists(st.tuples(st.sampled_from(Priority), st.sampled_from([inf, 1.0, 2.0])), max_size=40)
)
@settings(max_examples=100)
def test_without_ageing_the_order_is_priority_deadline_sequence(
    given: list[tuple[Priority, float]],
) -> None:
    queue: UrgencyQueue[int] = UrgencyQueue(None)
    for number, (priority, deadline) in enumerate(given):
        queue.push(number, priority, 0.0, deadline)
    found = [queue.pop(float(number)) for number in range(len(given))]
    wanted = sorted(range(len(given)), key=lambda at: (given[at][0], given[at][1], at))
    assert found == wanted
    assert queue.pop(99.0) is None
    assert queue.pop_least() is None


def test_background_never_starves_and_never_becomes_critical() -> None:
    queue: UrgencyQueue[str] = UrgencyQueue(INTERVAL)
    queue.push("background", Priority.BACKGROUND, 0.0)
    taken = []
    for second in range(60):
        queue.push("high", Priority.HIGH, float(second))
        queue.push("critical", Priority.CRITICAL, float(second))
        taken += [queue.pop(float(second)), queue.pop(float(second))]
    assert taken[1::2].index("background") == 30
    assert set(taken[::2]) == {"critical"}


def test_ids_grow_even_if_the_clock_is_set_back() -> None:
    times = iter([1.0, 1.0, 1.001, 0.5, 0.5, 2.0, *([2.0] * 1_000)])
    ids = Ids(lambda: next(times))
    made = [ids.new() for _ in range(1_000)]
    assert made == sorted(set(made))
    assert all(map(is_id, made))


def test_a_million_in_one_millisecond_are_still_different() -> None:
    ids = Ids(lambda: 1.0)
    made = [ids.new() for _ in range((1 << 20) + 2)]
    assert made[-3:] == sorted(set(made[-3:]))
    assert made[-1][:22] > made[0][:22]
