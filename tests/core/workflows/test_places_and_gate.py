"""Places and a gate together: whatever happens, nothing is leaked, forgotten, or kept waiting in vain."""

from __future__ import annotations

from collections import Counter

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from tests.core.workflows.places_rig import PLACED, READY, RUNNING, Harbour

from quarterdeck.core.base.priority import Priority
from quarterdeck.core.workflows.machine import Outcome, Run, Want
from quarterdeck.core.workflows.plan import PlainRules
from quarterdeck.core.workflows.statuses import ENDED, TaskStatus

AGENTS = {"ada": 2, "ben": 1}
WANTS = {
    "ada": Want(agent="ada"),
    "any": Want(capabilities={"code"}, groups=("repo",)),
    "ben": Want(among={"ada", "ben"}, affinity="ben"),
}
RULES = st.builds(
    PlainRules,
    placed=st.sampled_from([True, True, False]),
    timeout=st.sampled_from([None, 3.0]),
    priority=st.sampled_from(list(Priority)),
    group=st.sampled_from([None, None, "g"]),
    allow_failure=st.booleans(),
)
TASKS = st.lists(st.tuples(st.sampled_from(list(WANTS)), RULES), min_size=1, max_size=5)
Place = tuple[Run, int]


class Lock:
    """A gate that is shut for some agents, and knows who waits before it for whom, and who is inside.

    ``told`` are those that it told to wait, also while they are being asked about again.
    """

    def __init__(self) -> None:
        self.shut: set[str] = set()
        self.inside: set[Place] = set()
        self.told: set[Place] = set()
        self.before: dict[Place, set[str]] = {}

    def admits(self, run: Run, task: int) -> bool:
        agent = run.placed.get(task, "") if run.plan.rules[task].placed else ""
        refused = self.before.setdefault((run, task), set())
        assert agent not in refused
        if agent in self.shut:
            refused.add(agent)
            self.told.add((run, task))
            return False
        del self.before[run, task]
        self.told.discard((run, task))
        assert (run, task) not in self.inside
        self.inside.add((run, task))
        return True

    def reason(self, run: Run, task: int) -> str:
        return "shut" if (run, task) in self.before else ""

    def left(self, run: Run, task: int) -> None:
        self.inside.remove((run, task))

    def withdrawn(self, run: Run, task: int) -> None:
        self.told.remove((run, task))
        self.before.pop((run, task), None)


