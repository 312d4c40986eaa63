"""What follows from the end of an attempt: retries, failures, skipping, the end of the run."""

from __future__ import annotations

from math import inf

from ..definition import OnFailure
from ..statuses import DONE, TaskStatus, WorkflowStatus
from .dispatching import Dispatching
from .reasons import ErrorType, StopReason
from .run import Run
from .timers import Due

_PENDING = TaskStatus.PENDING
_READY = TaskStatus.READY
_RUNNING = TaskStatus.RUNNING
_RETRYING = TaskStatus.RETRYING


class Endings(Dispatching):
    """Ends of attempts, of tasks and of runs."""

    def _settle(self, run: Run, task: int, status: TaskStatus, now: float) -> None:
        """A task has reached its end; what that means for the others is the caller's."""
        if run.tasks[task] is _RETRYING:
            self.timers.forget_one()
            run.next_at.pop(task, None)
        run.tasks[task] = status
        run.ended[task] = now
        if not run.changed:  # as in _note, without its call
            self._touched.append(run)
        run.changed.append(task)
        if task in run.deadlines:
            self.timers.forget_one()
        parent = run.plan.parents.get(task) if run.plan.parents else None
        run.open -= 1
        if parent is not None and parent in run.expanded:
            self._child_ended(run, parent, now)

    def _let_dependents(self, run: Run, task: int, now: float) -> None:
        """One more of what they need is there."""
        waiting = run.waiting
        for follower in run.plan.dependents[task]:
            left = waiting[follower] - 1
            waiting[follower] = left
            if not left and run.tasks[follower] is _PENDING:
                self._make_ready(run, follower, now)

    def _retry_or_fail(
        self, run: Run, task: int, error_type: str, now: float, *, retry: bool
    ) -> None:
        """An attempt has failed, and has given its slots back."""
        rules = run.plan.rules[task]
        policy = rules.retry_policy or run.plan.policy
        tries = run.tries(task)
        if retry and policy and policy.allows(tries) and not self._winding_up(run, task):
            at = now + policy.delay(tries, self._random)
            if at < run.deadlines.get(task, inf):
                run.error_types[task] = error_type
                self._wait_for_retry(run, task, at, now)
                return
        self._fail(run, task, error_type, now)

    def _winding_up(self, run: Run, task: int) -> bool:
        final = run.plan.is_final(task)
        return run.cancelled > int(final) or (run.draining and not final)

    def _wait_for_retry(self, run: Run, task: int, at: float, now: float) -> None:
        if at <= now:
            self._make_ready(run, task, now)
            return
        run.tasks[task] = _RETRYING
        run.next_at[task] = at
        run.ended[task] = now
        self._note(run, task)
        self.timers.add(at, Due.RETRY, run, task, run.attempts[task])

    def _begin_again(self, run: Run, task: int, now: float) -> None:
        """Another attempt, through no fault of the task; not when its deadline is over."""
        if now < run.deadlines.get(task, inf):
            self._make_ready(run, task, now)
        else:
            self._fail(run, task, ErrorType.DEADLINE, now)

    def _fail(self, run: Run, task: int, error_type: str, now: float) -> None:
        """A task has failed for good."""
        run.error_types[task] = error_type
        self._settle(run, task, TaskStatus.FAILED, now)
        if run.plan.rules[task].allow_failure:
            self._let_dependents(run, task, now)
        else:
            self._skip_dependents(run, task, now)
            if task not in run.plan.parents:
                run.critical.append(task)
                self._apply_policy(run, task, now)

    def _skip_dependents(self, run: Run, task: int, now: float) -> None:
        pending = list(run.plan.dependents[task])
        while pending:
            one = pending.pop()
            if run.tasks[one] is _PENDING:
                run.error_types[one] = ErrorType.DEPENDENCY
                self._settle(run, one, TaskStatus.SKIPPED, now)
                pending += run.plan.dependents[one]

    def _apply_policy(self, run: Run, task: int, now: float) -> None:
        policy = run.plan.on_failure
        if policy is OnFailure.CONTINUE or run.draining or run.plan.rules[task].final:
            return
        run.draining = True
        self._move(run, run.status)  # so that it is kept
        self._call_off(run, ErrorType.DRAINED, now, stop=policy is OnFailure.CANCEL)

    def _call_off(self, run: Run, error_type: str, now: float, *, stop: bool) -> None:
        """Nothing more is begun; with ``stop`` what runs is ended.

        Finals are left alone until they have their turn.
        """
        for task, status in enumerate(run.tasks):
            if status in DONE or (not run.finals_begun and run.plan.is_final(task)):
                continue
            if status is not _RUNNING:
                self._cancel_unbegun(run, task, error_type, now)
            elif stop and task not in run.expanded:
                self._stop(run, task, StopReason.CANCEL)

    def _cancel_unbegun(self, run: Run, task: int, error_type: str, now: float) -> None:
        if run.tasks[task] in DONE:
            return
        self._withdraw(run, task, now)
        run.error_types[task] = error_type
        self._settle(run, task, TaskStatus.CANCELLED, now)

    # ---- stopped attempts ------------------------------------------------------------------

    def _ended_by_stop(self, run: Run, task: int, reason: StopReason, now: float) -> None:
        """An attempt has ended because it was asked to, and has given its slots back."""
        if reason is StopReason.TIMEOUT:
            self._retry_or_fail(run, task, ErrorType.TIMEOUT, now, retry=True)
        elif reason is StopReason.INTERRUPT and not self._winding_up(run, task):
            run.forgiven[task] = run.forgiven.get(task, 0) + 1
            self._begin_again(run, task, now)
        else:
            run.error_types[task] = ErrorType.CANCELLED
            self._settle(run, task, TaskStatus.CANCELLED, now)
            if not self._winding_up(run, task):
                self._skip_dependents(run, task, now)

    # ---- fan-outs --------------------------------------------------------------------------

    def _child_ended(self, run: Run, parent: int, now: float) -> None:
        run.expanded[parent] -= 1
        if not run.expanded[parent]:
            self._close_fan_out(run, parent, now)

    def _close_fan_out(self, run: Run, parent: int, now: float) -> None:
        """All children have ended, and so has their task."""
        del run.expanded[parent]
        reason = run.stopping.pop(parent, None)
        if run.plan.rules[parent].timeout is not None:
            self.timers.forget_one()
        if reason is StopReason.TIMEOUT:
            self._fail(run, parent, ErrorType.TIMEOUT, now)
            return
        unwell = [child for child in run.plan.children[parent] if not run.satisfied(child)]
        if not unwell:
            self._settle(run, parent, TaskStatus.COMPLETED, now)
            self._let_dependents(run, parent, now)
        elif any(run.tasks[child] is TaskStatus.FAILED for child in unwell):
            self._fail(run, parent, ErrorType.CHILDREN, now)
        else:
            self._ended_by_stop(run, parent, StopReason.CANCEL, now)

    # ---- the run ---------------------------------------------------------------------------

    def _look_for_end(self, run: Run, now: float) -> None:
        """After any event: finals when the others have ended, and the end when they have."""
        while not run.open:
            if run.plan.finals and not run.finals_begun:
                self._begin_finals(run, now)
            else:
                self._end(run)
                return

    def _begin_finals(self, run: Run, now: float) -> None:
        run.finals_begun = True
        for task in run.plan.finals:
            run.open += run.tasks[task] not in DONE
            if task in run.deadlines:
                self.timers.add(run.deadlines[task], Due.DEADLINE, run, task, 0)
        for task in run.plan.finals:
            if run.tasks[task] is _PENDING and not run.waiting[task]:
                self._make_ready(run, task, now)

    def _end(self, run: Run) -> None:
        if run.cancelled:
            status = WorkflowStatus.CANCELLED
        elif run.critical:
            status = WorkflowStatus.FAILED
        elif self._is_cut_short(run):
            status = WorkflowStatus.CANCELLED
        else:
            status = WorkflowStatus.COMPLETED
        self._move(run, status)
        self._ended.append(run)

    @staticmethod
    def _is_cut_short(run: Run) -> bool:
        """Whether a task stayed cancelled, in a run that was begun anew from another one."""
        return TaskStatus.CANCELLED in run.tasks and any(
            status is TaskStatus.CANCELLED and task not in run.plan.parents
            for task, status in enumerate(run.tasks)
        )
