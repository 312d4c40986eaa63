"""Payloads that are submitted without more: counted, and made runs of when they need one."""

from __future__ import annotations

from dataclasses import replace

from ..base.retry import RetryPolicy
from .machine import Plain, Run
from .payload import PropulsionPayload


class Submissions:
    """How often submitted payloads are tried, and how many were entered plainly.

    ``policy`` is bounded by each payload's ``max_attempts``; ``bound`` is how many payloads may wait.
    """

    def __init__(self, policy: RetryPolicy, bound: int) -> None:
        self.entered = 0
        self.most = bound
        """Up to how many may be entered before somebody must look how many wait."""
        self._bound = bound
        self._made = 0
        self._policy = policy
        self._policies: dict[int, RetryPolicy] = {}

    @property
    def plain(self) -> int:
        """How many were entered, and no run was made of them."""
        return self.entered - self._made

    def looked(self, pending: int) -> bool:
        """So many wait: whether one more may."""
        self.most = self.entered + self._bound - pending
        return pending < self._bound

    def policy_of(self, payload: PropulsionPayload) -> RetryPolicy:
        """How often a payload is tried, and how long between."""
        policy = self._policies.get(payload.max_attempts)
        if policy is None:
            attempts = max(min(self._policy.max_attempts, payload.max_attempts), 1)
            policy = replace(self._policy, max_attempts=attempts)
            self._policies[payload.max_attempts] = policy
        return policy

    def run_of(self, plain: Plain) -> Run:
        """What was entered plainly, as a run that is queued."""
        self._made += 1
        event_type, payload = plain
        return Run(event_type, payload, self.policy_of(payload), buried=True)
