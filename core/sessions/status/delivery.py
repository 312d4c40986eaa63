"""Whether a submitted prompt was taken: a machine without I/O."""

from __future__ import annotations

from enum import StrEnum

from ...protocol.status import Activity, Source, Status

PROMPT_PATIENCE = 5.0
"""Seconds within which an agent shows that it has taken a prompt."""

_TAKEN = frozenset(
    {
        Activity.WORKING,
        Activity.NEEDS_APPROVAL,
        Activity.NEEDS_ANSWER,
        Activity.TURN_DONE,
        Activity.LIMITED,
        Activity.ERRORED,
    }
)


class PromptOutcome(StrEnum):
    """What is known of a prompt; ``queued``: the agent was at work and shows nothing by design."""

    PENDING = "pending"
    TAKEN = "taken"
    QUEUED = "queued"
    STALLED = "stalled"


class PromptWatch:
    """Follows one prompt from its Enter on. Times are monotonic seconds."""

    def __init__(self, submitted: float, status: Status, patience: float = PROMPT_PATIENCE) -> None:
        self.deadline = submitted + patience
        self._before = status
        queued = status.activity is Activity.WORKING
        self.outcome = PromptOutcome.QUEUED if queued else PromptOutcome.PENDING

    def observe(self, status: Status, at: float) -> PromptOutcome:
        """Take a status up, or the deadline; the outcome, which is final unless pending."""
        if self.outcome is not PromptOutcome.PENDING:
            return self.outcome
        if self._shows_it(status):
            self.outcome = PromptOutcome.TAKEN
        elif at >= self.deadline:
            self.outcome = PromptOutcome.STALLED
        return self.outcome

    def _shows_it(self, status: Status) -> bool:
        """Whether ``status`` began after the prompt and is more than the prompt's own doing.

        That a finished turn counts as seen, because someone typed, shows nothing.
        """
        if status.activity not in _TAKEN or status.source is Source.NOTIFICATION:
            return False
        before = self._before
        return (status.activity, status.since) != (before.activity, before.since)
