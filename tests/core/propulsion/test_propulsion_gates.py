"""Gates in front of dispatch: order, bounds, no slot held, nothing lost."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quarterdeck.core.base.clock import SYSTEM_CLOCK
from quarterdeck.core.base.priority import Priority
from quarterdeck.core.base.retry import RetryPolicy
from quarterdeck.core.propulsion import PropulsionPayload
from quarterdeck.core.propulsion.faults import PropulsionFull
from quarterdeck.core.propulsion.gated import GatedEngine
from quarterdeck.core.propulsion.gates import GatedMachine
from quarterdeck.core.propulsion.machine import Run, State
from quarterdeck.state.memory import MemoryStore

ONCE = RetryPolicy(1)


class Bounds:
    """So many of each event type at once; what is shut begins not at all."""

    def __init__(self, **limits: int) -> None:
        self.limits = limits
        self.shut: set[str] = set()
        self.running: Counter[str] = Counter()

    def reason(self, event_type: str) -> str | None:
        if event_type in self.shut:
            return "shut"
        return "full" if self.running[event_type] >= self.limits.get(event_type, 1_000) else None

    def begun(self, event_type: str) -> None:
        self.running[event_type] += 1

    def ended(self, event_type: str) -> None:
        self.running[event_type] -= 1


def taken(machine: GatedMachine, now: float) -> Run | None:
    """What a worker that wants a slot gets."""
    if not machine.hold():
        return None
    run = machine.take(now)
    if run is None:
        machine.leave()
        return None
    assert isinstance(run, Run)
    assert machine.begin(run)
    return run


def run_of(event: str, priority: Priority = Priority.NORMAL, minutes: int | None = None) -> Run:
    deadline = None
    if minutes is not None:
        deadline = datetime(2030, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    return Run(event, PropulsionPayload(None, priority, deadline))


def test_what_is_held_back_takes_no_slot_and_comes_in_its_order() -> None:
    bounds = Bounds(a=1)
    machine = GatedMachine(2, bounds, ageing=None)
    first, low, soon, other = (
        run_of("a"),
        run_of("a", Priority.LOW),
        run_of("a", minutes=1),
        run_of("b"),
    )
    for run in (first, low, soon, other):
        machine.enter(run, 0.0)
    assert taken(machine, 0.0) is soon
    assert taken(machine, 0.0) is other
    assert (machine.running, machine.held, machine.queued) == (2, 1, 1)
    machine.leave()
    assert taken(machine, 0.0) is None
    assert (machine.held, machine.queued, machine.startable) == (2, 0, 0)
    assert machine.pending == 3
    machine.end(soon, State.DONE)
    machine.leave()
    assert taken(machine, 0.0) is first
    machine.end(first, State.DONE)
    machine.leave()
    assert taken(machine, 0.0) is low


def test_one_that_is_cancelled_before_a_gate_lets_the_next_one_come() -> None:
    bounds = Bounds(a=1)
    machine = GatedMachine(5, bounds)
    runs = [run_of("a") for _ in range(4)]
    for run in runs:
        machine.enter(run, 0.0)
    assert taken(machine, 0.0) is runs[0]
    assert taken(machine, 0.0) is None
    assert machine.end(runs[1], State.CANCELLED)
    assert not machine.end(runs[1], State.CANCELLED)
    machine.end(runs[0], State.DONE)
    machine.leave()
    machine.end(runs[2], State.CANCELLED)  # it was let in, and is in the queue
    assert taken(machine, 0.0) is runs[3]


def test_what_backs_off_opens_its_gate_and_may_be_hurried() -> None:
    bounds = Bounds(a=1)
    machine = GatedMachine(5, bounds)
    first, second = run_of("a"), run_of("a")
    machine.enter(first, 0.0)
    machine.enter(second, 0.0)
    assert taken(machine, 0.0) is first
    assert taken(machine, 0.0) is None
    machine.back_off(first, 60.0)
    machine.leave()
    assert taken(machine, 0.0) is second
    assert machine.hurry(first, 1.0)
    assert not machine.hurry(first, 1.0)
    assert machine.next_due() is None
    assert taken(machine, 1.0) is None
    machine.end(second, State.DONE)
    machine.leave()
    assert taken(machine, 1.0) is first
    assert first.attempt == 2


def test_age_counts_before_a_gate() -> None:
    bounds = Bounds()
    bounds.shut = {"a"}
    machine = GatedMachine(5, bounds, ageing=10.0)
    old = run_of("a", Priority.BACKGROUND)
    machine.enter(old, 0.0)
    assert taken(machine, 0.0) is None
    bounds.shut.clear()
    machine.enter(run_of("a"), 100.0)
    machine.reopen(100.0)
    assert taken(machine, 100.0) is old


class Model:
    """A machine beside lists that say what it must do."""

    def __init__(self) -> None:
        self.bounds = Bounds(a=1, b=2)
        self.machine = GatedMachine(4, self.bounds, ageing=None)
        self.waiting: list[Run] = []
        self.at_work: list[Run] = []

    def expected(self) -> Run | None:
        """The most urgent of those whose gate is open."""
        if len(self.at_work) >= 4:
            return None
        able = [run for run in self.waiting if self.bounds.reason(run.event_type) is None]
        return min(
            able, key=lambda run: (run.payload.priority, self.waiting.index(run)), default=None
        )

    def enter(self, event: str, priority: Priority) -> None:
        self.waiting.append(run := run_of(event, priority))
        self.machine.enter(run, 0.0)

    def take(self, *_: object) -> None:
        wanted = self.expected()
        assert taken(self.machine, 0.0) is wanted
        if wanted is not None:
            self.waiting.remove(wanted)
            self.at_work.append(wanted)

    def end(self, *_: object) -> None:
        if self.at_work:
            self.machine.end(self.at_work.pop(0), State.DONE)
            self.machine.leave()

    def retry(self, *_: object) -> None:
        if self.at_work:
            run = self.at_work.pop(0)
            self.machine.back_off(run, 5.0)
            self.machine.leave()
            self.machine.hurry(run, 0.0)
            self.waiting.append(run)

    def cancel(self, *_: object) -> None:
        if self.waiting:
            self.machine.end(self.waiting.pop(0), State.CANCELLED)

    def shut(self, event: str, *_: object) -> None:
        self.bounds.shut ^= {event}
        self.machine.reopen(0.0)


@settings(max_examples=150, deadline=None)
@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from(["enter", "enter", "take", "take", "end", "retry", "cancel", "shut"]),
            st.sampled_from("abc"),
            st.sampled_from(list(Priority)),
        ),
        max_size=60,
    )
)
def test_nothing_is_lost_and_no_bound_is_passed(steps: list[tuple[str, str, Priority]]) -> None:
    model = Model()
    for what, event, priority in steps:
        getattr(model, what)(event, priority)
        assert model.machine.pending == len(model.waiting) + len(model.at_work)
        assert model.machine.running == len(model.at_work)
    model.bounds.shut.clear()
    model.machine.reopen(0.0)
    while model.waiting or model.at_work:
        while model.expected() is not None:
            model.take()
        model.end()
    assert taken(model.machine, 0.0) is None
    assert model.machine.pending == 0
    assert not +model.bounds.running


async def test_an_engine_waits_before_a_gate_without_a_slot() -> None:
    bounds = Bounds(slow=1)
    engine = GatedEngine(bounds, max_concurrent=2)
    go, most = asyncio.Event(), 0
    done: list[str] = []

    async def slow(payload: PropulsionPayload) -> None:
        nonlocal most
        most = max(most, bounds.running["slow"])
        await go.wait()
        done.append(payload.data)

    async def quick(payload: PropulsionPayload) -> None:  # handlers of engines are async
        done.append(payload.data)

    engine.register_handler("slow", slow)
    engine.register_handler("quick", quick)
    for number in range(5):
        engine.enlist("slow", PropulsionPayload(f"slow {number}"), ONCE)
    await engine.propel("quick", PropulsionPayload("quick"))
    assert done == ["quick"]
    go.set()
    await engine.drain()
    assert done[1:] == [f"slow {number}" for number in range(5)]
    assert most == 1
    bounds.shut.add("quick")
    engine.enlist("quick", PropulsionPayload("later"), ONCE)
    await asyncio.sleep(0)
    assert done[-1] == "slow 4"
    bounds.shut.clear()
    engine.opened()
    await engine.drain()
    assert done[-1] == "later"
    await engine.close()


async def test_payloads_are_cancelled_and_hurried_by_id() -> None:
    store = MemoryStore(clock=SYSTEM_CLOCK)
    await store.open()
    engine = GatedEngine(Bounds(), store=store)
    await engine.recover()
    failing, tried = True, asyncio.Event()

    async def sometimes(payload: PropulsionPayload) -> None:  # handlers of engines are async
        if failing:
            asyncio.get_running_loop().call_soon(tried.set)
            raise ValueError(payload.data)

    async def never(payload: PropulsionPayload) -> None:
        await asyncio.Event().wait()

    engine.register_handler("some", sometimes)
    engine.register_handler("never", never)
    waits = PropulsionPayload("x")
    runs = PropulsionPayload("y")
    written = engine.enlist("some", waits, RetryPolicy(3, 600.0))
    engine.enlist("never", runs, ONCE)
    assert written is not None
    await written
    await tried.wait()
    assert engine.cancel(runs.id) == 1
    failing = False
    assert engine.hurry(waits.id) == 1
    await engine.drain()
    assert engine.statistics().cancelled == 1
    assert engine.cancel(runs.id) == engine.hurry(waits.id) == 0
    await engine.close()

    engine = GatedEngine(Bounds(), store=store)
    await engine.recover()
    parked = PropulsionPayload("z")
    engine.register_handler("gone", never)
    engine.enlist("gone", parked, ONCE)
    await engine.close(drain=False)
    engine = GatedEngine(Bounds(), store=store)
    assert await engine.recover() == 1
    assert engine.cancel(parked.id) == 1, "it waits for a handler to be registered"
    await engine.drain()
    assert engine.statistics().queued == 0
    await engine.close()
    await store.close()


async def test_an_engine_that_is_full_takes_nothing_at_once_either() -> None:
    engine = GatedEngine(Bounds(a=0), max_pending=1)
    engine.enlist("a", PropulsionPayload(1), ONCE)
    with pytest.raises(PropulsionFull):
        engine.enlist("a", PropulsionPayload(2), ONCE)
    await engine.close(drain=False)