class GatedPlaces(RuleBasedStateMachine):
    """Everything that may happen to runs with placed tasks behind a gate, in any order."""

    @initialize(limit=st.sampled_from([2, None]), ageing=st.sampled_from([None, 2.0]))
    def build(self, limit: int | None, ageing: float | None) -> None:
        self.harbour = Harbour(wants=dict(WANTS), limit=limit, ageing=ageing)
        self.harbour.places.set_limit("repo", 2)
        for name, size in AGENTS.items():
            self.harbour.agent(name, size, "code")
        self.machine, self.clock, self.lock = self.harbour.machine, self.harbour.clock, Lock()
        self.machine.gate = self.lock
        self.runs: list[Run] = []

    @rule(tasks=TASKS, limit=st.sampled_from([None, 1, 2]))
    def begin(self, tasks: list[tuple[str, PlainRules]], limit: int | None) -> None:
        rules = {f"{want}-{number}": rule_ for number, (want, rule_) in enumerate(tasks)}
        self.runs.append(self.harbour.begin(f"w{len(self.runs)}", rules, limit=limit))
        self.harbour.take()

    @rule(data=st.data(), outcome=st.sampled_from(list(Outcome)))
    def end(self, data: st.DataObject, outcome: Outcome) -> None:
        if found := self._with(RUNNING):
            run, task = data.draw(st.sampled_from(found))
            assert self.machine.ended(run, task, run.attempts[task], outcome, self.clock.at)
            self.harbour.take()

    @rule(name=st.sampled_from(["", *AGENTS]))
    def shut(self, name: str) -> None:
        self.lock.shut.add(name)

    @rule(name=st.sampled_from(["", *AGENTS]))
    def open(self, name: str) -> None:
        self.lock.shut.discard(name)
        self._ask_again()

    @rule(name=st.sampled_from(list(AGENTS)), why=st.sampled_from(["", "away"]))
    def close_agent(self, name: str, why: str) -> None:
        self.harbour.places.close(name, why)
        self.harbour.take()

    @rule(data=st.data(), what=st.sampled_from(["pause", "interrupt", "resume", "cancel", "again"]))
    def steer(self, data: st.DataObject, what: str) -> None:
        now = self.clock.at
        ended = what == "again"
        live = [run for run in self.machine.runs.values() if (run.status in ENDED) is ended]
        if not live:
            return
        run = data.draw(st.sampled_from(live))
        if what == "again":
            self.machine.rerun(run, 0, now)
            self.machine.start(run, now)
        elif what == "cancel":
            self.machine.cancel(run, now)
        elif what == "resume":
            if run.paused:
                self.machine.resume(run, now)
        else:
            self.machine.pause(run, now, interrupt=what == "interrupt")
        self.harbour.take()

    @rule(data=st.data())
    def forget(self, data: st.DataObject) -> None:
        if self.machine.runs:
            self.machine.forget(data.draw(st.sampled_from(list(self.machine.runs.values()))))
            self.harbour.take()

    @rule(seconds=st.sampled_from([0.5, 2.0, 4.0]))
    def wait(self, seconds: float) -> None:
        self.clock.at += seconds
        self.machine.tick(self.clock.at)
        self.harbour.take()

    @invariant()
    def slots_and_places_are_what_runs(self) -> None:
        if not hasattr(self, "runs"):
            return
        running = self._with(RUNNING)
        assert self.machine.running == len(running) <= self.machine.limit
        assert self.lock.inside == set(running)
        held = {(run, task): run.placed[task] for run, task in running if _placed(run, task)}
        assert {(one.run, one.task): one.agent for one in self.harbour.places.placed()} == held
        counts = Counter(held.values())
        assert self.harbour.load() == {name: counts[name] for name in AGENTS}
        for run in self.runs:
            assert run.running == sum(one is run for one, _ in running)
            assert run.plan.limit is None or run.running <= run.plan.limit

    @invariant()
    def what_waits_is_known(self) -> None:
        if not hasattr(self, "runs"):
            return
        ready = set(self._with(READY))
        barred = [(entry[4], entry[5]) for entry in self.machine.barred()]
        assert len(barred) == len(set(barred))
        assert set(barred) <= set(self.lock.before) <= self.lock.told <= ready
        for run, task in set(self.lock.before) - set(barred):
            assert self.harbour.places.avoids(run, task)
        for run, task in barred:
            assert task not in run.placed
        for run, task in ready:
            assert self.machine.reason(run, task) != "others are before it"

    def teardown(self) -> None:
        """Once all doors are open, everything comes to its end."""
        if not hasattr(self, "runs"):
            return
        self.lock.shut.clear()
        self._ask_again()
        for name in AGENTS:
            self.harbour.places.close(name, "")
        for run in self.machine.runs.values():
            if run.paused:
                self.machine.resume(run, self.clock.at)
        self.harbour.take()
        while running := self._with(RUNNING):
            run, task = running[0]
            self.machine.succeeded(run, task, run.attempts[task], self.clock.at)
            self.machine.tick(self.clock.at)
            self.harbour.take()
            self.slots_and_places_are_what_runs()
        assert not self.lock.before
        assert not self.lock.told
        assert all(run.status in ENDED for run in self.machine.runs.values())

    # ---- parts ---------------------------------------------------------------------------------

    def _with(self, status: TaskStatus) -> list[Place]:
        return [
            (run, task)
            for run in self.machine.runs.values()
            for task, found in enumerate(run.tasks)
            if found is status
        ]

    def _ask_again(self) -> None:
        for run, task in list(self.lock.before):
            del self.lock.before[run, task]
            self.machine.readmit(run, task)
        self.harbour.take()


def _placed(run: Run, task: int) -> bool:
    return run.plan.rules[task].placed


TestPlacesAndGate = GatedPlaces.TestCase
TestPlacesAndGate.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


def test_what_waits_for_an_agent_that_is_away_lets_the_others_of_its_workflow_by() -> None:
    harbour = Harbour(wants=dict(WANTS))
    harbour.agent("ada", 2)
    harbour.agent("ben")
    names = ["ada-0", "ada-1", "ada-2", "ben-3"]
    run = harbour.begin("w", dict.fromkeys(names, PLACED), limit=1)
    assert harbour.take() == ["ada-0"]
    harbour.places.close("ada", "away")
    harbour.done(run, "ada-0")
    assert harbour.take() == ["ben-3"]
    harbour.places.close("ada", "")
    assert harbour.take() == []
    harbour.done(run, "ben-3")
    assert harbour.take() == ["ada-1"]
