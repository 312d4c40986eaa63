"""Why a session has its status: what every source said, and what became of it."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict

from ...protocol.status import Activity, Source, Status
from .claims import Judged, Verdict


class Reading(BaseModel):
    """What one source says, and what became of it; ``origin`` is the rule's file and line."""

    model_config = ConfigDict(frozen=True)

    source: Source
    activity: Activity
    evidence: str
    since: datetime
    verdict: Verdict
    why: str = ""
    rule: str | None = None
    origin: str = ""


class RuleTrace(BaseModel):
    """Whether a rule fits, and if not, the condition that failed."""

    model_config = ConfigDict(frozen=True)

    rule: str
    origin: str
    fits: bool
    text: str


class Explanation(BaseModel):
    """A status with all that was said, most trusted source first.

    ``note`` tells what was made of the reading that won, where that isn't its own word: a finished
    turn that was seen, work that has just stopped. ``rules`` is filled where rules are tried out.
    """

    model_config = ConfigDict(frozen=True)

    status: Status
    readings: tuple[Reading, ...] = ()
    note: str = ""
    rules: tuple[RuleTrace, ...] = ()

    @property
    def winner(self) -> Reading | None:
        """The reading that was believed."""
        return next((each for each in self.readings if each.verdict is Verdict.WINS), None)


def reading(judged: Judged) -> Reading:
    """A judged claim as a value for people and front ends."""
    claim = judged.claim
    return Reading(
        source=claim.source,
        activity=claim.activity,
        evidence=claim.evidence,
        since=claim.since.stamp,
        verdict=judged.verdict,
        why=judged.why,
        rule=claim.rule,
        origin=claim.origin,
    )
