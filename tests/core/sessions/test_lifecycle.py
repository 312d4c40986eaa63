from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.core.base.machine import IllegalTransition
from quarterdeck.core.protocol.status import Lifecycle
from quarterdeck.core.sessions.lifecycle import (
    LIFECYCLE,
    LIVING,
    KeeperFound,
    KeeperGone,
    LifecycleEvent,
    ProcessEnded,
    ProcessUp,
    RestartStep,
    StartAsked,
    StartFailed,
    StopAsked,
    decide,
    restart_steps,
)

SIGTERM, SIGSEGV = 15, 11
ENDED = (Lifecycle.EXITED, Lifecycle.CRASHED)

signals = st.integers(1, 31)
events: st.SearchStrategy[LifecycleEvent] = st.one_of(
    st.sampled_from(
        [StartAsked(), ProcessUp(), StartFailed(), StopAsked(), KeeperGone(), KeeperFound()]
    ),
    st.builds(ProcessEnded, code=st.integers(0, 255)),
    st.builds(ProcessEnded, signal=signals, sent=st.frozensets(signals, max_size=2)),
)


def test_table_knows_every_state() -> None:
    for state in Lifecycle:
        assert LIFECYCLE.targets(state)


@pytest.mark.parametrize(
    ("state", "event", "after"),
    [
        (Lifecycle.CREATED, StartAsked(), Lifecycle.STARTING),
        (Lifecycle.STARTING, ProcessUp(), Lifecycle.RUNNING),
        (Lifecycle.STARTING, StartFailed(), Lifecycle.CRASHED),
        (Lifecycle.STARTING, ProcessEnded(code=0), Lifecycle.EXITED),
        (Lifecycle.STARTING, StopAsked(), Lifecycle.STOPPING),
        (Lifecycle.STARTING, KeeperGone(), Lifecycle.LOST),
        (Lifecycle.RUNNING, StopAsked(), Lifecycle.STOPPING),
        (Lifecycle.RUNNING, KeeperGone(), Lifecycle.LOST),
        (Lifecycle.STOPPING, KeeperGone(), Lifecycle.LOST),
        (Lifecycle.EXITED, StartAsked(), Lifecycle.STARTING),
        (Lifecycle.CRASHED, StartAsked(), Lifecycle.STARTING),
        (Lifecycle.LOST, StartAsked(), Lifecycle.STARTING),
        (Lifecycle.LOST, KeeperFound(), Lifecycle.RUNNING),
        (Lifecycle.LOST, ProcessEnded(code=0), Lifecycle.EXITED),
        (Lifecycle.LOST, ProcessEnded(code=1), Lifecycle.CRASHED),
        (Lifecycle.STARTING, KeeperFound(), Lifecycle.RUNNING),
        (Lifecycle.RUNNING, KeeperFound(), Lifecycle.RUNNING),
        (Lifecycle.STOPPING, KeeperFound(), Lifecycle.STOPPING),
    ],
)
def test_moves(state: Lifecycle, event: LifecycleEvent, after: Lifecycle) -> None:
    assert decide(state, event) is after


@pytest.mark.parametrize(
    ("state", "end", "after"),
    [
        (Lifecycle.RUNNING, ProcessEnded(code=0), Lifecycle.EXITED),
        (Lifecycle.RUNNING, ProcessEnded(code=3), Lifecycle.CRASHED),
        (Lifecycle.RUNNING, ProcessEnded(signal=SIGTERM), Lifecycle.CRASHED),
        (
            Lifecycle.RUNNING,
            ProcessEnded(signal=SIGTERM, sent=frozenset({SIGTERM})),
            Lifecycle.EXITED,
        ),
        (Lifecycle.RUNNING, ProcessEnded(), Lifecycle.CRASHED),  # nobody could tell how
        # Claude answers SIGTERM with 143, Gemini and opencode SIGHUP with 1: we asked for it.
        (Lifecycle.STOPPING, ProcessEnded(code=143), Lifecycle.EXITED),
        (Lifecycle.STOPPING, ProcessEnded(code=1), Lifecycle.EXITED),
        (Lifecycle.STOPPING, ProcessEnded(signal=9, sent=frozenset({15, 9})), Lifecycle.EXITED),
        (Lifecycle.STOPPING, ProcessEnded(signal=SIGSEGV, sent=frozenset({15})), Lifecycle.CRASHED),
    ],
)
def test_exit_or_crash(state: Lifecycle, end: ProcessEnded, after: Lifecycle) -> None:
    assert decide(state, end) is after


@pytest.mark.parametrize(
    ("state", "event"),
    [
        (Lifecycle.CREATED, StopAsked()),
        (Lifecycle.CREATED, ProcessUp()),
        (Lifecycle.CREATED, KeeperGone()),
        (Lifecycle.CREATED, ProcessEnded(code=0)),
        (Lifecycle.RUNNING, StartAsked()),
        (Lifecycle.STARTING, StartAsked()),
        (Lifecycle.STOPPING, StartAsked()),
        (Lifecycle.STOPPING, StopAsked()),
        (Lifecycle.EXITED, StopAsked()),
        (Lifecycle.EXITED, ProcessUp()),
        (Lifecycle.EXITED, KeeperFound()),
        (Lifecycle.CRASHED, KeeperGone()),
        (Lifecycle.LOST, StopAsked()),
    ],
)
def test_illegal_move_names_both_states(state: Lifecycle, event: LifecycleEvent) -> None:
    with pytest.raises(IllegalTransition) as caught:
        decide(state, event)
    assert state.value in caught.value.message
    assert caught.value.details["old"] == state.value
    assert caught.value.details["new"] in caught.value.message


@given(st.lists(events, max_size=30))
def test_every_history_stays_within_the_table(history: list[LifecycleEvent]) -> None:
    state = Lifecycle.CREATED
    for event in history:
        try:
            after = decide(state, event)
        except IllegalTransition:
            continue
        assert after is state or LIFECYCLE.allows(state, after)
        state = after


@given(st.sampled_from(list(Lifecycle)), events)
def test_end_of_a_process_never_leaves_a_living_state(
    state: Lifecycle, event: LifecycleEvent
) -> None:
    if isinstance(event, ProcessEnded) and state in LIVING:
        assert decide(state, event) in ENDED


def test_restart_stops_what_lives_first() -> None:
    stop, wait, start = RestartStep.STOP, RestartStep.AWAIT_END, RestartStep.START
    assert restart_steps(Lifecycle.RUNNING) == (stop, wait, start)
    assert restart_steps(Lifecycle.STARTING) == (stop, wait, start)
    assert restart_steps(Lifecycle.STOPPING) == (wait, start)
    for state in (Lifecycle.CREATED, Lifecycle.EXITED, Lifecycle.CRASHED, Lifecycle.LOST):
        assert restart_steps(state) == (start,)


@pytest.mark.parametrize("state", Lifecycle)
def test_restart_is_legal_from_everywhere(state: Lifecycle) -> None:
    for step in restart_steps(state):
        match step:
            case RestartStep.STOP:
                state = decide(state, StopAsked())
            case RestartStep.AWAIT_END:
                state = decide(state, ProcessEnded(code=143))
            case RestartStep.START:
                state = decide(state, StartAsked())
    assert state is Lifecycle.STARTING
