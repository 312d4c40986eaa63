"""What is held of each source between two observations, and what it claims."""

from __future__ import annotations

from dataclasses import replace

from ...protocol.status import Activity, Source
from ..agents.definition import AgentDefinition
from .bottom import Bottom, bottom_of
from .claims import Claim
from .dialog import Dialog
from .inputs import (
    AttentionSignal,
    ChannelReport,
    ChannelSource,
    ForegroundSeen,
    Moment,
    ScreenSettled,
    TitleSeen,
)
from .matching import RuleBook, ScreenMatch, TitleMatch, shorten

UNMATCHED_GRACE = 2.0
"""Seconds for which a screen that fits no rule leaves standing what it said before: a frame half
drawn, a menu that was opened."""

ECHO_WINDOW = 0.5
"""Seconds after a key in which output is an echo rather than work."""


class TitleSense:
    """The terminal's title."""

    def __init__(self, rules: RuleBook) -> None:
        self._rules = rules
        self._match: TitleMatch | None = None
        self._since: Moment | None = None
        self._said: float = 0.0
        self.title = ""

    def see(self, event: TitleSeen) -> bool:
        """Take a title up; whether another rule fits than before."""
        self._said = event.when.at
        if event.title == self.title:
            return False
        self.title = event.title
        old, match = self._match, self._rules.title(event.title)
        if (old.rule if old else None) is (match.rule if match else None):
            return False  # a spinner's next frame: what it said first stays the evidence
        self._match, self._since = match, event.when
        return True

    def forget(self) -> None:
        """A new process has said nothing yet."""
        self._match, self.title = None, ""

    def claim(self) -> Claim | None:
        """What the title says."""
        if self._match is None or self._since is None or self._match.rule.activity is None:
            return None
        rule = self._match.rule
        return Claim(
            source=Source.TITLE,
            activity=self._match.rule.activity,
            evidence=self._match.evidence,
            since=self._since,
            said=self._said,
            rule=rule.id,
            origin=rule.origin,
            kind=rule.kind,
            ends_turn=rule.ends_turn,
        )


class ScreenSense:
    """The bottom of the screen."""

    def __init__(self, rules: RuleBook) -> None:
        self._rules = rules
        self._match: ScreenMatch | None = None
        self._since: Moment | None = None
        self._unmatched: float | None = None
        self._end: tuple[str, Moment] | None = None
        self._said = 0.0
        self._at_work: tuple[str, ...] = ()
        self.bottom = Bottom()
        self.settled: float | None = None
        """When the lines that are held were seen (monotonic); ``None`` before the first."""

    def see(self, event: ScreenSettled) -> None:
        """Take a screen up."""
        self.settled = event.when.at
        bottom = bottom_of(event.lines, event.cursor_line)
        if bottom != self.bottom:
            self.bottom = bottom
            self._read(bottom, event.when)
        if self._unmatched is None:
            self._said = event.when.at

    def _read(self, bottom: Bottom, when: Moment) -> None:
        match = self._rules.screen(bottom, self._at_work)
        if match is not None and match.rule.activity is Activity.WORKING:
            self._at_work = bottom.lines
        if match is None:
            self._unmatched = when.at if self._unmatched is None else self._unmatched
        elif match.rule.hold:
            self._unmatched = None
        else:
            self._take(match, when)

    def _take(self, match: ScreenMatch, when: Moment) -> None:
        expired = self.expires is not None and when.at >= self.expires
        old, self._match, self._unmatched = self._match, match, None
        if expired or old is None or old.rule is not match.rule or _differ(old, match):
            self._since = when
        if match.rule.activity is Activity.TURN_DONE:
            # A menu may cover the end of a turn for a while: uncovered, it is the same one.
            if self._end is None or self._end[0] != match.evidence:
                self._end = (match.evidence, when)
            self._since = self._end[1]

    def forget(self) -> None:
        """A new process has drawn nothing yet."""
        self._match, self._unmatched, self.settled, self._end = None, None, None, None
        self.bottom, self._at_work = Bottom(), ()

    @property
    def expires(self) -> float | None:
        """When a screen that fits no rule takes back what it said before; ``None``: it doesn't."""
        return None if self._unmatched is None else self._unmatched + UNMATCHED_GRACE

    @property
    def dialog(self) -> Dialog | None:
        """The dialog on the screen; none while the screen fits no rule."""
        return None if self._match is None or self._unmatched is not None else self._match.dialog

    def claim(self) -> Claim | None:
        """What the screen says."""
        match = self._match
        if match is None or self._since is None or match.rule.activity is None:
            return None
        return Claim(
            source=Source.SCREEN,
            activity=match.rule.activity,
            evidence=match.evidence,
            since=self._since,
            said=self._said,
            rule=match.rule.id,
            origin=match.rule.origin,
            kind=match.rule.kind,
            dialog=match.dialog,
            until=self.expires,
            ends_turn=match.rule.ends_turn,
        )


