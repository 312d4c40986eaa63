"""What a scheduler refuses."""

from __future__ import annotations

from ..base.errors import BusinessFault, ResourceFault, ValidationFault


class TaskInvalid(ValidationFault):
    """A task that no scheduler could carry out as given."""

    code = "task_invalid"


class TaskKnown(BusinessFault):
    """A task with that id was scheduled before."""

    code = "task_known"


class TaskUnknown(BusinessFault):
    """No task has that id, or it ended so long ago that it is kept no more."""

    code = "scheduler_task_unknown"


class DependencyUnknown(ValidationFault):
    """A task waits for one that was not scheduled before it."""

    code = "dependency_unknown"


class TypeUnknown(ValidationFault):
    """No executor is registered for a task's type."""

    code = "task_type_unknown"


class AgentUnknown(BusinessFault):
    """No agent with that id is registered."""

    code = "scheduler_agent_unknown"


class AgentKnown(BusinessFault):
    """An agent with that id is registered already."""

    code = "scheduler_agent_known"


class AgentInvalid(ValidationFault):
    """An agent's capacity, score or group can't be used."""

    code = "scheduler_agent_invalid"


class SchedulerFull(ResourceFault):
    """As many tasks wait as may."""

    code = "scheduler_full"


class SchedulerStopped(BusinessFault):
    """The scheduler takes no tasks: it was not started, or is stopped."""

    code = "scheduler_stopped"
