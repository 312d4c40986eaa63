"""What the stores share: every change is known to each, in statements that fit its schema."""

from __future__ import annotations

import re
from typing import get_args

import pytest
from tests.store_conformance.workflow_make import START, MakeFlow

from quarterdeck.core.engine.records import Change
from quarterdeck.core.workflows.records import Lease
from quarterdeck.state.encoding import Encoder
from quarterdeck.state.postgres.statements import load_statements as postgres
from quarterdeck.state.sqlite.statements import load_statements as sqlite
from quarterdeck.state.tables import WORKFLOW_CHANGES
from quarterdeck.state.workflow_tables import WorkflowTables

FILES = ("changes", "workflow_changes", "batch_changes")
STORES = {"sqlite": sqlite, "postgres": postgres}


def encoder(store: str) -> Encoder:
    load = STORES[store]
    return Encoder({name: sql for file in FILES for name, sql in load(file).items()})


@pytest.mark.parametrize("store", STORES)
def test_every_change_is_known(store: str) -> None:
    assert encoder(store).kinds == frozenset(get_args(Change))


def test_the_memory_store_knows_every_change_of_workflows() -> None:
    assert frozenset(WorkflowTables()._makers) == WORKFLOW_CHANGES


@pytest.mark.parametrize("file", FILES)
def test_the_stores_name_their_statements_alike(file: str) -> None:
    assert set(sqlite(file)) == set(postgres(file))


@pytest.mark.parametrize("file", FILES)
def test_the_stores_bind_the_same_values(file: str) -> None:
    for name, sql in sqlite(file).items():
        numbers = {int(found) for found in re.findall(r"\$(\d+)", postgres(file)[name])}
        own = int(file != "workflow_changes")  # the engine's home comes last
        assert numbers == set(range(1, sql.count("?") + own + 1)), name


@pytest.mark.parametrize("store", STORES)
def test_the_start_of_an_attempt_is_two_statements_and_its_end_three(store: str) -> None:
    flow = MakeFlow()
    guard = Lease("E1", 1, START)
    made = encoder(store)
    assert len(made.statements_of([flow.task(guard=guard), flow.line(2)])) == 2
    end: list[Change] = [flow.task(guard=guard), flow.line(3), flow.attempt()]
    assert len(made.statements_of(end)) == 3


@pytest.mark.parametrize("store", STORES)
def test_large_values_are_weighed(store: str) -> None:
    flow, made = MakeFlow(), encoder(store)
    changes: list[Change] = [
        flow.task(result="r" * 1_000),
        flow.task(result=None),
        flow.line(1, body="b" * 200),
        flow.save(definition="d" * 30),
    ]
    assert made.weight_of(made.statements_of(changes)) == 1_230
