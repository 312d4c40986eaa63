"""The machine: the ways in for whatever happens to attempts, and the passing of time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ...base.errors import BusinessFault
from ..plan import Plan
from ..statuses import DONE, ENDED, WORKFLOW_MOVES, TaskStatus, WorkflowStatus
from .control import Control
from .reasons import ErrorType, Outcome, StopReason
from .run import Run, TaskState
from .timers import Due

_RUNNING = TaskStatus.RUNNING
_COMPLETED = TaskStatus.COMPLETED
_UNBEGUN_AGAIN = frozenset({TaskStatus.READY, TaskStatus.PENDING, TaskStatus.LOST})


class RunExists(BusinessFault):
    """A run with that id is in the machine already."""

    code = "run_exists"


class Machine(Control):
    """All instances of one engine. Every ``now`` is seconds of one clock that never goes back."""

    def add(
        self,
        run_id: str,
        plan: Plan,
        *,
        label: Any = None,
        deadlines: Mapping[int, float] | None = None,
    ) -> Run:
        """Take in a run that has not begun; ``deadlines`` are by task, in the machine's time.

        :raises RunExists: if one with that id is there.
        """
        if run_id in self.runs:
            raise RunExists(f"Workflow {run_id} is being run already.", workflow_id=run_id)
        run = Run(run_id, plan, label, self._ageing)
        self.runs[run_id] = run
        run.deadlines.update(deadlines or {})
        return run

    def put_back(
        self,
        run_id: str,
        plan: Plan,
        status: WorkflowStatus,
        states: Iterable[TaskState],
        now: float,
        *,
        label: Any = None,
        deadlines: Mapping[int, float] | None = None,
        winding: str | None = None,
    ) -> Run:
        """Take in a run as it stood. What was running still is: tell whether it was lost.

        A task of a fan-out whose children are there goes on waiting for them. ``winding`` is what
        the run's own said.
        """
        run = self.add(run_id, plan, label=label, deadlines=deadlines)
        run.status = status
        for task, state in enumerate(states):
            self._set_state(run, task, state)
        self.recount(run)
        run.wind(winding)
        for child, parent in plan.parents.items():
            if run.tasks[parent] is _RUNNING and not run.retired(child):
                run.expanded.setdefault(parent, 0)
                run.expanded[parent] += run.tasks[child] not in DONE
        self._take_up(run, now)
        for parent, left in list(run.expanded.items()):
            if not left:  # a rollback to the moment between its last child's end and its own
                self._close_fan_out(run, parent, now)
                self._look_for_end(run, now)
        return run

    def start(self, run: Run, now: float) -> None:
        """Begin a run that was added, or was set back."""
        WORKFLOW_MOVES.check(run.status, WorkflowStatus.RUNNING)
        self._move(run, WorkflowStatus.RUNNING)
        self._begin(run, now)

    def forget(self, run: Run) -> None:
        """Drop a run that has ended, or that another engine goes on with."""
        if run.status not in ENDED:
            for task, status in enumerate(run.tasks):
                run.entries[task] = None
                if self.places is not None:
                    self.places.withdraw(run, task)
                self._unbar(run, task)
                if status is _RUNNING and task not in run.expanded:
                    self._release(run, task, 0.0)
                    run.tasks[task] = TaskStatus.LOST
        self.runs.pop(run.id, None)
        self._unplaced.pop(run, None)

    # ---- attempts --------------------------------------------------------------------------

    def succeeded(self, run: Run, task: int, attempt: int, now: float) -> bool:
        """An attempt has ended well; ``False``, and nothing, if it is not the one that runs."""
        if run.attempts[task] != attempt or run.tasks[task] is not _RUNNING or task in run.expanded:
            return False
        if run.placed and self.places is not None:
            self.places.count(run, task, good=True)
        if run.stopping and run.stopping.pop(task, None) is StopReason.TIMEOUT:
            self._release(run, task, now)
            self._retry_or_fail(run, task, ErrorType.TIMEOUT, now, retry=True)
        else:
            self._release(run, task, now)
            self._settle(run, task, _COMPLETED, now)
            if run.plan.dependents[task]:
                self._let_dependents(run, task, now)
        if not run.open:
            self._look_for_end(run, now)
        return True

    def ended(
        self,
        run: Run,
        task: int,
        attempt: int,
        outcome: Outcome,
        now: float,
        *,
        error_type: str = "",
        retry: bool = True,
    ) -> bool:
        """An attempt has ended; ``False``, and nothing, if it is not the one that runs.

        With ``retry`` false a failure is final.
        """
        if outcome is Outcome.SUCCEEDED:
            return self.succeeded(run, task, attempt, now)
        if not self.is_current(run, task, attempt):
            return False
        reason = run.stopping.pop(task, None)
        if outcome is Outcome.FAILED and self.places is not None:
            self.places.count(run, task, good=False)
        self._release(run, task, now)
        if reason is not None:
            self._ended_by_stop(run, task, reason, now)
        elif outcome is Outcome.CONDITION:
            self._pass_over(run, task, now)
        elif outcome is Outcome.LOST:
            self._lose(run, task, now)
        else:
            self._retry_or_fail(run, task, error_type or ErrorType.CUT_SHORT, now, retry=retry)
        self._look_for_end(run, now)
        return True

    def tick(self, now: float) -> None:
        """Time has passed: retries are ready again, attempts time out, deadlines are over."""
        for _, _, due, run, task, _ in self.timers.due(now):
            if due is Due.RETRY:
                run.next_at.pop(task, None)
                self._make_ready(run, task, now)
            elif due is Due.TIMEOUT:
                self._time_out(run, task)
                if task in run.expanded:
                    self._time_out_children(run, task, now)
            else:
                self._expire(run, task, now)
            self._look_for_end(run, now)

    # ---- parts -----------------------------------------------------------------------------

    def _pass_over(self, run: Run, task: int, now: float) -> None:
        """Its own condition is false: skipped, and counts as done."""
        run.error_types[task] = ErrorType.CONDITION
        self._settle(run, task, TaskStatus.SKIPPED, now)
        self._let_dependents(run, task, now)

    def _lose(self, run: Run, task: int, now: float) -> None:
        """An attempt is gone without a result: again, but not for ever."""
        losses = run.losses.get(task, 0) + 1
        run.losses[task] = losses
        run.forgiven[task] = run.forgiven.get(task, 0) + 1
        if losses > self.recovery_limit:
            self._fail(run, task, ErrorType.LOSSES, now)
        elif self._winding_up(run, task):
            self._ended_by_stop(run, task, StopReason.CANCEL, now)
        else:
            self._begin_again(run, task, now)

    def _set_state(self, run: Run, task: int, state: TaskState) -> None:
        run.tasks[task] = state.status
        run.attempts[task] = state.attempt
        if state.forgiven:
            run.forgiven[task] = state.forgiven
        if state.losses:
            run.losses[task] = state.losses
        if state.error_type is not None:
            run.error_types[task] = state.error_type
        if state.next_at is not None:
            run.next_at[task] = state.next_at
        if state.agent:
            run.placed[task] = state.agent

    def _take_up(self, run: Run, now: float) -> None:
        """Queue what was ready, wait for what was waiting, count what was running."""
        for task, status in enumerate(run.tasks):
            if status is _RUNNING:
                if task not in run.expanded:
                    self._occupy(run, task)
                self._watch(run, task, now)
            elif status is TaskStatus.RETRYING:
                at = run.next_at.setdefault(task, now)
                self.timers.add(at, Due.RETRY, run, task, run.attempts[task])
            elif status in _UNBEGUN_AGAIN:
                run.tasks[task] = TaskStatus.PENDING
        if run.status in {WorkflowStatus.RUNNING, WorkflowStatus.PAUSED}:
            self._begin(run, now)

    def _watch(self, run: Run, task: int, now: float) -> None:
        """An attempt that goes on gets its whole time again."""
        timeout = run.plan.rules[task].timeout
        if timeout is not None:
            self.timers.add(now + timeout, Due.TIMEOUT, run, task, run.attempts[task])
