"""What holds for a detector whatever happens, in whatever order."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from quarterdeck.core.protocol.status import Activity, DialogKind, Source, Status
from quarterdeck.core.sessions.agents.definition import AgentDefinition
from quarterdeck.core.sessions.agents.loader import load_agents
from quarterdeck.core.sessions.agents.rules import WAITING
from quarterdeck.core.sessions.status import inputs as i
from quarterdeck.core.sessions.status.check import read_recording
from quarterdeck.core.sessions.status.detector import StatusDetector

BORN = datetime(2026, 3, 1, tzinfo=UTC)
SCREENS = Path(__file__).parents[3] / "recordings" / "screens"
AGENTS = load_agents().definitions
SHOWN = {
    agent: [
        read_recording(path.read_text(encoding="utf-8"))
        for path in sorted(
            [*SCREENS.glob(f"{agent}-*.txt"), *SCREENS.glob(f"synthetic/{agent}-*.txt")]
        )
        if "exited" not in path.stem
    ]
    for agent in ("claude", "codex", "gemini", "opencode", "aider")
}
SHOWN["shell"] = SHOWN["claude"][:3]
SHOWN["practice-worker"] = SHOWN["aider"][:2]

Make = Callable[[i.Moment], i.Observation]


def make(observed: Callable[..., i.Observation], *args: Any, **fields: Any) -> Make:
    return lambda when: observed(when, *args, **fields)


def observations(agent: str) -> st.SearchStrategy[Make]:
    shown = st.sampled_from(SHOWN[agent])
    return st.one_of(
        st.builds(
            lambda state, kind, message, path: make(
                i.ProgramReport, state, kind=kind, message=message, id=path
            ),
            st.sampled_from(list(i.ReportState)),
            st.none() | st.sampled_from([DialogKind.PERMISSION, DialogKind.QUESTION]),
            st.sampled_from(["", "approve", "other"]),
            st.sampled_from(["", "part"]),
        ),
        shown.map(lambda each: make(i.ScreenSettled, each.lines)),
        shown.map(lambda each: make(i.TitleSeen, each.title)),
        st.builds(
            lambda source, activity, fresh: make(
                i.ChannelReport, source, activity, "said", fresh_for=fresh
            ),
            st.sampled_from(list(i.ChannelSource)),
            st.sampled_from([Activity.IDLE, Activity.WORKING, Activity.NEEDS_APPROVAL]),
            st.none() | st.just(3.0),
        ),
        st.sampled_from(
            [
                make(i.OutputSeen),
                make(i.TypedInput),
                make(i.PromptSubmitted),
                make(i.AttentionSignal, "bell"),
                make(i.FocusChanged, focused=True),
                make(i.FocusChanged, focused=False),
                make(i.ForegroundSeen, own=True),
                make(i.ForegroundSeen, own=False, program="make"),
                make(i.ReportsCleared, i.ClearCause.RESET),
                make(i.ReportsCleared, i.ClearCause.PROMPT_MARK),
                make(i.ProcessExited, "exited with code 0"),
                make(i.ProcessStarted),
                make(i.TimePassed),
            ]
        ),
    )


class Run:
    """One detector under a history; answers requests now and then, and checks every step."""

    def __init__(self, definition: AgentDefinition) -> None:
        self.now = 0.0
        self.definition = definition
        self.detector = StatusDetector(definition, self.moment())
        self.running = False
        self.ids: list[str] = []
        self.step(make(i.ProcessStarted))

    def moment(self) -> i.Moment:
        return i.Moment(self.now, BORN + timedelta(seconds=self.now))

    def step(self, made: Make) -> None:
        event = made(self.moment())
        before = self.detector.status
        told = self.detector.feed(event)
        if isinstance(event, i.ProcessStarted | i.ProcessExited):
            self.running = isinstance(event, i.ProcessStarted)
        self.check(before, told)

    def check(self, before: Status, told: Status | None) -> None:
        status = self.detector.status
        assert (told is None) == (status is before)
        assert status.evidence, "a status without evidence is a claim without a source"
        request = status.request
        assert (request is not None) <= (status.activity in WAITING)
        if status.activity in WAITING:
            assert request is not None
            assert self.running
            assert request.request_id
        same = (before.activity, _id(before)) == (status.activity, _id(status))
        assert (status.since == before.since) or not same
        if not same:
            assert status.since == self.moment().stamp
        if request is not None and request.request_id not in self.ids:
            self.ids.append(request.request_id)
        wake = self.detector.wake_at
        assert wake is None or wake > self.now
        self.check_explanation(status)

    def check_explanation(self, status: Status) -> None:
        explanation = self.detector.explain()
        winner = explanation.winner
        assert explanation.status is status
        assert winner is not None
        assert all(each.evidence for each in explanation.readings)
        ranks = [list(Source).index(each.source) for each in explanation.readings]
        assert ranks == sorted(ranks)

    def wait(self, seconds: float) -> None:
        end = self.now + seconds
        for _ in range(1000):
            at = self.detector.wake_at
            if at is None or at > end:
                break
            self.now = at
            self.step(make(i.TimePassed))
        else:
            raise AssertionError("a thousand wake-ups in one wait: it spins")
        self.now = end


def _id(status: Status) -> str | None:
    return status.request.request_id if status.request else None


@st.composite
def histories(draw: st.DrawFn) -> tuple[str, list[tuple[float, Make]]]:
    agent = draw(st.sampled_from(sorted(SHOWN)))
    waits = st.sampled_from([0.0, 0.0, 0.05, 0.4, 1.0, 2.5, 6.0, 70.0])
    return agent, draw(st.lists(st.tuples(waits, observations(agent)), max_size=25))


@settings(max_examples=250, deadline=None)
@given(histories(), st.booleans())
def test_every_history_keeps_every_promise(
    history: tuple[str, list[tuple[float, Make]]], answers: bool
) -> None:
    """No status without evidence, no request without a process, no wake-up in the past.

    ``since`` moves with activity or request alone; a request's id is never used again.
    """
    agent, steps = history
    run = Run(AGENTS[agent])
    closed: set[str] = set()
    for wait, made in steps:
        run.wait(wait)
        before = _id(run.detector.status)
        run.step(made)
        after = _id(run.detector.status)
        if before is not None and before != after:
            closed.add(before)
        assert after not in closed
        if answers and after is not None:
            run.step(make(i.RequestAnswered, after))
    run.step(make(i.ProcessExited, "over"))
    assert run.detector.status.request is None
    run.wait(1000)
    assert run.detector.status.request is None


@settings(max_examples=100, deadline=None)
@given(histories(), st.randoms(use_true_random=False))
def test_signals_of_one_moment_may_come_in_any_order(
    history: tuple[str, list[tuple[float, Make]]], random: Any
) -> None:
    """The last title, the last screen and the reports of different ids of one burst commute.

    An order in which the first of them alone says "working" may show that for ``turn_end``.
    """
    agent, steps = history
    last: dict[str, Make] = {}
    probe = i.Moment(0.0, BORN)
    for _, made in steps:
        event = made(probe)
        if isinstance(event, i.TitleSeen | i.ScreenSettled):
            last[type(event).__name__] = made
        elif isinstance(event, i.ProgramReport) and event.state is not i.ReportState.CLEAR:
            last[f"report {event.id}"] = made
    outcomes = set()
    for _ in range(4):
        burst = list(last.values())
        random.shuffle(burst)
        run = Run(AGENTS[agent])
        run.wait(5)
        for made in burst:
            run.step(made)
        run.wait(0.6)
        outcomes.add((run.detector.status.activity, run.detector.status.source))
    assert len(outcomes) == 1


@settings(max_examples=100, deadline=None)
@given(histories())
def test_same_history_gives_the_same_status(history: tuple[str, list[tuple[float, Make]]]) -> None:
    agent, steps = history
    statuses = []
    for _ in range(2):
        run = Run(AGENTS[agent])
        for wait, made in steps:
            run.wait(wait)
            run.step(made)
        statuses.append(run.detector.status)
    assert statuses[0] == statuses[1]
