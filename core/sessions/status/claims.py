"""What each source says of a session, and who is believed.

The order is the design's: the agent's protocol, OSC 7501, its side channel, title rules,
notifications, screen rules, silence, the process. Four things qualify it:

- A claim of a start that means nothing yet, past its time, or of work without a sign of life, is
  not believed.
- A lower source that says for some seconds that the agent works or waits, while a higher one
  says otherwise and doesn't move, is believed instead: no stale report wins for ever.
- "Idle" from a title or a side channel is coarse, and so is a report of an error without a word
  on its cause, or one from before a prompt whose turn the screen shows ended: a screen rule that
  says more goes before it.
- A notification wants attention and says no more: it counts where only output or processes speak.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from ...protocol.status import Activity, DialogKind, Request, Source
from ..agents.definition import Timing
from ..agents.rules import WAITING
from .dialog import Dialog
from .inputs import Moment

CONTRADICTION_PATIENCE = 5.0
"""Seconds for which a lower source must have said otherwise to be believed against a higher one."""

UNREPORTED_PATIENCE = 0.5
"""The same for dialogs of trust and keys, which agents are known to draw without a report."""

UNREPORTED_KINDS = frozenset({DialogKind.TRUST, DialogKind.AUTH})
REPORT_PATIENCE = 10.0
"""Seconds for which an agent that always reports is not idle before its first report: it draws its
input box before its start-up dialogs."""

RANK = {source: rank for rank, source in enumerate(Source)}
_COARSE = frozenset({Source.SIDE_CHANNEL, Source.TITLE})
_WEAK = frozenset({Source.SILENCE, Source.PROCESS})
_REFINING = frozenset({Activity.ERRORED, Activity.LIMITED, Activity.TURN_DONE}) | WAITING
_ENDED = frozenset({Activity.TURN_DONE, Activity.ERRORED, Activity.LIMITED})
_FAILED = frozenset({Activity.ERRORED, Activity.LIMITED})
_STARTING = frozenset({Activity.WORKING, Activity.IDLE, Activity.TURN_DONE})
_POSITIVE = WAITING | {Activity.WORKING}


class Verdict(StrEnum):
    """What became of a claim."""

    WINS = "wins"
    OUTRANKED = "outranked"
    START_UP = "start-up"
    EXPIRED = "expired"
    SILENT = "silent"
    CONTRADICTED = "contradicted"
    REFINED = "refined"
    ATTENTION_ONLY = "attention only"


@dataclass(frozen=True, slots=True)
class Claim:
    """What one source says, from ``since`` on; ``said`` is when it said so last (monotonic).

    ``dialog`` is what stands on the screen, whoever claims; ``message`` the program's own words;
    ``request`` one that a channel named; ``until`` the monotonic time at which the claim expires.
    """

    source: Source
    activity: Activity
    evidence: str
    since: Moment
    said: float
    rule: str | None = None
    origin: str = ""
    kind: DialogKind | None = None
    message: str = ""
    dialog: Dialog | None = None
    request: Request | None = None
    until: float | None = None
    ends_turn: bool = True

    @property
    def waiting(self) -> bool:
        """Whether it says that a request is open."""
        return self.activity in WAITING


@dataclass(frozen=True, slots=True)
class Pulse:
    """Signs of life: when the process started and when it last wrote, in monotonic seconds.

    ``touched`` is when someone typed or sent a prompt last. ``unreported``: the agent always reports
    its status, and has not done so since its start. ``starting``: no status is known of it yet, or
    only a dialog that comes before its first turn.
    """

    started: float | None = None
    output: float | None = None
    touched: float | None = None
    unreported: bool = False
    starting: bool = False


@dataclass(frozen=True, slots=True)
class Judged:
    """A claim with what became of it and why."""

    claim: Claim
    verdict: Verdict
    why: str = ""


@dataclass(frozen=True, slots=True)
class Judgement:
    """Who is believed, what became of everyone, and when that may change by itself."""

    winner: Claim
    claims: tuple[Judged, ...]
    wake_at: float | None


@dataclass(slots=True)
class _Bench:
    """One judging: the clock, and the earliest moment at which another one may end otherwise."""

    now: float
    timing: Timing
    pulse: Pulse
    wakes: list[float] = field(default_factory=list)

    def passed(self, moment: float) -> bool:
        """Whether ``moment`` is over; if not, it is worth waking up for."""
        if self.now >= moment:
            return True
        self.wakes.append(moment)
        return False

    def objection(self, claim: Claim, best: Claim | None) -> Judged | None:
        """Why ``claim`` isn't believed, given the best of those below it; ``None`` if it may be."""
        return (
            self._expired(claim)
            or self._start_up(claim)
            or self._silent(claim)
            or _attention_only(claim, best)
            or _refined(claim, best, self.pulse)
            or self._contradicted(claim, best)
        )

    def _expired(self, claim: Claim) -> Judged | None:
        if claim.until is None or not self.passed(claim.until):
            return None
        return Judged(claim, Verdict.EXPIRED, "its time is over")

    def _start_up(self, claim: Claim) -> Judged | None:
        grace, started = self.timing.start_grace, self.pulse.started
        if started is None or claim.activity not in _STARTING or is_weak(claim):
            return None
        if not self.passed(started + grace):
            return Judged(claim, Verdict.START_UP, f"the first {grace:g} s mean nothing yet")
        if claim.source is Source.SCREEN and claim.activity is Activity.IDLE:
            return self._just_drawn(claim, started)
        return None

    def _just_drawn(self, claim: Claim, started: float) -> Judged | None:
        """An input box at the start, which may be drawn before the dialogs that come first."""
        settle = self.timing.start_settle
        if self.pulse.starting and not self.passed(claim.since.at + settle):
            return Judged(claim, Verdict.START_UP, f"it counts when it lasts {settle:g} s")
        if self.pulse.unreported and not self.passed(started + REPORT_PATIENCE):
            return Judged(claim, Verdict.START_UP, "it has not reported yet, as it always does")
        return None

    def _silent(self, claim: Claim) -> Judged | None:
        limit = self.timing.silence_limit
        if not limit or claim.activity is not Activity.WORKING or claim.source is Source.ACP:
            return None
        last = max(claim.said, self.pulse.output or claim.said)
        if not self.passed(last + limit):
            return None
        return Judged(claim, Verdict.SILENT, f"it wrote nothing for {limit:g} s")

    def _contradicted(self, claim: Claim, best: Claim | None) -> Judged | None:
        if best is None or best.activity not in _POSITIVE or is_weak(best):
            return None
        if claim.source is Source.ACP or _alike(claim.activity, best.activity):
            return None
        if _is_older(best, claim):
            return None
        unreported = best.kind in UNREPORTED_KINDS and claim.activity is not Activity.WORKING
        patience = UNREPORTED_PATIENCE if unreported else CONTRADICTION_PATIENCE
        if not self.passed(max(claim.said, best.since.at) + patience):
            return None
        why = f"{best.source} has said {best.activity} for {patience:g} s"
        return Judged(claim, Verdict.CONTRADICTED, why)


