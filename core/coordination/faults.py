"""What coordination refuses, and what can be lost in it."""

from __future__ import annotations

from ..base.errors import BusinessFault, ResourceFault, ValidationFault


class LockTimeout(ResourceFault):
    """A lock was not had within the time."""

    code = "lock_timeout"


class LockFree(BusinessFault):
    """Nobody holds the lock that was to be taken away."""

    code = "lock_free"


class LockLost(BusinessFault):
    """A lock is not held any more: its time ran out, or it was released."""

    code = "lock_lost"


class LockCrowded(ResourceFault):
    """As many wait for a lock as may."""

    code = "lock_crowded"


class CoordinationClosed(BusinessFault):
    """The coordination layer is closed."""

    code = "coordination_closed"


class NoExecutor(BusinessFault):
    """An agent has no executor here, and there is no bus by which to ask it."""

    code = "no_executor"


class AgentRefused(BusinessFault):
    """An agent answered a command with an error."""

    code = "agent_refused"


class SagaInvalid(ValidationFault):
    """A saga that can't be run as given."""

    code = "saga_invalid"


class SagaUnknown(BusinessFault):
    """No saga has that id."""

    code = "saga_unknown"


class SagaTaken(BusinessFault):
    """Another engine goes on with the saga."""

    code = "saga_taken"


class ProposalUnknown(BusinessFault):
    """No proposal has that id."""

    code = "proposal_unknown"


class ProposalInvalid(ValidationFault):
    """A proposal whose terms can't be met or mean nothing."""

    code = "proposal_invalid"


class VoteInvalid(ValidationFault):
    """A vote that is neither approve, reject nor abstain."""

    code = "vote_invalid"


class VoteRefused(BusinessFault):
    """A vote that comes late, twice, or from someone who has none."""

    code = "vote_refused"


class PatternInvalid(ValidationFault):
    """A pattern of coordination was asked for with agents or terms that it can't work with."""

    code = "pattern_invalid"


class OrchestratorState(BusinessFault):
    """An orchestrator was asked for something that its lifecycle does not allow now."""

    code = "orchestrator_state"
