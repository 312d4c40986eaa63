"""The scheduler's machine: told what happens, it decides what to start and stop. It does no I/O.

Every ``now`` is seconds of one clock that never goes back. Decisions are taken with ``decide``.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from typing import Any

from ..base.clock import Random
from . import faults as f
from .ageing import Ageing
from .decisions import Changed, Decision, ErrorType, Start, Stop
from .endings import Endings
from .items import Agent, Item
from .model import ENDED, MOVES, AgentCapacity, Task, TaskSchedulerConfig, TaskState
from .placing import Placing
from .strategies import strategy
from .timers import Due, Timers

S = TaskState


class Machine(Endings):
    """All tasks and agents of one scheduler."""

    def __init__(self, config: TaskSchedulerConfig, random: Random) -> None:
        self.config = config
        self.items: dict[str, Item] = {}
        self.placing = Placing(strategy(config.load_balance_strategy, random))
        self.timers: Timers[Item] = Timers()
        self.ageing = Ageing(config.ageing_seconds)
        self.decisions: list[Decision] = []
        self.running = 0
        self.waiting = 0
        self.counts: Counter[str] = Counter()
        self.ended_counts: Counter[TaskState] = Counter()
        self._kept: deque[str] = deque()
        self._beats: OrderedDict[str, Agent] = OrderedDict()
        self._sequence = 0
        self._random = random

    # ---- agents ----------------------------------------------------------------------------

    def add_agent(self, capacity: AgentCapacity, now: float) -> None:
        """Take in an agent.

        :raises AgentKnown: if one with that id is there.
        :raises AgentInvalid: if it has no slot, or a negative score.
        """
        if capacity.agent_id in self.placing.agents:
            raise f.AgentKnown(
                f"The agent {capacity.agent_id!r} is registered already; unregister it first.",
                agent_id=capacity.agent_id,
            )
        if capacity.max_concurrent_tasks < 1 or not capacity.performance_score >= 0:
            raise f.AgentInvalid(
                f"The agent {capacity.agent_id!r} needs max_concurrent_tasks of 1 or more and a "
                "performance_score of 0 or more."
            )
        agent = self.placing.add_agent(capacity)
        agent.seen = now
        self._beats[agent.id] = agent

    def remove_agent(self, agent_id: str, now: float) -> None:
        """An agent leaves; what it ran is LOST, and scheduled again.

        :raises AgentUnknown: if there is none with that id.
        """
        agent = self._agent(agent_id)
        agent.alive = False
        agent.look()
        self._beats.pop(agent_id, None)
        self._lose_all(agent, now)
        self.placing.remove_agent(agent)

    def beat(self, agent_id: str, now: float) -> None:
        """An agent gives a sign of life.

        :raises AgentUnknown: if there is none with that id.
        """
        agent = self._agent(agent_id)
        agent.seen = now
        agent.alive = True
        self._beats[agent_id] = agent
        self._beats.move_to_end(agent_id)
        self.placing.look_at(agent)

    # ---- tasks -----------------------------------------------------------------------------

    def add(self, task: Task, now: float, *, deadline: float | None = None) -> None:
        """Take in a task; ``deadline`` is in the machine's time.

        :raises TaskKnown: if one with that id is there.
        :raises SchedulerFull: if ``max_queue_size`` tasks wait.
        :raises DependencyUnknown: if it waits for one that is not there.
        """
        self._check(task)
        self._sequence += 1
        item = Item(task, self._sequence, self._policy(task))
        item.timeout = task.timeout_seconds or self.config.default_timeout_seconds
        item.need = self.placing.need_of(task)
        self.items[task.task_id] = item
        self.waiting += 1
        task.state = S.PENDING
        if deadline is not None:
            item.deadline = deadline
            item.deadline_timer = self.timers.add(deadline, Due.DEADLINE, item)
        self._tie(item, now)

    def cancel(self, task_id: str, now: float) -> bool:
        """Cancel a task wherever it stands; ``False`` if it has ended.

        :raises TaskUnknown: if there is none with that id.
        """
        item = self.item(task_id)
        if item.task.state in ENDED:
            return False
        if item.agent is not None:
            self._stop(item, ErrorType.CANCELLED, now)
        else:
            self._end(item, S.CANCELLED, now, error_type=ErrorType.CANCELLED)
        return True

    def ended(
        self,
        task_id: str,
        attempt: int,
        now: float,
        *,
        result: Any = None,
        error: str | None = None,
        error_type: str | None = None,
        retry: bool = True,
    ) -> bool:
        """An attempt has ended, well if there is no ``error_type``.

        ``False``, and nothing, if it is not the one that runs. Without ``retry`` a failure is final.
        """
        item = self.items.get(task_id)
        if item is None or item.agent is None or item.task.attempt != attempt:
            return False
        self._attempt_ended(item, now, result, error, error_type, retry=retry)
        return True

    def tick(self, now: float) -> None:
        """Time has passed: agents are silent, attempts too long, retries due, deadlines over."""
        self._look_for_silence(now)
        for timer in self.timers.due(now):
            item = timer.item
            if timer.due is Due.DEADLINE:
                self._past_deadline(item, now)
            elif timer.due is Due.RETRY:
                self._schedule(item, now)
            elif timer.due is Due.TIMEOUT:
                self._stop(item, ErrorType.TIMEOUT, now)
            else:
                self.counts["abandoned"] += 1
                self._attempt_ended(item, now, None, None, None, retry=True)

    def decide(self, now: float) -> list[Decision]:
        """Place what can be placed; all decisions since the last call, in their order."""
        for item in self.ageing.risen(now):
            self.placing.queue(item)
            self.ageing.enter(item, now)
        while self.running < self.config.max_concurrent_tasks:
            found = self.placing.next()
            if found is None:
                break
            self._start(*found, now)
        taken, self.decisions = self.decisions, []
        return taken

    @property
    def next_at(self) -> float | None:
        """When ``tick`` has something to do next."""
        limit = self.config.heartbeat_timeout_seconds
        at = self.timers.next_at
        if limit is None or not self._beats:
            return at
        silent = next(iter(self._beats.values())).seen + limit
        return silent if at is None else min(at, silent)

    def item(self, task_id: str) -> Item:
        """The task with that id.

        :raises TaskUnknown: if there is none.
        """
        found = self.items.get(task_id)
        if found is None:
            raise f.TaskUnknown(
                f"No task has the id {task_id!r}, or it ended long ago.", task_id=task_id
            )
        return found

    # ---- parts -----------------------------------------------------------------------------

    def _agent(self, agent_id: str) -> Agent:
        found = self.placing.agents.get(agent_id)
        if found is None:
            raise f.AgentUnknown(f"No agent is registered as {agent_id!r}.", agent_id=agent_id)
        return found

    def _check(self, task: Task) -> None:
        if task.task_id in self.items:
            raise f.TaskKnown(
                f"The task {task.task_id} was scheduled before; make a new one.",
                task_id=task.task_id,
            )
        if self.waiting >= self.config.max_queue_size:
            self.counts["refused"] += 1
            raise f.SchedulerFull(
                f"{self.waiting} tasks wait, as many as may; try again when some have ended, or raise "
                "max_queue_size.",
                waiting=self.waiting,
            )
        for needed in task.dependencies:
            if needed not in self.items:
                raise f.DependencyUnknown(
                    f"The task {task.task_id} waits for {needed!r}, which was not scheduled before it.",
                    task_id=task.task_id,
                    dependency=needed,
                )

    def _tie(self, item: Item, now: float) -> None:
        """Let it wait for its dependencies, or schedule it."""
        for needed in dict.fromkeys(item.task.dependencies):
            other = self.items[needed]
            if other.task.state is S.COMPLETED:
                continue
            if other.task.state in ENDED:
                self._fail_for(item, other.task, now)
                return
            item.needed.add(needed)
            other.dependents.append(item)
        if not item.needed:
            self._schedule(item, now)

    def _start(self, item: Item, agent: Agent, now: float) -> None:
        task = item.task
        self.placing.occupy(item, agent)
        self.running += 1
        self.waiting -= 1
        task.attempt += 1
        task.assigned_agent = agent.id
        item.stopping = None
        if item.timeout is not None:
            item.clock_timer = self.timers.add(now + item.timeout, Due.TIMEOUT, item)
        self._move(item, S.RUNNING)
        self.decisions.append(Start(task, task.attempt))

    def _look_for_silence(self, now: float) -> None:
        limit = self.config.heartbeat_timeout_seconds
        while limit is not None and self._beats:
            agent = next(iter(self._beats.values()))
            if agent.seen + limit > now:
                return
            del self._beats[agent.id]
            agent.alive = False
            agent.look()
            self._lose_all(agent, now)

    def _move(self, item: Item, state: TaskState) -> None:
        item.task.state = MOVES.check(item.task.state, state)
        self.decisions.append(Changed(item.task, state))

    def _stop(self, item: Item, reason: ErrorType, now: float) -> None:
        """Ask for the attempt's end; a wish to cancel outweighs a time that ran out."""
        if item.stopping is None:
            self.timers.call_off(item.clock_timer)
            item.clock_timer = self.timers.add(
                now + self.config.stop_grace_seconds, Due.GRACE, item
            )
            self.decisions.append(Stop(item.task, item.task.attempt))
        if item.stopping is None or reason is ErrorType.CANCELLED:
            item.stopping = reason
