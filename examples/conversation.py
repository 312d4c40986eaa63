"""A task's function that talks to an agent: a second prompt depends on what the first one gave.

Run it with the workflow beside it; the engine must find this file::

    quarterdeck run examples/conversation.yaml
"""

from __future__ import annotations

from typing import Any

from quarterdeck.core.workflows import TaskExecutionContext


async def ask_twice(agent: str, task: str, context: TaskExecutionContext) -> dict[str, Any]:
    """Let the agent do the task, then let it look at what it did."""
    async with context.session(agent=agent) as session:
        done = await session.prompt(task)
        if "rror" in done.text:
            looked = await session.prompt("Mend what went wrong.")
        else:
            looked = await session.prompt("Read it again, and say in a line what is weak in it.")
        return {"session": session.name, "turns": [done.text, looked.text]}
