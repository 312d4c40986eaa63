"""What the engine itself refuses or fails at: one class for each cause."""

from __future__ import annotations

from ..base.errors import BusinessFault, ResourceFault, SystemFault, ValidationFault


class RateLimited(ResourceFault):
    """Commands come faster than the rate limit; ``retry_after`` seconds are in the details."""

    code = "rate_limited"


class SessionBusy(ResourceFault):
    """As many commands wait for the session as its mailbox holds."""

    code = "session_busy"


class AgentUnavailable(ResourceFault):
    """Starts of the agent failed repeatedly, and it is left alone for a while."""

    code = "agent_unavailable"


class ShuttingDown(ResourceFault):
    """The engine is stopping, and takes or finishes no more commands."""

    code = "shutting_down"


class EngineRunning(BusinessFault):
    """Another engine holds the state directory; the details say which."""

    code = "engine_running"


class EngineNotRunning(BusinessFault):
    """The engine has not started, or has stopped."""

    code = "engine_not_running"


class StateDirUnusable(ResourceFault):
    """The state directory can't be made, entered or written to."""

    code = "state_dir_unusable"
    recoverable = False


class SocketUnusable(ResourceFault):
    """The engine's socket can't be listened on: its path is too long, or taken by another file."""

    code = "socket_unusable"


class HelloRequired(ValidationFault):
    """A link began with something else than Hello, or said Hello twice."""

    code = "hello_required"


class ProtocolUnsupported(ValidationFault):
    """The client speaks a protocol that this engine no longer speaks."""

    code = "protocol_unsupported"


class AnswererMissing(BusinessFault):
    """Nobody here takes the answer to that attention item."""

    code = "answerer_missing"


class Internal(SystemFault):
    """A fault of the program itself; the log has its traceback under ``error_id``."""

    code = "internal"


class CommitFailed(SystemFault):
    """The store could not make a change durable."""

    code = "commit_failed"
    recoverable = True
