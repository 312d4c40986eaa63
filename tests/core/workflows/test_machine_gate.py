"""The gate before an attempt: what may not begin waits without a slot, and each that began is given back once."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.workflows.machine_bench import Bench, task

from quarterdeck.core.workflows.machine import Machine, Run


class Door:
    """A gate that lets through what is not ``shut``."""

    def __init__(self) -> None:
        self.shut: set[str] = set()
        self.inside: Counter[str] = Counter()
        self.gone: list[str] = []

    def admits(self, run: Run, task: int) -> bool:
        name = run.plan.ids[task]
        if name in self.shut:
            return False
        self.inside[name] += 1
        assert self.inside[name] == 1
        return True

    def reason(self, run: Run, task: int) -> str:
        return f"{run.plan.ids[task]} is shut out"

    def left(self, run: Run, task: int) -> None:
        self.inside[run.plan.ids[task]] -= 1

    def withdrawn(self, run: Run, task: int) -> None:
        self.gone.append(run.plan.ids[task])


def behind(door: Door, *tasks: object, limit: int | None = None, **rules: object) -> Bench:
    machine = Machine(limit)
    machine.gate = door
    return Bench(*tasks, machine=machine, **rules)  # type: ignore[arg-type]  # passed on


def test_what_is_shut_out_holds_no_slot_and_begins_when_it_is_asked_about_again() -> None:
    door = Door()
    door.shut = {"a"}
    bench = behind(door, task("a"), task("b"), limit=1)
    start = bench.machine.take(0.0)
    assert start is not None
    assert bench.plan.ids[start[1]] == "b"
    assert bench.machine.take(0.0) is None
    a = bench.plan.index["a"]
    assert bench.machine.reason(bench.run, a) == "a is shut out"
    door.shut.clear()
    bench.machine.readmit(bench.run, a)
    bench.machine.succeeded(*start, 1.0)
    again = bench.machine.take(1.0)
    assert again is not None
    assert (again[1], again[2]) == (a, 1)
    bench.machine.succeeded(*again, 2.0)
    assert not +door.inside
    assert bench.run.status == "completed"


def test_a_bound_is_given_back_by_what_is_shut_out() -> None:
    door = Door()
    door.shut = {"a"}
    bench = behind(door, task("a", group="g"), task("b", group="g"))
    start = bench.machine.take(0.0)
    assert start is not None
    assert bench.plan.ids[start[1]] == "b"


def test_a_cancelled_one_is_withdrawn_once_and_readmitting_it_does_nothing() -> None:
    door = Door()
    door.shut = {"a"}
    bench = behind(door, task("a"))
    assert bench.machine.take(0.0) is None
    bench.machine.cancel(bench.run, 1.0)
    assert door.gone == ["a"]
    bench.machine.readmit(bench.run, 0)
    assert bench.machine.take(2.0) is None
    assert bench.run.status == "cancelled"


def test_one_that_is_to_be_asked_about_again_and_is_cancelled_before_is_withdrawn_too() -> None:
    """It is held for its paused workflow then; the gate would keep it, and what it asks for, for ever."""
    door = Door()
    door.shut = {"a"}
    bench = behind(door, task("a"))
    assert bench.machine.take(0.0) is None
    bench.machine.pause(bench.run, 1.0)
    bench.machine.readmit(bench.run, 0)
    assert bench.machine.take(2.0) is None
    bench.machine.cancel(bench.run, 3.0)
    assert door.gone == ["a"]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from("abcd"), st.sampled_from(["shut", "open", "end", "take"])),
        max_size=40,
    )
)
def test_whatever_the_gate_says_all_that_begins_is_given_back(steps: list[tuple[str, str]]) -> None:
    door = Door()
    bench = behind(
        door, *(task(name, group="g" if name < "c" else None) for name in "abcd"), limit=2
    )
    running: dict[str, tuple[Run, int, int]] = {}
    for now, (name, what) in enumerate(steps):
        at = float(now)
        if what == "shut":
            door.shut.add(name)
        elif what == "open":
            door.shut.discard(name)
            bench.machine.readmit(bench.run, bench.plan.index[name])
        elif what == "end" and name in running:
            bench.machine.succeeded(*running.pop(name), at)
        elif (start := bench.machine.take(at)) is not None:
            running[bench.plan.ids[start[1]]] = start
        assert bench.machine.running == len(running) <= 2
        assert +door.inside == Counter(list(running))
    door.shut.clear()
    for name in "abcd":
        bench.machine.readmit(bench.run, bench.plan.index[name])
    end = float(len(steps))
    names = set(running)
    while names or (names := set(bench.begun(end))):
        bench.end(names.pop(), now=end)
        names |= set(bench.begun(end))
    assert not +door.inside
    assert bench.run.status == "completed"
