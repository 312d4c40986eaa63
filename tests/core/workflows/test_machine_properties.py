"""What holds for every graph, every limit, every course of events."""

from __future__ import annotations

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.workflows.play import Play, random_definition

from quarterdeck.core.workflows.definition import WorkflowDefinition
from quarterdeck.core.workflows.machine import Machine, Outcome
from quarterdeck.core.workflows.plan import compile_plan

SEEDS = st.integers(0, 2**32)
LIMITS = st.sampled_from([None, 1, 2, 4])


@settings(max_examples=300, deadline=None)
@given(SEEDS, LIMITS)
def test_limits_order_and_ends_hold_whatever_happens(seed: int, limit: int | None) -> None:
    random = Random(seed)  # noqa: S311  # the same at every run
    play = Play(random, random_definition(random), limit)
    play.to_the_end()
    assert set(play.terminal) <= set(play.plan.ids)
    assert set(play.terminal.values()) <= {1}


@settings(max_examples=150, deadline=None)
@given(SEEDS, LIMITS)
def test_without_steering_every_task_ends_exactly_once(seed: int, limit: int | None) -> None:
    random = Random(seed)  # noqa: S311  # the same at every run
    play = Play(random, random_definition(random), limit)
    play.to_the_end(steering=False)
    assert dict(play.terminal) == dict.fromkeys(play.plan.ids, 1)


@settings(max_examples=150, deadline=None)
@given(SEEDS, LIMITS)
def test_the_result_does_not_depend_on_the_order_of_the_tasks(seed: int, limit: int | None) -> None:
    random = Random(seed)  # noqa: S311  # the same at every run
    definition = random_definition(random, plain=True)
    failing = {task.task_id for task in definition.tasks if random.random() < 0.2}
    tasks = list(definition.tasks)
    results = []
    for _ in range(3):
        random.shuffle(tasks)
        results.append(_results(WorkflowDefinition("w", tasks), failing, limit))
    assert results[0] == results[1] == results[2]


def _results(definition: WorkflowDefinition, failing: set[str], limit: int | None) -> object:
    machine = Machine(limit)
    plan = compile_plan(definition)
    run = machine.add("w", plan)
    machine.start(run, 0.0)
    while (start := machine.take(0.0)) is not None:
        _, task, attempt = start
        outcome = Outcome.FAILED if plan.ids[task] in failing else Outcome.SUCCEEDED
        machine.ended(run, task, attempt, outcome, 0.0)
    return run.status, {name: run.tasks[task] for name, task in plan.index.items()}


@settings(max_examples=100, deadline=None)
@given(SEEDS)
def test_a_retry_begins_again_exactly_what_did_not_end_well(seed: int) -> None:
    random = Random(seed)  # noqa: S311  # the same at every run
    play = Play(random, random_definition(random, plain=True))
    play.to_the_end(steering=False)
    if play.run.status != "failed":
        return
    well = {name for name, task in play.plan.index.items() if play.run.satisfied(task)}
    play.machine.retry(play.run, play.now)
    play.starts.clear()
    play.ended = 0
    play.seen = list(play.run.tasks)
    play.to_the_end(steering=False)
    assert well.isdisjoint(play.starts)
