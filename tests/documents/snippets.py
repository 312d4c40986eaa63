"""Reading the documents' snippets, filling what they leave open, and running them."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
BLOCK = re.compile(r"^## (\d+)\. .*?^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
IMPORTS = (
    (
        re.compile(
            r"from (?:plugins\.mycelium_core\.coordination(?:\.orchestrator)?|neurectomy\.[\w.]+) import"
        ),
        "from quarterdeck.core.workflows import",
    ),
    (re.compile(r"from aragora\.debate\.\w+ import"), "from quarterdeck.core.propulsion import"),
    (re.compile(r"from greenlang\.core import"), "from quarterdeck.core.coordination import"),
)

FILLED = (
    # an elided task of the light engine takes its names from the key that it stands under
    (re.compile(r'"(\w+)": Task\(\.\.\.'), r'"\1": Task("\1", "\1", "\1"'),
    (
        re.compile(r'TaskDefinition\(task_id="(\w)", \.\.\.'),
        r'TaskDefinition(task_id="\1", agent_id="a", agent_type="type1"',
    ),
    (
        re.compile(r'TaskDefinition\(task_id="(\w)", (dependencies=\[.*?\]), \.\.\.\)'),
        r'TaskDefinition(task_id="\1", agent_id="a", agent_type="type1", \2)',
    ),
    (re.compile(r"events=\[\.\.\.\]"), 'events=[("proposals_ready", proposal_payload)]'),
    (re.compile(r"Workflow\(\.\.\.\)"), "Workflow('w', 'w', {'a': Task('a', 'a', 'test')})"),
    (re.compile(r"\{\.\.\.\}"), '{"level": 1}'),
    (re.compile(r"steps=\[\.\.\.\]"), "steps=[SagaStep('one', 'agent', 'act', 'undo')]"),
)


def snippet(document: str, number: int) -> str:
    """One snippet with our import line and its elisions filled."""
    found = dict(BLOCK.findall((HERE / f"document_{document}.md").read_text()))
    text: str = found[str(number)]
    for pattern, home in IMPORTS:
        text = pattern.sub(home, text)
    for pattern, filled in FILLED:
        text = pattern.sub(filled, text)
    return text


async def run(document: str, number: int, **names: Any) -> dict[str, Any]:
    """The names that a snippet leaves behind, run with ``names`` as the free ones."""
    space: dict[str, Any] = dict(names)
    code = compile(
        snippet(document, number), f"document {document}, {number}", "exec",
        flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT,
    )  # fmt: skip
    ended = eval(code, space)  # noqa: S307  # our own text
    if inspect.isawaitable(ended):
        await ended
    return space
