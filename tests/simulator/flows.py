"""Random workflows of every kind of task: kept children, fan-outs, nested ones, people, events."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

from tests.core.workflows.play import random_definition

from quarterdeck.core.workflows.context import FanOut
from quarterdeck.core.workflows.definition import TaskDefinition, WorkflowDefinition

WORK, KEPT, FAN, NESTED, GATE, EVENT = "x", "kept", "fan", "nested", "approve", "wait_for"
CHOICES = {"approve": "Yes", "reject": "No"}
_KINDS = [WORK] * 5 + [KEPT] * 3 + [FAN, NESTED, GATE, EVENT]


def rich_definition(random: Random, *, most: int = 7, nest: bool = True) -> WorkflowDefinition:
    """A random workflow whose tasks are of random kinds."""
    found = random_definition(random, most=most)
    tasks = [_of_kind(random.choice(_KINDS), one) if nest else one for one in found.tasks]
    return replace(found, tasks=tasks)


def children_of(random: Random, task: TaskDefinition) -> FanOut:
    """What a fan-out finds: none, one or a few, of both kinds of work."""
    each = [
        TaskDefinition(
            f"{task.task_id}[{at}]",
            "a",
            random.choice([WORK, KEPT]),
            allow_failure=random.random() < 0.2,
            timeout=random.choice([None, 5.0]),
            group="each",
        )
        for at in range(random.choice([0, 1, 2, 3]))
    ]
    return FanOut(each, random.choice([{}, {"each": 1}]))


def _of_kind(kind: str, task: TaskDefinition) -> TaskDefinition:
    waits = kind in {NESTED, GATE, EVENT}
    metadata: dict[str, dict[str, Any]] = {
        GATE: {"question": "Go on?", "choices": CHOICES},
        EVENT: {"signal": f"of {task.task_id}"},
    }
    return replace(
        task,
        agent_type=kind,
        slotless=waits or (task.slotless and kind == WORK),
        metadata=metadata.get(kind, {}),
    )
