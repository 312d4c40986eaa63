"""Graphs: what is wrong with them, their order, and how they are drawn."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.core.workflows import graph
from quarterdeck.core.workflows.definition import TaskDefinition, WorkflowDefinition
from quarterdeck.core.workflows.faults import DependencyError
from quarterdeck.core.workflows.graph import FaultKind
from quarterdeck.core.workflows.plan import compile_plan


@st.composite
def graphs(draw: st.DrawFn) -> dict[str, list[str]]:
    count = draw(st.integers(1, 15))
    random = Random(draw(st.integers(0, 10**6)))  # noqa: S311  # the same at every run
    needs = {
        f"t{at}": [f"t{one}" for one in range(at) if random.random() < 0.3] for at in range(count)
    }
    names = list(needs)
    random.shuffle(names)
    return {name: needs[name] for name in names}


@given(graphs())
def test_order_levels_and_layers_agree(needs: dict[str, list[str]]) -> None:
    order = graph.order(needs)
    assert sorted(order) == sorted(needs)
    levels = graph.levels(needs)
    for task, given_needs in needs.items():
        assert all(order.index(need) < order.index(task) for need in given_needs)
        assert levels[task] == max((levels[need] + 1 for need in given_needs), default=0)
    layers = graph.layers(needs)
    assert {task: at for at, layer in enumerate(layers) for task in layer} == levels


@given(graphs())
def test_levels_are_the_same_for_any_order(needs: dict[str, list[str]]) -> None:
    backwards = dict(reversed(list(needs.items())))
    assert graph.levels(needs) == graph.levels(backwards)


@given(graphs())
def test_an_order_that_will_do_is_kept(needs: dict[str, list[str]]) -> None:
    sorted_needs = {task: needs[task] for task in graph.order(needs)}
    assert graph.order(sorted_needs) == list(sorted_needs)


def test_every_fault_is_told_with_its_tasks() -> None:
    needs = {"a": ["b"], "b": ["c"], "c": ["a"], "d": ["gone", "gone"], "e": ["e"], "f": []}
    faults = [(fault.kind, fault.tasks) for fault in graph.find_faults(needs)]
    assert faults == [
        (FaultKind.UNKNOWN, ("d", "gone")),
        (FaultKind.CYCLE, ("a", "c", "b")),
        (FaultKind.CYCLE, ("e",)),
    ]
    with pytest.raises(DependencyError) as raised:
        graph.check(needs)
    assert "'gone'" in raised.value.message
    assert "a -> c -> b -> a" in raised.value.message
    assert raised.value.details["faults"][0] == {"kind": "unknown", "tasks": ["d", "gone"]}


def test_nothing_and_twice_the_same_are_faults() -> None:
    assert [fault.kind for fault in graph.find_faults({})] == [FaultKind.EMPTY]
    assert [fault.tasks for fault in graph.duplicates(["a", "b", "a"])] == [("a",)]
    with pytest.raises(DependencyError, match="no tasks"):
        graph.check({})
    with pytest.raises(DependencyError, match="wait for each other"):
        graph.order({"a": ["b"], "b": ["a"]})


def test_the_critical_path_is_the_slowest_chain() -> None:
    needs = {"a": [], "b": [], "c": ["a", "b"], "d": ["c"], "e": ["b"]}
    assert graph.critical_path(needs, {"a": 1, "b": 2, "c": 1, "d": 1, "e": 9}) == ["b", "e"]
    assert graph.critical_path(needs, {"a": 5, "c": 1, "d": 9}) == ["a", "c", "d"]
    assert graph.critical_path({}, {}) == []


def test_implied_dependencies_are_not_drawn() -> None:
    needs = {"a": [], "b": ["a"], "c": ["a", "b"]}
    assert graph.reduced(needs) == {"a": [], "b": ["a"], "c": ["b"]}


def test_layers_put_tasks_near_what_they_need() -> None:
    needs = {"a": [], "b": [], "y": ["b"], "x": ["a"]}
    assert graph.layers(needs) == [["a", "b"], ["x", "y"]]


def task(task_id: str, *needs: str, final: bool = False) -> TaskDefinition:
    return TaskDefinition(task_id, "a", "x", needs, final=final)


def test_plans_have_numbers_for_names_and_leave_out_what_finals_wait_for_anyway() -> None:
    tasks = [
        task("end", "b", "b2", final=True),
        task("b", "a", "a"),
        task("a"),
        task("b2", "end2", final=True),
        task("end2", final=True),
    ]
    plan = compile_plan(WorkflowDefinition("w", tasks))
    assert plan.ids == ["end", "b", "a", "b2", "end2"]
    assert plan.needs == [(3,), (2,), (), (4,), ()]
    assert plan.dependents == [[], [], [1], [0], [3]]
    assert plan.finals == [0, 3, 4]


@pytest.mark.parametrize(
    ("tasks", "words"),
    [
        ([], "no tasks"),
        ([task("a"), task("a")], "2 tasks have the id 'a'"),
        ([task("a", "b")], "depends on 'b'"),
        ([task("a", "b"), task("b", "a")], "a -> b -> a"),
        ([task("a", "f"), task("f", final=True)], "final task 'f'"),
    ],
)
def test_what_can_not_be_run_is_no_plan(tasks: list[TaskDefinition], words: str) -> None:
    with pytest.raises(DependencyError, match=words):
        compile_plan(WorkflowDefinition("w", tasks))


def test_children_are_appended_and_taken_up_again_by_name() -> None:
    plan = compile_plan(WorkflowDefinition("w", [task("each"), task("other")]))
    assert plan.extend(0, [task("c0"), task("c1", "c0")]) == [2, 3]
    assert plan.extend(0, [task("c1"), task("c2")]) == [3, 4]
    assert plan.children == {0: [2, 3, 4]}
    assert plan.needs[3] == ()
    for bad in ([task("other")], [task("x", "nowhere")], [task("y", final=True)], [task("z")] * 2):
        with pytest.raises(DependencyError):
            plan.extend(0, bad)
    assert len(plan) == 5
