"""How attempts and tasks end, and what follows: retries, losses, those that waited for them."""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter, deque
from dataclasses import replace
from typing import Any

from ..base.clock import Random
from ..base.retry import RetryPolicy
from .ageing import Ageing
from .decisions import Decision, ErrorType, Stop
from .items import Agent, Item
from .model import ENDED, Task, TaskSchedulerConfig, TaskState
from .placing import Placing
from .timers import Due, Timers

S = TaskState


class Endings:
    """The half of the machine that ends things. Slots are given back in one place: ``_release``."""

    config: TaskSchedulerConfig
    items: dict[str, Item]
    placing: Placing
    timers: Timers[Item]
    ageing: Ageing
    decisions: list[Decision]
    running: int
    waiting: int
    counts: Counter[str]
    ended_counts: Counter[TaskState]
    _kept: deque[str]
    _random: Random

    @abstractmethod
    def _move(self, item: Item, state: TaskState) -> None: ...

    def _policy(self, task: Task) -> RetryPolicy:
        policy = task.retry_policy or self.config.retry_policy
        return (
            policy if task.retry_count is None else replace(policy, max_attempts=task.retry_count)
        )

    def _schedule(self, item: Item, now: float) -> None:
        self._move(item, S.SCHEDULED)
        self.placing.queue(item)
        self.ageing.enter(item, now)

    def _release(self, item: Item) -> Agent | None:
        self.timers.call_off(item.clock_timer)
        item.clock_timer = None
        agent = self.placing.release(item)
        if agent is not None:
            self.running -= 1
            self.waiting += 1
        return agent

    def _attempt_ended(
        self,
        item: Item,
        now: float,
        result: Any,
        error: str | None,
        error_type: str | None,
        *,
        retry: bool,
    ) -> None:
        stopping = item.stopping
        agent = self._release(item)
        good = error_type is None and stopping is None
        if agent is not None:
            agent.completed += good
            agent.failed += not good
        if good:
            item.task.result = result
            item.task.error = item.task.error_type = None
            self._end(item, S.COMPLETED, now)
        elif stopping == ErrorType.CANCELLED:
            self._end(item, S.CANCELLED, now, error_type=ErrorType.CANCELLED)
        elif stopping is not None:
            text = (
                f"It took longer than {item.timeout:g} s." if item.timeout else "It took too long."
            )
            self._again_or_end(item, S.TIMEOUT, now, text, ErrorType.TIMEOUT, retry=True)
        else:
            self._again_or_end(item, S.FAILED, now, error, error_type, retry=retry)

    def _again_or_end(
        self,
        item: Item,
        state: TaskState,
        now: float,
        error: str | None,
        error_type: str | None,
        *,
        retry: bool,
    ) -> None:
        spent = item.task.attempt - item.losses
        at = now + item.policy.delay(spent, self._random)
        if not retry or not item.policy.allows(spent) or at >= item.deadline:
            self._end(item, state, now, error=error, error_type=error_type)
            return
        self.counts["retried"] += 1
        item.task.error, item.task.error_type = error, error_type
        self._move(item, S.RETRYING)
        item.clock_timer = self.timers.add(at, Due.RETRY, item)

    def _lose_all(self, agent: Agent, now: float) -> None:
        for item in list(agent.running.values()):
            agent.lost += 1
            self._lose(item, now)

    def _lose(self, item: Item, now: float) -> None:
        """Its agent is gone: again elsewhere, but not for ever."""
        self.counts["lost"] += 1
        self.decisions.append(Stop(item.task, item.task.attempt))
        cancelled = item.stopping == ErrorType.CANCELLED
        name = item.task.assigned_agent
        self._release(item)
        item.losses += 1
        if cancelled:
            self._end(item, S.CANCELLED, now, error_type=ErrorType.CANCELLED)
            return
        self._move(item, S.LOST)
        if item.losses > self.config.max_losses:
            text = f"It was lost {item.losses} times, the last time with the agent {name!r}."
            self._end(item, S.FAILED, now, error=text, error_type=ErrorType.LOSSES)
        elif item.deadline <= now:
            self._past_deadline(item, now)
        else:
            self._schedule(item, now)

    def _past_deadline(self, item: Item, now: float) -> None:
        """A task that waits past its deadline ends; one that runs may go on to its end."""
        if item.agent is None and item.task.state not in ENDED:
            text = "Its deadline passed before an agent took it."
            self._end(item, S.TIMEOUT, now, error=text, error_type=ErrorType.DEADLINE)

    def _fail_for(self, item: Item, needed: Task, now: float) -> None:
        text = f"The task {needed.task_id}, which it waits for, ended as {needed.state}."
        self._end(item, S.FAILED, now, error=text, error_type=ErrorType.DEPENDENCY)

    def _end(
        self,
        item: Item,
        state: TaskState,
        now: float,
        *,
        error: str | None = None,
        error_type: str | None = None,
    ) -> None:
        """Record the end, and let go on, or fail, whatever waited for it."""
        ends = deque([(item, state, error, error_type)])
        while ends:
            one, new, text, kind = ends.popleft()
            if one.task.state in ENDED:
                continue
            self._settle(one, new, text, kind)
            for other in one.dependents:
                if new is S.COMPLETED:
                    self._satisfy(other, one, now)
                else:
                    why = f"The task {one.task.task_id}, which it waits for, ended as {new}."
                    ends.append((other, S.FAILED, why, ErrorType.DEPENDENCY))
            one.dependents = []

    def _satisfy(self, item: Item, needed: Item, now: float) -> None:
        item.needed.discard(needed.task.task_id)
        if not item.needed and item.task.state is S.PENDING:
            self._schedule(item, now)

    def _settle(self, item: Item, state: TaskState, error: str | None, kind: str | None) -> None:
        self.placing.unqueue(item)
        for timer in (item.clock_timer, item.deadline_timer):
            self.timers.call_off(timer)
        item.clock_timer = item.deadline_timer = None
        self.waiting -= 1
        if state is not S.COMPLETED:
            item.task.error = error or item.task.error
            item.task.error_type = kind
        self.ended_counts[state] += 1
        self._move(item, state)
        self._kept.append(item.task.task_id)
        if len(self._kept) > self.config.max_kept_tasks:
            del self.items[self._kept.popleft()]