def _differ(old: ScreenMatch, new: ScreenMatch) -> bool:
    if old.dialog is None or new.dialog is None:
        return old.dialog is not new.dialog
    return not old.dialog.same_as(new.dialog)


class ChannelSense:
    """The agent's protocol or its side channel."""

    def __init__(self) -> None:
        self._claims: dict[ChannelSource, Claim] = {}

    def see(self, event: ChannelReport) -> None:
        """Take a report up; one that says the same again keeps its beginning."""
        claim = Claim(
            source=Source(event.source),
            activity=event.activity,
            evidence=shorten(event.evidence),
            since=event.when,
            said=event.when.at,
            kind=event.request.kind if event.request else None,
            message=event.request.text if event.request else "",
            request=event.request,
            until=None if event.fresh_for is None else event.when.at + event.fresh_for,
        )
        old = self._claims.get(event.source)
        if old is not None and (old.activity, old.request) == (claim.activity, claim.request):
            claim = replace(claim, since=old.since)
        self._claims[event.source] = claim

    def forget(self) -> None:
        """The channel's other end is gone."""
        self._claims.clear()

    def claims(self) -> list[Claim]:
        """What the channels say."""
        return list(self._claims.values())


class AttentionSense:
    """Bells and notifications since someone last looked or typed."""

    def __init__(self) -> None:
        self._claim: Claim | None = None

    def see(self, event: AttentionSignal) -> None:
        """Take a signal up; the first since the last look counts."""
        if self._claim is not None:
            return
        self._claim = Claim(
            source=Source.NOTIFICATION,
            activity=Activity.TURN_DONE,
            evidence=shorten(f"{event.protocol}: {event.text}" if event.text else event.protocol),
            since=event.when,
            said=event.when.at,
        )

    def forget(self) -> None:
        """Someone looked or typed."""
        self._claim = None

    def claim(self) -> Claim | None:
        """That it wants attention."""
        return self._claim


class ProcessSense:
    """Process, foreground group and output: all there is to know of an agent without rules."""

    def __init__(self, definition: AgentDefinition, born: Moment) -> None:
        self._definition = definition
        self._state = "not started"
        self._since = born
        self._foreground: ForegroundSeen | None = None
        self._foreground_since = born
        self._burst: Moment | None = None
        self._burst_end: float = 0.0
        self._typed: float | None = None
        self.output: float | None = None
        self.started: float | None = None
        self.running = False

    def start(self, when: Moment, *, fresh: bool) -> None:
        """The process runs; one that isn't ``fresh`` has no start to wait for."""
        self.running, self.started = True, when.at if fresh else None
        self._state, self._since = "running", when
        self._foreground, self._burst, self.output = None, None, None

    def end(self, when: Moment, how: str) -> None:
        """The process is over."""
        self.running = False
        self._state, self._since = how or "exited", when

    def see_foreground(self, event: ForegroundSeen) -> bool:
        """Take up who owns the terminal; whether that changed."""
        old, self._foreground = self._foreground, event
        if old is not None and (old.own, old.program) == (event.own, event.program):
            return False
        self._foreground_since = event.when
        return True

    def see_output(self, when: Moment) -> bool:
        """Take output up; whether it is the first after a silence."""
        self.output = when.at
        if self._typed is not None and when.at - self._typed < ECHO_WINDOW:
            return False
        fresh = self._burst is None or when.at >= self._burst_end
        if fresh:
            self._burst = when
        self._burst_end = when.at + self._definition.timing.output_window
        return fresh

    def see_typing(self, when: Moment) -> None:
        """What is written right after a key is its echo."""
        self._typed = when.at

    def claim(self, now: float) -> Claim:
        """What can be said without rules; there is always something."""
        if not self.running:
            return self._weak(Source.PROCESS, Activity.UNKNOWN, self._state, self._since)
        if self._definition.readable:
            told = "running; no signal says what it does"
            return self._weak(Source.PROCESS, Activity.UNKNOWN, told, self._since)
        return self._by_foreground() or self._by_output(now)

    def _by_foreground(self) -> Claim | None:
        front = self._foreground
        if front is None or (front.own and not self._definition.shell):
            return None
        named = f" ({front.program})" if front.program else ""
        if front.own:
            evidence, activity = f"the shell{named} owns the terminal", Activity.IDLE
        else:
            evidence, activity = f"another program{named} owns the terminal", Activity.WORKING
        return self._weak(Source.PROCESS, activity, evidence, self._foreground_since)

    def _by_output(self, now: float) -> Claim:
        if self._burst is not None and now < self._burst_end:
            told = f"output within {self._definition.timing.output_window:g} s"
            claim = self._weak(Source.SILENCE, Activity.WORKING, told, self._burst)
            return replace(claim, until=self._burst_end)
        told = "silent, and no rules for this agent"
        return self._weak(Source.SILENCE, Activity.UNKNOWN, told, self._since)

    @staticmethod
    def _weak(source: Source, activity: Activity, evidence: str, since: Moment) -> Claim:
        return Claim(source, activity, shorten(evidence), since, since.at)
