"""A workflow compiled: tasks are numbers, dependents are tuples of numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from ..base.priority import Priority
from ..base.retry import RetryPolicy
from .definition import OnFailure, TaskDefinition, WorkflowDefinition
from .faults import DependencyError
from .graph import check, duplicates, refuse


class TaskRules(Protocol):
    """What the machine reads of a task; a ``TaskDefinition`` has all of it."""

    @property
    def retry_policy(self) -> RetryPolicy | None:
        """None: the plan's."""
        ...

    @property
    def timeout(self) -> float | None:
        """Seconds for each attempt."""
        ...

    @property
    def allow_failure(self) -> bool:
        """Whether dependents run after a failure."""
        ...

    @property
    def priority(self) -> Priority:
        """Urgency among those ready."""
        ...

    @property
    def deadline(self) -> datetime | None:
        """When it must have begun."""
        ...

    @property
    def group(self) -> str | None:
        """Whose bound it shares."""
        ...

    @property
    def slotless(self) -> bool:
        """Whether it only waits."""
        ...

    @property
    def final(self) -> bool:
        """Whether it runs when the others have ended."""
        ...

    @property
    def placed(self) -> bool:
        """Whether it runs on an agent, and takes a slot there."""
        ...


@dataclass(frozen=True, slots=True)
class PlainRules:
    """The rules of a task that asks for nothing special."""

    retry_policy: RetryPolicy | None = None
    timeout: float | None = None
    allow_failure: bool = False
    priority: Priority = Priority.NORMAL
    deadline: datetime | None = None
    group: str | None = None
    slotless: bool = False
    final: bool = False
    placed: bool = False


PLAIN = PlainRules()


@dataclass(slots=True, eq=False)
class Plan:
    """What the machine runs. Lists are by task; ``extend`` makes them longer, nothing else does.

    ``needs`` and ``dependents`` leave out what a final task needs of others than finals: those
    have ended when it is begun. ``special`` is true where anything but the plainest way may be
    wanted. ``parents`` maps a child of a fan-out to its task, ``children`` the other way.
    """

    ids: list[str]
    index: dict[str, int]
    needs: list[tuple[int, ...]]
    dependents: list[list[int]]
    rules: list[TaskRules]
    special: list[bool]
    finals: list[int] = field(default_factory=list)
    parents: dict[int, int] = field(default_factory=dict)
    children: dict[int, list[int]] = field(default_factory=dict)
    policy: RetryPolicy | None = None
    on_failure: OnFailure = OnFailure.CONTINUE
    limit: int | None = None
    groups: dict[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.ids)

    def is_final(self, task: int) -> bool:
        """Whether it runs when all others have ended, or is a part of one that does."""
        if self.parents:
            task = self.parents.get(task, task)
        return self.rules[task].final

    def extend(self, parent: int, children: Sequence[TaskDefinition]) -> list[int]:
        """Append the children of a fan-out; one whose id is there already takes that place.

        They may depend on each other, not on other tasks.

        :raises DependencyError: if they can't be run, or an id belongs to another task.
        """
        check_children(self, parent, children)
        for child in children:
            if child.task_id not in self.index:
                self.index[child.task_id] = len(self.ids)
                self.ids.append(child.task_id)
                self.needs.append(())
                self.dependents.append([])
                self.rules.append(PLAIN)
                self.special.append(False)
        places = [self.index[child.task_id] for child in children]
        known = self.children.setdefault(parent, [])
        for place in places:
            if place not in self.parents:
                known.append(place)
            self.parents[place] = parent
            self.dependents[place] = []
        for place, child in zip(places, children, strict=True):
            self.rules[place] = child
            self.special[place] = is_special(child)
            self.needs[place] = tuple(
                self.index[need] for need in dict.fromkeys(child.dependencies)
            )
            for need in self.needs[place]:
                self.dependents[need].append(place)
        return places


def check_children(plan: Plan, parent: int, children: Sequence[TaskDefinition]) -> None:
    """Nothing, if ``children`` may become those of ``parent``.

    :raises DependencyError: if not.
    """
    if not children:
        return
    refuse(duplicates(child.task_id for child in children))
    check({child.task_id: child.dependencies for child in children})
    for child in children:
        place = plan.index.get(child.task_id)
        if child.final or (place is not None and plan.parents.get(place) != parent):
            raise DependencyError(
                f"{child.task_id!r} can't be a part of {plan.ids[parent]!r}: "
                "it is final, or another task has its id.",
                task=child.task_id,
            )


def is_special(rules: TaskRules) -> bool:
    """Whether a task needs more than the plainest way to its start."""
    return bool(
        rules.slotless
        or rules.placed
        or rules.group is not None
        or rules.timeout is not None
        or rules.deadline is not None
        or rules.priority is not Priority.NORMAL
    )


def plan_of(needs: Mapping[str, Sequence[str]], rules: Sequence[TaskRules] | None = None) -> Plan:
    """The plan of plain tasks, or of those with ``rules`` in the same order.

    :raises DependencyError: if the graph can't be run.
    """
    ids = list(needs)
    index = dict(zip(ids, range(len(ids)), strict=True))
    try:
        edges = [tuple([index[need] for need in given]) for given in needs.values()]
    except KeyError:
        check(needs)
        raise
    edges = [given if len(given) < 2 else tuple(dict.fromkeys(given)) for given in edges]
    dependents: list[list[int]] = [[] for _ in ids]
    for task, given in enumerate(edges):
        for need in given:
            dependents[need].append(task)
    if not ids or not _runs_out(edges, dependents):
        check(needs)
    if rules is None:
        return Plan(ids, index, edges, dependents, [PLAIN] * len(ids), [False] * len(ids))
    plan = Plan(ids, index, edges, dependents, list(rules), [is_special(one) for one in rules])
    _set_finals(plan)
    return plan


def compile_plan(definition: WorkflowDefinition) -> Plan:
    """The plan of a definition.

    A group that the definition does not bound runs one task at a time.

    :raises DependencyError: for duplicate ids, unknown dependencies, cycles, no tasks at all,
        and a task that needs a final one.
    """
    tasks = definition.tasks
    refuse(duplicates(task.task_id for task in tasks))
    plan = plan_of({task.task_id: task.dependencies for task in tasks}, tasks)
    plan.policy = definition.retry_policy
    plan.on_failure = definition.on_failure
    plan.limit = definition.limit
    plan.groups = dict(definition.groups)
    return plan


def _set_finals(plan: Plan) -> None:
    """Take out what finals need of others; they wait for all of them anyway."""
    rules = plan.rules
    plan.finals = [task for task, one in enumerate(rules) if one.final]
    if not plan.finals:
        return
    for task, given in enumerate(plan.needs):
        for need in given:
            if rules[need].final and not rules[task].final:
                raise DependencyError(
                    f"Task {plan.ids[task]!r} depends on the final task {plan.ids[need]!r}, "
                    "which runs when all others have ended.",
                    task=plan.ids[task],
                )
    for task in plan.finals:
        for need in plan.needs[task]:
            if not rules[need].final:
                plan.dependents[need].remove(task)
        plan.needs[task] = tuple(need for need in plan.needs[task] if rules[need].final)


def _runs_out(edges: Sequence[tuple[int, ...]], dependents: Sequence[Sequence[int]]) -> bool:
    """Whether all tasks can be reached in order, so that there is no cycle."""
    waiting = [len(given) for given in edges]
    ready = [task for task, count in enumerate(waiting) if not count]
    for task in ready:
        for follower in dependents[task]:
            waiting[follower] -= 1
            if not waiting[follower]:
                ready.append(follower)
    return len(ready) == len(edges)
