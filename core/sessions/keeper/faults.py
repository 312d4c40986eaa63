"""What can be refused or fail around keepers: one class for each cause."""

from __future__ import annotations

from ...base.errors import BusinessFault, ResourceFault, SystemFault, ValidationFault


class ChildSpecInvalid(ValidationFault):
    """A child can't be described like this."""

    code = "child_spec_invalid"


class CommandNotFound(ValidationFault):
    """There is no such command."""

    code = "command_not_found"


class CommandNotExecutable(ValidationFault):
    """The command is there and can't be run."""

    code = "command_not_executable"


class KeeperStartFailed(ResourceFault):
    """The system refused what a keeper or its child needs to start."""

    code = "start_failed"


class SystemExhausted(ResourceFault):
    """The system has no process, memory or file to spare for another child at the moment."""

    code = "system_exhausted"
    transient = True


class KeeperExists(BusinessFault):
    """Another keeper holds the place."""

    code = "keeper_exists"


class SocketPathLong(ResourceFault):
    """The directory for sockets has too long a name."""

    code = "socket_path_long"


class KeeperGone(ResourceFault):
    """The keeper, or the link to it, is not there any more; another start gets another keeper."""

    code = "keeper_gone"
    transient = True


class KeeperTimeout(ResourceFault):
    """The keeper didn't answer in time."""

    code = "keeper_timeout"
    transient = True


class KeeperVersion(SystemFault):
    """The keeper speaks a version that this engine doesn't."""

    code = "keeper_version"


class KeeperEpoch(BusinessFault):
    """A later engine holds the keeper."""

    code = "keeper_epoch"


class KeeperForeign(SystemFault):
    """Another user answers in the keeper's place."""

    code = "keeper_foreign"


class InputClosed(BusinessFault):
    """The child takes no more input."""

    code = "input_closed"


class InputFull(ResourceFault):
    """Too much input waits for the child already."""

    code = "input_full"


class NotSupported(ValidationFault):
    """The child's mode has no such thing: a terminal's size, a pipe's end."""

    code = "keeper_not_supported"


class KeeperRefused(SystemFault):
    """The keeper could not do what it was asked."""

    code = "keeper_refused"
    recoverable = True
