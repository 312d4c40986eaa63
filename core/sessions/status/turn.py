"""Finished turns: from "it works" to "it stopped", and whether a person has seen that."""

from __future__ import annotations

from dataclasses import dataclass

from ...protocol.status import Activity, DialogKind, Source
from .claims import Claim

SEEN_AFTER = 2.0
"""Seconds of focus after which a person has seen what a session shows."""

SHORTEST_TURN = 1.0
"""Seconds of work below which, unless someone typed, it was no turn: a blip at the start."""

_EXACT = frozenset({Source.ACP, Source.OSC7501})
"""Sources that have a word of their own for a finished turn: their "idle" means idle."""

_TURN = frozenset({Activity.WORKING, Activity.NEEDS_APPROVAL, Activity.NEEDS_ANSWER})

_DIALOG_WORK = frozenset({DialogKind.PERMISSION, DialogKind.QUESTION})


def _is_turn(claim: Claim) -> bool:
    """Whether a dialog belongs to a turn: not one of trust or keys, nor a menu."""
    return claim.ends_turn and (claim.kind is None or claim.kind in _DIALOG_WORK)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The activity to show; ``hold``: what was shown stands; ``wake_at``: when to look again."""

    activity: Activity
    hold: bool = False
    wake_at: float | None = None


class TurnTracker:
    """Follows one session from turn to turn. ``turn_end`` is in seconds, see ``Timing``."""

    def __init__(self, turn_end: float, seen_after: float = SEEN_AFTER) -> None:
        self._turn_end = turn_end
        self._seen_after = seen_after
        self._began: float | None = None
        self._quiet: float | None = None
        self._finished: float | None = None
        self._touched = False
        self.touched_at: float | None = None
        """When someone typed or sent a prompt last."""
        self._focus: float | None = None
        self.seen = False

    def restore(self, activity: Activity, at: float) -> None:
        """Go on after a restart of the engine: whether the last turn was over, and seen."""
        self._finished = at if activity is Activity.TURN_DONE else None
        self.seen = activity is Activity.IDLE
        if activity in _TURN:  # it was no blip: it was kept
            self._began = at - SHORTEST_TURN

    def start(self) -> None:
        """A new process: no turn yet."""
        self._began = self._quiet = self._finished = None
        self._touched = self.seen = False

    def touch(self, at: float) -> None:
        """A person typed or sent a prompt: whatever was finished is seen, what follows is wanted."""
        self._touched = self.seen = True
        self.touched_at = at
        self._finished = None

    @property
    def under_way(self) -> bool:
        """Whether a turn has begun and is not known to be over."""
        return self._began is not None

    def focus(self, at: float, *, focused: bool) -> None:
        """Someone has the session in focus from now on, or nobody has."""
        if not focused:
            self._focus = None
        elif self._focus is None:
            self._focus = at

    def settle(self, claim: Claim, now: float, shown: Activity) -> Outcome:
        """What to show for the claim that is believed, when ``shown`` is shown now."""
        match claim.activity:
            case Activity.WORKING | Activity.NEEDS_APPROVAL | Activity.NEEDS_ANSWER:
                return self._work(claim, now)
            case Activity.TURN_DONE:
                self._finish(claim, now)
                return self._done(now)
            case Activity.IDLE:
                return self._idle(claim, now, shown)
            case Activity.UNKNOWN:
                return Outcome(Activity.UNKNOWN)
            case _:
                self._began = self._quiet = self._finished = None
                return Outcome(claim.activity)

    def _work(self, claim: Claim, now: float) -> Outcome:
        self._quiet = None
        if claim.waiting and not _is_turn(claim):
            return Outcome(claim.activity)
        if self._began is None:
            self._began = now
        self._finished = None
        self.seen = False
        return Outcome(claim.activity)

    def _finish(self, claim: Claim, at: float) -> None:
        later = self.touched_at is not None and claim.since.at > self.touched_at
        before = self._finished is not None and self._finished <= (self.touched_at or 0.0)
        if self._finished is None or (later and before):
            self._finished = at
            if claim.source is Source.NOTIFICATION or later:
                self.seen = False  # no work was seen before it: the end itself is the news
        self._began = self._quiet = None

    def _idle(self, claim: Claim, now: float, shown: Activity) -> Outcome:
        if claim.source in _EXACT:
            self._began = self._quiet = self._finished = None
            return Outcome(Activity.IDLE)
        if self._began is not None:
            self._quiet = now if self._quiet is None else self._quiet
            over = self._quiet + self._turn_end
            if now < over:
                return Outcome(Activity.IDLE, hold=shown is Activity.WORKING, wake_at=over)
            self._end(claim, self._began, self._quiet)
        return self._done(now) if self._finished is not None else Outcome(Activity.IDLE)

    def _end(self, claim: Claim, began: float, quiet: float) -> None:
        self._began = self._quiet = None
        wanted = self._touched and claim.source is not Source.PROCESS
        if claim.ends_turn and (wanted or quiet - began >= SHORTEST_TURN):
            self._finished = quiet

    def _done(self, now: float) -> Outcome:
        if self.seen:
            return Outcome(Activity.IDLE)
        if self._focus is None or self._finished is None:
            return Outcome(Activity.TURN_DONE)
        seen_at = max(self._focus, self._finished) + self._seen_after
        if now < seen_at:
            return Outcome(Activity.TURN_DONE, wake_at=seen_at)
        self.seen = True
        return Outcome(Activity.IDLE)
