"""Executors of the kinds of tasks that workflow files have."""

from __future__ import annotations

from ..orchestrator import WorkflowOrchestrator
from .agent_sessions import AgentSessions
from .agents import AgentExecutor
from .approve import ApproveExecutor, WaitExecutor
from .children import Child, ChildKind
from .desk import Desk
from .folders import attempt_folder, safe_name
from .leftovers import Leftovers
from .nested import ForeachExecutor, NestedExecutor
from .ports import REJECT, Gate, GateAnswer, Gates, Sessions
from .python import PythonExecutor
from .run import RunExecutor
from .surroundings import OnOutput, Surroundings

__all__ = [
    "REJECT",
    "Child",
    "ChildKind",
    "Gate",
    "GateAnswer",
    "Gates",
    "Leftovers",
    "OnOutput",
    "Sessions",
    "Surroundings",
    "attempt_folder",
    "register_executors",
    "safe_name",
]


def register_executors(orchestrator: WorkflowOrchestrator, surroundings: Surroundings) -> Leftovers:
    """Let the orchestrator run every kind of task that workflow files have.

    The kinds are ``agent``, ``run``, ``python``, ``approve``, ``wait_for``, ``workflow`` and ``foreach``. Call
    it before anything is recovered, and recover when the back end is open and the sessions are
    loaded. From then on attempts can open sessions (``TaskExecutionContext.session``), if there are any. What it does beside the attempts is over when the orchestrator is closed.

    What it gives ends what former engines left that nobody takes up; to be asked when all is recovered.
    """
    desk = Desk(orchestrator, surroundings)
    agents = AgentSessions(desk)
    orchestrator.open_sessions_with(agents.open)
    executors: dict[str, object] = {
        "agent": AgentExecutor(desk, agents),
        "run": RunExecutor(desk),
        "python": PythonExecutor(desk, agents),
        "approve": ApproveExecutor(desk),
        "wait_for": WaitExecutor(desk),
        "workflow": NestedExecutor(desk),
        "foreach": ForeachExecutor(desk),
    }
    for kind, executor in executors.items():
        orchestrator.register_executor(kind, executor)
    return Leftovers(desk, agents.kept)
