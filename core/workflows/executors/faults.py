"""How tasks of workflow files fail."""

from __future__ import annotations

from ..context import PermanentFailure
from ..faults import ExecutionError


class CommandFailed(ExecutionError):
    """A task's process ended with another exit code than 0, or by a signal."""

    code = "task_command_failed"


class CommandMissing(CommandFailed):
    """The shell of a task's process found no such command."""

    code = "task_command_missing"


class FunctionFailed(ExecutionError):
    """A task's Python function raised."""

    code = "task_function_failed"


class FunctionMissing(FunctionFailed):
    """There is no such function, or its module can't be loaded."""

    code = "task_function_missing"


class ResultUnreadable(ExecutionError):
    """What a task printed is not what ``outputs.stdout`` says."""

    code = "task_result_unreadable"


class ResultTooLarge(ExecutionError):
    """A task printed more than a result may be made of."""

    code = "task_result_large"


class ResultUnfit(ExecutionError):
    """A task's result does not fit its schema."""

    code = "task_result_unfit"


class OutputMissing(ExecutionError):
    """A file that a task was to leave is not there."""

    code = "task_output_missing"


class AgentFailed(ExecutionError):
    """An agent did not do its task: it says so, or nothing says that it did."""

    code = "task_agent_failed"


class AgentCrashed(AgentFailed):
    """An agent's process ended without an answer, with an error code or by a signal."""

    code = "task_agent_crashed"


class AgentLimited(ExecutionError):
    """A limit of an agent's (use, rate, budget) kept it from doing its task."""

    code = "task_agent_limited"


class AgentRefused(ExecutionError):
    """An agent was refused what it needed for its task, with nobody there to ask."""

    code = "task_agent_refused"


class AgentUnusable(PermanentFailure):
    """An agent can't do tasks in this way, or there is no such agent."""

    code = "task_agent_unusable"


class SessionEnded(ExecutionError):
    """An agent's session ended before its turn did."""

    code = "task_session_ended"


class GateRejected(PermanentFailure):
    """A person answered a gate with reject."""

    code = "task_rejected"


class NestedFailed(ExecutionError):
    """A nested workflow did not complete."""

    code = "task_nested_failed"
