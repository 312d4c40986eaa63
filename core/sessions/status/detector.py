"""A session's status from everything that is observed of it: a machine without I/O.

It takes observations, each with its moment, and gives the new status whenever that changed.
``wake_at`` is when it wants to be told the time if nothing else happens before. Nothing here
polls, waits or reads a clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import assert_never

from ...protocol.status import Activity, Source, Status
from ..agents.definition import AgentDefinition
from . import inputs as i
from .bottom import bottom_of
from .claims import UNREPORTED_KINDS, Claim, Judgement, Pulse, Verdict, is_weak, judge
from .dialog import Dialog, digest
from .explain import Explanation, reading
from .matching import RuleBook, ScreenMatch
from .reports import ReportBook
from .requests import Open, RequestTracker, Sight
from .senses import AttentionSense, ChannelSense, ProcessSense, ScreenSense, TitleSense
from .turn import SEEN_AFTER, Outcome, TurnTracker

_LASTING = frozenset({Activity.TURN_DONE, Activity.ERRORED, Activity.LIMITED})
"""What stands after the process that said it is over."""


class StatusDetector:
    """Reads one session's status.

    ``restored`` is the last status an earlier engine kept of it: what was seen stays seen, and a
    request that is still open keeps its id and its time. ``seen_after`` is in seconds of focus.
    """

    def __init__(
        self,
        definition: AgentDefinition,
        when: i.Moment,
        restored: Status | None = None,
        *,
        seen_after: float = SEEN_AFTER,
    ) -> None:
        self.definition = definition
        self._rules = RuleBook(definition)
        self._reports = ReportBook(definition.limits)
        self._channels = ChannelSense()
        self._title = TitleSense(self._rules)
        self._attention = AttentionSense()
        self._screen = ScreenSense(self._rules)
        self._process = ProcessSense(definition, when)
        self._turn = TurnTracker(definition.timing.turn_end, seen_after)
        self._requests = RequestTracker(restored.request if restored else None)
        self._restored = restored
        if restored is not None:
            self._turn.restore(restored.activity, when.at)
        self._wake_at: float | None = None
        self._judgement: Judgement | None = None
        self._note = ""
        self._rule: str | None = None
        self.status = Status(evidence="not started", since=when.stamp)

    @property
    def wake_at(self) -> float | None:
        """The monotonic time at which ``TimePassed`` is wanted; ``None`` if time changes nothing."""
        return self._wake_at

    @property
    def open_request(self) -> Open | None:
        """The request that is open, with its dialog and whether its answer was typed already."""
        return self._requests.open

    def feed(self, event: i.Observation) -> Status | None:
        """Take one observation; the new status if activity, request, source or rule changed.

        ``since`` moves only with activity or request.
        """
        return self.feed_all((event,))

    def feed_all(self, events: Sequence[i.Observation]) -> Status | None:
        """Take what was observed at one moment and look at it as a whole; else as ``feed``."""
        taken = [self._take(event) for event in events]
        return self._evaluate(events[-1].when) if any(taken) else None

    def _take(self, event: i.Observation) -> bool:
        """Whether the status may be another one after ``event``."""
        match event:
            case i.TitleSeen():
                return self._title.see(event)
            case i.OutputSeen():
                return self._process.see_output(event.when) or self._was_silent()
            case i.ForegroundSeen():
                return self._take_foreground(event)
            case i.TimePassed():
                return self._wake_at is not None and event.when.at >= self._wake_at
            case i.TypedInput() | i.PromptSubmitted() | i.RequestAnswered() | i.FocusChanged():
                self._take_person(event)
            case i.ProcessStarted():
                self._start(event)
            case i.ProcessExited():
                self._end(event)
            case _:
                self._take_signal(event)
        return True

    def _take_signal(
        self,
        event: i.ProgramReport
        | i.ReportsCleared
        | i.ChannelReport
        | i.AttentionSignal
        | i.ScreenSettled,
    ) -> None:
        match event:
            case i.ProgramReport():
                self._reports.apply(event)
            case i.ReportsCleared():
                self._reports.clear(event)
            case i.ChannelReport():
                self._channels.see(event)
            case i.AttentionSignal():
                self._attention.see(event)
            case i.ScreenSettled():
                self._screen.see(event)
            case _:
                assert_never(event)

    def _take_person(
        self, event: i.TypedInput | i.PromptSubmitted | i.RequestAnswered | i.FocusChanged
    ) -> None:
        match event:
            case i.TypedInput():
                self._process.see_typing(event.when)
                self._touch(event.when)
            case i.PromptSubmitted():
                self._touch(event.when)
            case i.RequestAnswered():
                self._requests.answered(event.request_id, event.when.at)
            case i.FocusChanged():
                self._turn.focus(event.when.at, focused=event.focused)
            case _:
                assert_never(event)

    def _touch(self, when: i.Moment) -> None:
        self._turn.touch(when.at)
        self._attention.forget()

    def _was_silent(self) -> bool:
        """Whether a claim of work was doubted because nothing was written."""
        judgement = self._judgement
        return judgement is not None and any(
            judged.verdict is Verdict.SILENT for judged in judgement.claims
        )

    def _take_foreground(self, event: i.ForegroundSeen) -> bool:
        changed = self._process.see_foreground(event)
        if changed and event.own and self.definition.shell:
            self._reports.end_live()  # what the program before it claimed died with it
        return changed

    def _start(self, event: i.ProcessStarted) -> None:
        self._forget()
        if not event.resumed:
            self._reports.clear(i.ReportsCleared(event.when, i.ClearCause.RESET))
            self._turn.start()
        self._process.start(event.when, fresh=not event.resumed)

    def _end(self, event: i.ProcessExited) -> None:
        self._forget()
        self._reports.end_live()
        self._process.end(event.when, event.how)

    def _forget(self) -> None:
        self._title.forget()
        self._screen.forget()
        self._channels.forget()
        self._attention.forget()

    def _claims(self, now: float) -> list[Claim]:
        report, process = self._reports.claim(), self._process.claim(now)
        if not self._process.running:
            # Of a program that is not there only what it left behind is worth telling.
            left = report if report is not None and report.activity in _LASTING else None
            return [left, process] if left else [process]
        found = [
            report,
            self._title.claim(),
            self._attention.claim(),
            self._screen.claim(),
            process,
        ]
        return [*self._channels.claims(), *(claim for claim in found if claim is not None)]

    def _evaluate(self, when: i.Moment) -> Status | None:
        pulse = Pulse(
            self._process.started,
            self._process.output,
            self._turn.touched_at,
            unreported=self.definition.reports and not len(self._reports),
            starting=self._is_starting(),
        )
        judgement = judge(self._claims(when.at), when.at, self.definition.timing, pulse)
        self._judgement = judgement
        claim, request = self._ask(judgement.winner, when.at)
        outcome = self._turn.settle(claim, when.at, self.status.activity)
        wakes = (judgement.wake_at, outcome.wake_at, self._requests.wake_at)
        # A moment that has come was dealt with just now.
        self._wake_at = min((at for at in wakes if at is not None and at > when.at), default=None)
        if claim.source is Source.NOTIFICATION and self._turn.seen:
            self._attention.forget()
            self._turn.start()
            return self._evaluate(when)
        self._note = _note(claim, outcome)
        return None if outcome.hold else self._show(claim, outcome, request, when)

    def _is_starting(self) -> bool:
        """Whether it may still come up with its first dialogs, or with the next of them."""
        asked = self.status.request
        first = asked is not None and asked.kind in UNREPORTED_KINDS
        unknown = self.status.activity is Activity.UNKNOWN
        return (unknown or first) and not self._turn.under_way

    def _ask(self, winner: Claim, now: float) -> tuple[Claim, Open | None]:
        """The winner with the request it speaks of, which may be of a more telling kind."""
        if not (winner.waiting and self._process.running):
            self._requests.close()
            return winner, None
        output, settled = self._process.output, self._screen.settled
        quiet = output is None or (settled is not None and output <= settled)
        sight = Sight(self._screen.dialog, settled, quiet=quiet)
        request = self._requests.update(winner, sight, now)
        kind = request.request.kind
        return replace(winner, activity=request.activity, kind=kind), request

    def _show(
        self, claim: Claim, outcome: Outcome, request: Open | None, when: i.Moment
    ) -> Status | None:
        asked = request.request if request else None
        old = self.status
        same = (old.activity, _id(old)) == (outcome.activity, asked.request_id if asked else None)
        # What a weak source tells is its evidence; elsewhere a spinner's next frame is no news.
        told = claim.evidence if is_weak(claim) else old.evidence
        before = (old.source, self._rule, old.request, old.evidence)
        if same and before == (claim.source, claim.rule, asked, told):
            return None
        self._rule = claim.rule
        self.status = Status(
            activity=outcome.activity,
            source=claim.source,
            evidence=claim.evidence,
            since=old.since if same else when.stamp,
            request=asked,
        )
        self._take_up_restored()
        return self.status

    def _take_up_restored(self) -> None:
        """Give the first status that says something the time it has had since before a restart."""
        old = self._restored
        if old is None or self.status.activity is Activity.UNKNOWN:
            return
        self._restored = None
        if (old.activity, _id(old)) == (self.status.activity, _id(self.status)):
            self.status = self.status.model_copy(update={"since": old.since})

    def still_open(
        self,
        request_id: str,
        lines: Sequence[str],
        title: str | None = None,
        cursor_line: int | None = None,
    ) -> Dialog | None:
        """The dialog of ``request_id`` as it stands on a screen that was drained just now.

        ``None`` if it is another one, answered already, or gone; then nothing may be typed. A
        request that only a report or a channel told of, of an agent whose dialogs no rule knows,
        has a dialog without options.
        """
        held = self._requests.open
        if held is None or held.request.request_id != request_id or held.answered is not None:
            return None
        if title is not None and self._works_by(title):
            return None
        match = self._rules.screen(bottom_of(lines, cursor_line))
        fresh = match.dialog if match else None
        if held.dialog is not None:
            return fresh if fresh is not None and held.dialog.same_as(fresh) else None
        if self._rules.finds_dialogs and not held.channel:
            return None
        return _bare(held)

    def in_the_way(
        self, lines: Sequence[str], cursor_line: int | None = None
    ) -> ScreenMatch | None:
        """What would take the keys of a prompt on a screen that was drained just now, if anything.

        The screen alone decides, whatever a better source says: a report may lag behind it.
        """
        return self._rules.in_the_way(bottom_of(lines, cursor_line))

    def _works_by(self, title: str) -> bool:
        match = self._rules.title(title)
        return match is not None and match.rule.activity is Activity.WORKING

    def explain(self) -> Explanation:
        """What every source says now, and why the status is what it is."""
        judged = self._judgement.claims if self._judgement else ()
        return Explanation(
            status=self.status,
            readings=tuple(reading(each) for each in judged),
            note=self._note,
        )


def _id(status: Status) -> str | None:
    return status.request.request_id if status.request else None


def _bare(held: Open) -> Dialog:
    """A dialog for a request whose looks are not known."""
    mark = digest(held.request.request_id)
    return Dialog(held.request.kind, held.activity, held.request.text, (), mark, mark)


def _note(claim: Claim, outcome: Outcome) -> str:
    if outcome.hold:
        return "it has just stopped; that counts when it lasts"
    if outcome.activity is claim.activity:
        return ""
    if outcome.activity is Activity.TURN_DONE:
        return "it worked before: a finished turn that nobody has seen"
    return "a finished turn that was seen"
