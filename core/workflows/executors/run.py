"""``run``: a command."""

from __future__ import annotations

from typing import Any

from ..files.executing import command_of
from .attempt import Attempt
from .children import Child
from .leaves import LeafExecutor
from .process import Process
from .results import result_of

SHELL = ("/bin/sh", "-c")


class RunExecutor(LeafExecutor):
    """Runs commands: a list of words as it is, one line through the shell."""

    async def carry_out(self, attempt: Attempt, child: Child | None) -> Any:
        """The command's output, as the task says."""
        command = command_of(attempt.task, attempt.scope)
        attempt.given.add({"command": command})
        words = (*SHELL, command) if isinstance(command, str) else tuple(command)
        finished = await Process(attempt, words).go(child)
        finished.check(_shown(command))
        form = attempt.task.metadata.get("outputs", {}).get("stdout", "text")
        return await attempt.finish(result_of(finished.stdout, form))


def _shown(command: list[str] | str) -> str:
    return command.strip().split("\n")[0][:200] if isinstance(command, str) else command[0]
