"""What a person or a program asks of a run: pause, cancel, retry, rerun, fan out, signal."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from ...base.errors import BusinessFault
from ...base.machine import IllegalTransition
from ..definition import OnFailure, TaskDefinition
from ..statuses import DONE, ENDED, WORKFLOW_MOVES, TaskStatus, WorkflowStatus
from .endings import Endings
from .reasons import ErrorType, StopReason
from .run import Run
from .timers import Due

_PENDING = TaskStatus.PENDING
_RUNNING = TaskStatus.RUNNING
_UNWELL = frozenset({TaskStatus.FAILED, TaskStatus.CANCELLED})
_NOT_BEGUN = frozenset({_PENDING, TaskStatus.READY, TaskStatus.RETRYING})


class NothingFailed(BusinessFault):
    """A retry was asked for, and no task has failed."""

    code = "nothing_failed"


class Control(Endings):
    """The controls of runs. What a run's status does not allow raises ``IllegalTransition``."""

    def pause(self, run: Run, now: float, *, interrupt: bool = False) -> None:
        """Begin nothing more; with ``interrupt`` what runs is ended, to be begun again later."""
        if run.status is not WorkflowStatus.PAUSED:
            _check(run, WorkflowStatus.PAUSED, "paused", "only one that runs can be paused")
            self._move(run, WorkflowStatus.PAUSED)
        if interrupt:
            self.interrupt(run)

    def interrupt(self, run: Run, *, but: Collection[int] = ()) -> None:
        """End what runs, ``but`` these tasks; it is to be begun again, and does not count as tried."""
        for task, status in enumerate(run.tasks):
            if status is _RUNNING and task not in run.expanded and task not in but:
                self._stop(run, task, StopReason.INTERRUPT)

    def resume(self, run: Run, now: float) -> None:
        """Go on where a pause began."""
        if run.status is not WorkflowStatus.PAUSED:
            _check(run, WorkflowStatus.RUNNING, "resumed", "retry it, or rerun it from a task")
        self._move(run, WorkflowStatus.RUNNING)
        self._let_go(run)
        self._begin(run, now)

    def cancel(self, run: Run, now: float) -> None:
        """End it: what runs is stopped, the rest is cancelled, and finals run.

        A second time, or while finals run already, they are cancelled too.
        """
        if run.status in ENDED:
            _check(run, WorkflowStatus.CANCELLED, "cancelled", "nothing of it runs")
        run.cancelled += 2 if run.finals_begun else 1
        let_go = run.status is not WorkflowStatus.RUNNING
        self._move(run, WorkflowStatus.RUNNING)  # that it is being cancelled is kept with that
        if let_go:
            self._let_go(run)
        if run.cancelled > 1 and run.plan.finals and not run.finals_begun:
            self._call_off_finals(run, now)
        if run.cancelled > 1 or not run.finals_begun:
            self._call_off(run, ErrorType.CANCELLED, now, stop=True)
        self._look_for_end(run, now)

    def retry(self, run: Run, now: float) -> list[int]:
        """Begin anew from what failed or was cancelled in a run that has ended; those set back.

        Failures that were allowed stay; final tasks run again.
        """
        unwell = run.status in ENDED and [
            task
            for task, status in enumerate(run.tasks)
            if status in _UNWELL and not run.satisfied(task) and not self._is_part(run, task)
        ]
        if unwell == []:
            raise NothingFailed(
                f"No task of workflow {run.id} has failed; rerun one by its name.",
                workflow_id=run.id,
            )
        return self._set_back(run, unwell or [], now)

    def rerun(self, run: Run, task: int, now: float) -> list[int]:
        """Begin anew from ``task`` in a run that has ended: it and all downstream; those set back."""
        return self._set_back(run, [task], now)

    def expand(
        self,
        run: Run,
        task: int,
        attempt: int,
        children: Sequence[TaskDefinition],
        now: float,
        *,
        groups: Mapping[str, int] | None = None,
    ) -> list[int] | None:
        """The running attempt has found what it fans out to: the children's numbers.

        The task ends when they have; ``groups`` are bounds of theirs. ``None`` if it is not that attempt that runs.
        """
        if not self.is_current(run, task, attempt) or task in run.stopping:
            return None
        places = run.plan.extend(task, children)
        run.plan.groups.update(groups or {})
        run.grow()
        run.bind(self._ageing)
        if not run.plan.rules[task].slotless:
            self._release_slots_only(run, task, now)
        run.expanded[task] = len(places)
        for place in places:
            self._clear(run, place)
            run.waiting[place] = len(run.plan.needs[place])
        run.open += len(places)
        for place in places:
            if not run.waiting[place]:
                self._make_ready(run, place, now)
            else:
                self._note(run, place)
        if not places:
            self._close_fan_out(run, task, now)
            self._look_for_end(run, now)
        return places

    def signal(self, run: Run, task: int, now: float) -> bool:
        """What a waiting task waits for has come: it is completed; ``False`` if it does not wait."""
        waits = run.tasks[task] is _RUNNING and run.plan.rules[task].slotless
        if not waits or task in run.expanded or task in run.stopping:
            return False
        self._stop(run, task, StopReason.SIGNAL)
        del run.stopping[task]
        self._release(run, task, now)
        self._settle(run, task, TaskStatus.COMPLETED, now)
        self._let_dependents(run, task, now)
        self._look_for_end(run, now)
        return True

    def wind_up_again(self, run: Run) -> None:
        """After a crash: stop anew what a cancel, or a failure, was to stop."""
        if run.cancelled or (run.draining and run.plan.on_failure is OnFailure.CANCEL):
            for task, status in enumerate(run.tasks):
                spared = run.plan.is_final(task) and run.cancelled < 2  # the second time
                if status is _RUNNING and task not in run.expanded and not spared:
                    self._stop(run, task, StopReason.CANCEL)

    def stop_again(self, run: Run, cancelled: int, stopping: Mapping[str, str]) -> None:
        """After a restore: ask anew for the ends that were asked for."""
        run.cancelled = cancelled
        for task, reason in stopping.items():
            if int(task) in run.expanded:
                run.stopping[int(task)] = StopReason(reason)
            else:
                self._stop(run, int(task), StopReason(reason))

    # ---- setting back ----------------------------------------------------------------------

    def _set_back(self, run: Run, tasks: Sequence[int], now: float) -> list[int]:
        if run.status not in ENDED:
            raise IllegalTransition(
                f"Workflow {run.id} is {run.status}; only one that has ended can be begun anew.",
                workflow_id=run.id,
            )
        back = [task for task in run.downstream(tasks) if not self._is_part(run, task)]
        back += [task for task in run.plan.finals if task not in set(back)]
        for task in back:
            self._clear(run, task)
        owned = set(back)
        for child, parent in run.plan.parents.items():
            if parent in owned:
                self._retire(run, child, now)
        self._move(run, WorkflowStatus.PENDING)
        self.recount(run)
        return back

    def _is_part(self, run: Run, task: int) -> bool:
        """Whether it is a child of a fan-out, which comes back with its parent."""
        return task in run.plan.parents

    def _clear(self, run: Run, task: int) -> None:
        """As if it had never been begun, but for the number of its next attempt."""
        run.tasks[task] = _PENDING
        run.started[task] = run.ended[task] = None
        run.error_types.pop(task, None)
        run.losses.pop(task, None)
        run.next_at.pop(task, None)
        if run.attempts[task]:
            run.forgiven[task] = run.attempts[task]
        self._note(run, task)

    def _retire(self, run: Run, child: int, now: float) -> None:
        """A child whose task will fan out again; that one takes it up, or leaves it skipped."""
        run.tasks[child] = TaskStatus.SKIPPED
        run.error_types[child] = ErrorType.RETIRED
        run.ended[child] = now
        self._note(run, child)

    def recount(self, run: Run) -> None:
        """What is open, and what waits for how much, from how the tasks stand."""
        plan, tasks = run.plan, run.tasks
        run.waiting = [sum(1 for need in given if not run.satisfied(need)) for given in plan.needs]
        begun = [task for task in plan.finals if tasks[task] is not _PENDING]
        run.critical = [
            task
            for task, status in enumerate(tasks)
            if status is TaskStatus.FAILED
            and not plan.rules[task].allow_failure
            and task not in plan.parents
        ]
        run.finals_begun = bool(begun)
        ignored = set() if run.finals_begun else set(plan.finals)
        run.open = sum(
            1 for task, status in enumerate(tasks) if status not in DONE and task not in ignored
        )
        run.cancelled = 0
        run.draining = False
        run.held = []

    # ---- parts -----------------------------------------------------------------------------

    def _begin(self, run: Run, now: float) -> None:
        """Make ready all that can be."""
        if not run.open:
            self._look_for_end(run, now)
            return
        finals = run.finals_begun
        for task, status in enumerate(run.tasks):
            if status is not _PENDING or run.waiting[task]:
                continue
            if finals or not run.plan.rules[task].final:
                self._make_ready(run, task, now)
        self._skip_what_cannot_be(run, now)
        for task, at in run.deadlines.items():
            if run.tasks[task] not in DONE:
                self.timers.add(at, Due.DEADLINE, run, task, 0)
        self._look_for_end(run, now)

    def _skip_what_cannot_be(self, run: Run, now: float) -> None:
        """After a restore: what depends on a task that ended badly."""
        for task, status in enumerate(run.tasks):
            if status in DONE and not run.satisfied(task):
                self._skip_dependents(run, task, now)

    def _release_slots_only(self, run: Run, task: int, now: float) -> None:
        """A fan-out holds no slot while its children run; its timer stays."""
        if self.gate is not None:
            self.gate.left(run, task)
        self.running -= 1
        run.running -= 1
        if run.bounds is not None:
            self._enter(run.bounds.leave(task, now))

    def _call_off_finals(self, run: Run, now: float) -> None:
        for task in run.plan.finals:
            run.error_types[task] = ErrorType.CANCELLED
            run.tasks[task] = TaskStatus.CANCELLED
            run.ended[task] = now
            self._note(run, task)
        run.finals_begun = True

    def _expire(self, run: Run, task: int, now: float) -> None:
        """The deadline has come, and the task has not begun."""
        final = run.plan.rules[task].final
        if run.tasks[task] in _NOT_BEGUN and (run.finals_begun or not final):
            self._withdraw(run, task, now)
            self._fail(run, task, ErrorType.DEADLINE, now)

    def _time_out(self, run: Run, task: int) -> None:
        if task not in run.expanded:
            self._stop(run, task, StopReason.TIMEOUT)
            return
        run.stopping[task] = StopReason.TIMEOUT

    def _time_out_children(self, run: Run, task: int, now: float) -> None:
        for child in run.plan.children[task]:
            if run.tasks[child] in DONE:
                continue
            if run.tasks[child] is _RUNNING:
                self._stop(run, child, StopReason.CANCEL)
            else:
                self._cancel_unbegun(run, child, ErrorType.CANCELLED, now)

    def is_current(self, run: Run, task: int, attempt: int) -> bool:
        """Whether it is that attempt that runs; children of a fan-out run instead of it."""
        return (
            run.attempts[task] == attempt
            and run.tasks[task] is _RUNNING
            and task not in run.expanded
        )


def _check(run: Run, to: WorkflowStatus, done: str, instead: str) -> None:
    """Nothing, if the run may move there; else it is said in a person's words why not."""
    try:
        WORKFLOW_MOVES.check(run.status, to)
    except IllegalTransition as fault:
        raise IllegalTransition(
            f"Workflow {run.id} is {run.status}, so it can't be {done}: {instead}.", **fault.details
        ) from None
