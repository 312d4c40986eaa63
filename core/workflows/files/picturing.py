"""The graph of a file, as it is drawn before it has ever run: no inputs are needed for it."""

from __future__ import annotations

from pathlib import Path

from ..drawing.nodes import Graph, Node
from .faults import WorkflowFileInvalid
from .loading import read_file
from .model import TaskEntry, kinds_of
from .templates import is_template
from .uses import task_references


def file_graph(path: str | Path) -> Graph:
    """The tasks of the file at ``path``, with what they do.

    :raises WorkflowFileUnreadable: if it can't be read.
    :raises WorkflowFileInvalid: with all its faults.
    """
    found = read_file(path)
    if found.faults or found.model is None:
        raise WorkflowFileInvalid(found.faults)
    finals = found.model.finally_
    return Graph.of(
        Node(
            name,
            (*task.needs, *sorted(task_references(task) - {name})),
            note=_note(task),
            kind=kinds_of(task)[0],
            final=name in finals,
        )
        for name, task in found.model.every_task().items()
    )


def _note(task: TaskEntry) -> str:
    """What it does, in a word or two."""
    kind = kinds_of(task)[0]
    agent = None if task.agent is None else task.agent.name
    told = agent if agent is not None and not is_template(agent) else kind
    return f"{told}, for each" if task.foreach is not None else told