def is_weak(claim: Claim) -> bool:
    """Whether it rests on output or processes alone."""
    return claim.source in _WEAK


def _is_older(lower: Claim, higher: Claim) -> bool:
    """Whether ``lower`` was last said before ``higher`` began: a frame from before the change."""
    return lower.said < higher.since.at


def _alike(one: Activity, other: Activity) -> bool:
    return one is other or (one in WAITING and other in WAITING)


def _attention_only(claim: Claim, best: Claim | None) -> Judged | None:
    if claim.source is not Source.NOTIFICATION:
        return None
    if best is not None and is_weak(best) and best.activity is not Activity.IDLE:
        return None
    return Judged(claim, Verdict.ATTENTION_ONLY, "a signal says no more than that it wants some")


def _refined(claim: Claim, best: Claim | None, pulse: Pulse) -> Judged | None:
    if best is None or best.source is not Source.SCREEN or _is_older(best, claim):
        return None
    if not (
        _more_than_idle(claim, best)
        or _more_than_error(claim, best)
        or _newer_end(claim, best, pulse)
    ):
        return None
    return Judged(claim, Verdict.REFINED, f"the screen says more: {best.evidence}")


def _more_than_idle(claim: Claim, best: Claim) -> bool:
    if claim.source not in _COARSE or claim.activity is not Activity.IDLE:
        return False
    return best.activity in _REFINING or (best.activity is Activity.IDLE and not best.ends_turn)


def _more_than_error(claim: Claim, best: Claim) -> bool:
    if claim.source is not Source.OSC7501 or claim.activity is not Activity.ERRORED:
        return False
    return not claim.message and best.activity in _FAILED


def _newer_end(claim: Claim, best: Claim, pulse: Pulse) -> bool:
    """Whether the screen shows the end of a turn too short to be reported, after a prompt."""
    if claim.source is not Source.OSC7501 or pulse.touched is None:
        return False
    rests = claim.activity in _ENDED or claim.activity is Activity.IDLE
    return rests and best.activity in _ENDED and claim.since.at < pulse.touched < best.since.at


def judge(claims: Sequence[Claim], now: float, timing: Timing, pulse: Pulse) -> Judgement:
    """Who is believed. The lowest claim needs no support and is believed if no other is.

    :raises ValueError: if there is no claim at all.
    """
    if not claims:
        msg = "there is always a claim: the process at least"
        raise ValueError(msg)
    bench = _Bench(now, timing, pulse)
    ranked = sorted(claims, key=lambda claim: RANK[claim.source])
    best: Claim | None = None
    judged: list[Judged] = []
    if ranked[-1].until is not None:
        bench.passed(ranked[-1].until)
    for claim in reversed(ranked):
        objection = bench.objection(claim, best) if claim is not ranked[-1] else None
        if objection is None:
            best = claim
        judged.append(objection or Judged(claim, Verdict.OUTRANKED))
    winner = best or ranked[-1]
    told = tuple(
        Judged(entry.claim, Verdict.WINS) if entry.claim is winner else entry
        for entry in reversed(judged)
    )
    return Judgement(winner, told, min(bench.wakes, default=None))
