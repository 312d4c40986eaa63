"""The register: who may run what. Pure, so that any order of events can be tried."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quarterdeck.core.base.clock import ManualClock
from quarterdeck.core.workflows.backends.dask.faults import AttemptFenced
from quarterdeck.core.workflows.backends.dask.register import Register, State

PLACE, WORKER = "dask:W/t/1", "tcp://a:1"
WHERE = {"machine": "m", "folder": "/f"}


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def register(clock: ManualClock) -> Register:
    return Register(clock.monotonic)


def announce(register: Register, place: str = PLACE, epoch: int = 1, **more: Any) -> State:
    given = {"workflow": "W", "epoch": epoch, "owner": "engine", "settle": 5.0, **more}
    return register.announce(place, **given).state


def settles(register: Register) -> float:
    return float(register.standing([PLACE])[PLACE]["settles"])


def test_one_worker_alone_may_begin_and_only_once(register: Register) -> None:
    assert not register.claim(PLACE, 1, worker=WORKER, **WHERE)
    announce(register)
    assert not register.claim(PLACE, 2, worker=WORKER, **WHERE)
    assert announce(register, epoch=2) is State.WAITING
    assert register.claim(PLACE, 1, worker=WORKER, **WHERE)
    for worker in (WORKER, "tcp://b:2"):
        assert not register.claim(PLACE, 1, worker=worker, **WHERE)
    assert announce(register, epoch=2) is State.CLAIMED


def test_a_former_epoch_is_fenced_for_its_whole_workflow(register: Register) -> None:
    announce(register, epoch=3)
    with pytest.raises(AttemptFenced, match=r"epoch 2.*epoch 3"):
        announce(register, "dask:W/other/1", epoch=2)
    assert announce(register, "dask:V/t/1", epoch=1, workflow="V") is State.WAITING
    with pytest.raises(AttemptFenced):
        announce(register, epoch=1)


def test_what_is_withdrawn_never_begins(register: Register) -> None:
    announce(register)
    assert register.withdraw(PLACE, ["ended"])
    assert not register.claim(PLACE, 1, worker=WORKER, **WHERE)
    assert not register.withdraw(PLACE, ["ended"])
    assert not register.withdraw("dask:unknown", ["ended"])


def test_a_lost_worker_is_given_time_to_end_what_it_ran(
    register: Register, clock: ManualClock
) -> None:
    announce(register)
    register.claim(PLACE, 1, worker=WORKER, **WHERE)
    register.begin(PLACE, WORKER)
    register.lose_worker(WORKER)
    assert (register.heads[PLACE].tethered, settles(register)) == (True, 5.0)
    clock.advance(3)
    assert settles(register) == 2.0
    register.end(PLACE, WORKER, ["ended"], 0)
    assert register.heads[PLACE].state is State.LOST
    clock.advance(3)
    assert settles(register) == 0.0


def test_what_never_began_or_is_proven_gone_is_lost_at_once(register: Register) -> None:
    announce(register)
    register.lose(PLACE, "taken away")
    assert settles(register) == 0.0
    other = "dask:W/t/2"
    announce(register, other)
    register.claim(other, 1, worker=WORKER, **WHERE)
    register.lose(other, "seen", proven=True)
    assert register.standing([other])[other]["settles"] == 0.0


def test_output_that_left_with_a_worker_is_said(register: Register) -> None:
    announce(register)
    register.claim(PLACE, 1, worker=WORKER, **WHERE)
    register.end(PLACE, WORKER, ["ended"], 7)
    register.lose_worker(WORKER)
    head = register.heads[PLACE]
    assert (head.state, head.kept, head.size) == (State.ENDED, False, 7)


def test_what_never_became_a_task_is_given_up_in_time(
    register: Register, clock: ManualClock
) -> None:
    announce(register)
    clock.advance(9)
    register.sweep(lambda _: False)
    assert register.heads[PLACE].state is State.WAITING
    clock.advance(1)
    register.sweep(lambda _: True)
    assert register.heads[PLACE].state is State.WAITING
    clock.advance(5)
    register.sweep(lambda _: True)
    assert register.heads[PLACE].state is State.WAITING
    clock.advance(4)
    register.sweep(lambda _: False)
    assert register.heads[PLACE].state is State.WAITING
    clock.advance(1)
    register.sweep(lambda _: False)
    assert register.heads[PLACE].state is State.LOST


def test_each_owner_is_told_of_its_own_and_of_each_change_once(register: Register) -> None:
    announce(register)
    announce(register, "dask:W/t/2", owner="another")
    told = register.changes("engine", 0)
    assert [one["place"] for one in told] == [PLACE]
    serial = register.serial
    register.note(PLACE, "busy")
    register.note(PLACE, "busy")
    assert [one["reason"] for one in register.changes("engine", serial)] == ["busy"]
    assert register.serial == serial + 1
    register.follow("another", [PLACE, "dask:unknown"])
    assert not register.changed("engine", serial)
    assert register.changed("another", serial)
    assert [one["place"] for one in register.changes("another", 0)] == [PLACE, "dask:W/t/2"]
    register.lose(PLACE, "gone")
    register.forget(PLACE)
    assert list(register.recent) == ["another"]
    register.lose("dask:W/t/2", "gone")
    register.forget("dask:W/t/2")
    assert register.recent == {}


def test_a_worker_learns_what_it_holds_no_more(register: Register) -> None:
    announce(register)
    register.claim(PLACE, 1, worker=WORKER, **WHERE)
    assert register.held(WORKER, [PLACE, "dask:unknown"]) == [PLACE]
    assert register.held("tcp://b:2", [PLACE]) == []
    register.lose(PLACE, "gone")
    assert register.held(WORKER, [PLACE]) == []


def test_memory_is_bounded(clock: ManualClock) -> None:
    register = Register(clock.monotonic, bound=3)
    for number in range(10):
        place = f"dask:{number}"
        announce(register, place, workflow=str(number))
        register.claim(place, 1, worker=WORKER, **WHERE)
        register.end(place, WORKER, ["ended"], 0)
    announce(register, "dask:last", workflow="last")
    assert len(register.epochs) == 3
    assert list(register.heads) == ["dask:8", "dask:9", "dask:last"]


STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["announce", "claim", "end", "withdraw", "lose", "leave", "forget", "later"]
        ),
        st.integers(0, 2),
        st.integers(0, 2),
    ),
    max_size=30,
)


def take_step(register: Register, what: str, place: str, worker: str) -> bool:
    """Do one thing; whether it was a claim that was granted."""
    match what:
        case "announce":
            announce(register, place)
        case "claim":
            return register.claim(place, 1, worker=worker, **WHERE)
        case "end":
            register.end(place, worker, ["ended"], 0)
        case "withdraw":
            register.withdraw(place, ["ended"])
        case "lose":
            register.lose(place, "lost")
        case _:
            register.lose_worker(worker)
    return False


@settings(max_examples=60)
@given(STEPS)
def test_nothing_runs_twice_and_no_end_is_ever_changed(steps: list[tuple[str, int, int]]) -> None:
    register = Register(ManualClock().monotonic)
    claims: Counter[str] = Counter()
    finals: dict[str, State] = {}
    for what, number, which in steps:
        before = register.serial
        claims[f"dask:{number}"] += take_step(register, what, f"dask:{number}", f"tcp://{which}")
        assert register.serial >= before
        for head in register.heads.values():
            if head.state in {State.ENDED, State.LOST}:
                assert finals.setdefault(head.place, head.state) is head.state
    assert set(claims.values()) <= {0, 1}
    assert sum(register.statistics().values()) == len(register.heads)
