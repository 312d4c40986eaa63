"""LangGraph with its SQLite checkpointer: each step's state is written before the next begins."""

from __future__ import annotations

import operator
import time
from functools import partial
from pathlib import Path
from typing import Annotated, Any, TypedDict

from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import END, START, StateGraph
from shapes import STEPS, Needs, main, step


class State(TypedDict):
    done: Annotated[list[str], operator.add]


def node(name: str, directory: str | None, _: State) -> dict[str, list[str]]:
    if directory is not None:
        step(directory, name)
    return {"done": [name]}


def graph_of(needs: Needs, directory: str | None = None) -> Any:
    graph = StateGraph(State)
    for name in needs:
        graph.add_node(name, partial(node, name, directory))
    needed = {one for given in needs.values() for one in given}
    for name, given in needs.items():
        if given:
            graph.add_edge(given if len(given) > 1 else given[0], name)
        else:
            graph.add_edge(START, name)
        if name not in needed:
            graph.add_edge(name, END)
    return graph


def speed(given: list[Needs], directory: Path) -> float:
    with SqliteSaver.from_conn_string(str(directory / "checkpoints.db")) as saver:
        saver.setup()
        flows = [graph_of(needs).compile(checkpointer=saver) for needs in given]
        started = time.perf_counter()
        for number, flow in enumerate(flows):
            config = {"configurable": {"thread_id": str(number)}, "recursion_limit": 10_000}
            flow.invoke({"done": []}, config, durability="sync")
        return time.perf_counter() - started


def crash(directory: Path) -> None:
    needs = {name: STEPS[at - 1 : at] if at else [] for at, name in enumerate(STEPS)}
    config: Any = {"configurable": {"thread_id": "crash"}}
    with SqliteSaver.from_conn_string(str(directory / "checkpoints.db")) as saver:
        flow = graph_of(needs, str(directory)).compile(checkpointer=saver)
        begun = flow.get_state(config).next
        flow.invoke(None if begun else {"done": []}, config, durability="sync")


if __name__ == "__main__":
    main(speed, crash)
