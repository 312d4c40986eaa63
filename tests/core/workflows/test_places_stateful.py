"""Whatever happens to workflows: places on agents never leak, and are never given twice."""

from __future__ import annotations

from collections import Counter

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from tests.core.workflows.places_rig import READY, RUNNING, Harbour

from quarterdeck.core.base.priority import Priority
from quarterdeck.core.workflows.machine import Outcome, Run, Want
from quarterdeck.core.workflows.plan import PlainRules
from quarterdeck.core.workflows.statuses import WorkflowStatus

AGENTS = {"ada": (2, ("provider",)), "ben": (1, ("provider",)), "cleo": (3, ())}
WANTS = {
    "one": Want(agent="ada"),
    "two": Want(among={"ada", "ben"}, affinity="ben"),
    "any": Want(capabilities={"code"}, groups=("repo",)),
    "no": Want(capabilities={"gpu"}),
}
RULES = st.builds(
    PlainRules,
    placed=st.sampled_from([True, True, True, False]),
    timeout=st.sampled_from([None, 3.0]),
    priority=st.sampled_from(list(Priority)),
    group=st.sampled_from([None, None, "g"]),
    allow_failure=st.booleans(),
)
TASKS = st.lists(st.tuples(st.sampled_from(list(WANTS)), RULES), min_size=1, max_size=5)


class PlacesMachine(RuleBasedStateMachine):
    """Everything that may happen to runs with placed tasks, in any order."""

    @initialize(limit=st.sampled_from([2, 4, None]), ageing=st.sampled_from([None, 2.0]))
    def build(self, limit: int | None, ageing: float | None) -> None:
        self.harbour = Harbour(wants=dict(WANTS), limit=limit, ageing=ageing)
        self.harbour.places.set_limit("provider", 2)
        self.harbour.places.set_limit("repo", 2)
        for name, (size, groups) in AGENTS.items():
            self.harbour.agent(name, size, "code", groups=groups)
        self.machine, self.clock = self.harbour.machine, self.harbour.clock
        self.runs: list[Run] = []
        self.by_hand: Counter[str] = Counter()

    @rule(tasks=TASKS, limit=st.sampled_from([None, None, 1]))
    def begin(self, tasks: list[tuple[str, PlainRules]], limit: int | None) -> None:
        rules = {f"{want}-{number}": rule_ for number, (want, rule_) in enumerate(tasks)}
        self.runs.append(self.harbour.begin(f"w{len(self.runs)}", rules, limit=limit))
        self.harbour.take()

    def _running(self, data: st.DataObject) -> tuple[Run, int] | None:
        found = [
            (run, task)
            for run in self.runs
            for task, status in enumerate(run.tasks)
            if status is RUNNING and run.id in self.machine.runs
        ]
        return data.draw(st.sampled_from(found)) if found else None

    @rule(data=st.data(), outcome=st.sampled_from(list(Outcome)))
    def end(self, data: st.DataObject, outcome: Outcome) -> None:
        if (found := self._running(data)) is not None:
            run, task = found
            attempt = run.attempts[task]
            assert self.machine.ended(run, task, attempt, outcome, self.clock.at)
            assert not self.machine.ended(run, task, attempt, outcome, self.clock.at)
            self.harbour.take()

    @rule(
        data=st.data(), what=st.sampled_from(["pause", "interrupt", "resume", "cancel", "forget"])
    )
    def steer(self, data: st.DataObject, what: str) -> None:
        live = [run for run in self.machine.runs.values() if run.status in UNDER_WAY]
        if not live:
            return
        run, now = data.draw(st.sampled_from(live)), self.clock.at
        if what == "cancel":
            self.machine.cancel(run, now)
        elif what == "forget":
            self.machine.forget(run)
        elif what == "resume":
            if run.paused:
                self.machine.resume(run, now)
        else:
            self.machine.pause(run, now, interrupt=what == "interrupt")
        self.harbour.take()

    @rule(seconds=st.sampled_from([0.5, 2.0, 4.0]))
    def wait(self, seconds: float) -> None:
        self.clock.at += seconds
        self.machine.tick(self.clock.at)
        self.harbour.take()

    @rule(name=st.sampled_from(list(AGENTS)), count=st.integers(0, 2))
    def by_hands(self, name: str, count: int) -> None:
        self.by_hand[name] = count
        self.harbour.places.set_others(name, count)
        self.harbour.take()

    @invariant()
    def slots_are_where_the_runs_say(self) -> None:
        if not hasattr(self, "runs"):
            return
        live = list(self.machine.runs.values())
        held = {
            (run.id, task): run.placed[task]
            for run in live
            for task, status in enumerate(run.tasks)
            if status is RUNNING and run.plan.rules[task].placed
        }
        placed = {(one.run.id, one.task): one.agent for one in self.harbour.places.placed()}
        assert placed == held
        counts = Counter(held.values())
        assert self.harbour.load() == {name: counts[name] for name in AGENTS}

    @invariant()
    def what_waits_is_ready_and_nothing_waits_in_vain(self) -> None:
        if not hasattr(self, "runs"):
            return
        waiting = self.harbour.places.waiting()
        assert all(one.run.tasks[one.task] is READY for one in waiting)
        for one in waiting:
            if not one.run.paused:
                assert self.machine.reason(one.run, one.task) != "others are before it"

    @invariant()
    def nothing_is_overcommitted(self) -> None:
        if not hasattr(self, "runs"):
            return
        assert self.machine.running <= self.machine.limit
        groups = {name: (limit, running) for name, limit, running in self.harbour.places.limits()}
        repo = sum(
            run.plan.ids[task].startswith("any")
            for run in self.machine.runs.values()
            for task, status in enumerate(run.tasks)
            if status is RUNNING and run.plan.rules[task].placed
        )
        assert groups["repo"] == (2, repo)
        assert repo <= 2
        load = self.harbour.load()
        assert groups["provider"][1] == load["ada"] + load["ben"] + sum(
            self.by_hand[name] for name in ("ada", "ben")
        )
        if not self.by_hand.total():
            assert all(load[name] <= size for name, (size, _) in AGENTS.items())


UNDER_WAY = {WorkflowStatus.RUNNING, WorkflowStatus.PAUSED}
TestPlaces = PlacesMachine.TestCase
TestPlaces.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
