"""The program's own reports (OSC 7501): one record for each id, and what they say together."""

from __future__ import annotations

from collections.abc import Callable

from ...protocol.status import Activity, DialogKind, Source
from ..agents.patterns import Expression
from .claims import Claim
from .inputs import ClearCause, Moment, ProgramReport, ReportsCleared, ReportState
from .matching import shorten

RECORD_LIMIT = 64
"""Records kept; the one reported longest ago makes room."""

CLEAR_GRACE = 1.0
"""Seconds after a program took its reports back in which nothing is read from elsewhere: most do
so as they leave, and what they leave on the screen is not how they are."""

_LIVE = frozenset({ReportState.WORKING, ReportState.BLOCKED, ReportState.IDLE})
_URGENCY = (
    ReportState.BLOCKED,
    ReportState.WORKING,
    ReportState.ERROR,
    ReportState.DONE,
    ReportState.IDLE,
)
_ACTIVITY = {
    ReportState.IDLE: Activity.IDLE,
    ReportState.WORKING: Activity.WORKING,
    ReportState.DONE: Activity.TURN_DONE,
    ReportState.ERROR: Activity.ERRORED,
}
_ANSWERED = frozenset({DialogKind.QUESTION, DialogKind.AUTH})


def _is_within(record_id: str, cleared: str) -> bool:
    return not cleared or record_id == cleared or record_id.startswith(cleared + "/")


def _said(report: ProgramReport) -> tuple[ReportState, DialogKind | None, str]:
    return report.state, report.kind, report.message


class ReportBook:
    """The records of one terminal. Each report replaces the record of its id whole.

    ``limits`` tell from an error's message that a limit is the cause.
    """

    def __init__(self, limits: tuple[Expression, ...] = ()) -> None:
        self._records: dict[str, ProgramReport] = {}
        self._since: dict[str, Moment] = {}
        self._cleared: Moment | None = None
        self._limits = limits

    def __len__(self) -> int:
        return len(self._records)

    def apply(self, report: ProgramReport) -> None:
        """Take one report up; ``clear`` drops its id and everything below it."""
        if report.state is ReportState.CLEAR:
            self._take_back(report)
            return
        self._cleared = None
        old = self._records.pop(report.id, None)
        self._records[report.id] = report
        if old is None or _said(old) != _said(report):
            self._since[report.id] = report.when
        if len(self._records) > RECORD_LIMIT:
            oldest = next(iter(self._records))
            del self._records[oldest], self._since[oldest]

    def _take_back(self, clear: ProgramReport) -> None:
        told = bool(self._records)
        self._keep(lambda old: not _is_within(old.id, clear.id))
        if told and not self._records:
            self._cleared = clear.when

    def clear(self, event: ReportsCleared) -> None:
        """A reset drops everything; a shell's prompt what only a living program can claim."""
        self._cleared = None
        if event.cause is ClearCause.RESET:
            self._keep(lambda _: False)
        else:
            self.end_live()

    def end_live(self) -> None:
        """Drop working, blocked and idle, as when the program is over; done and error stay."""
        self._keep(lambda report: report.state not in _LIVE)

    def _keep(self, wanted: Callable[[ProgramReport], bool]) -> None:
        self._records = {key: report for key, report in self._records.items() if wanted(report)}
        self._since = {key: since for key, since in self._since.items() if key in self._records}

    def _speaker(self) -> ProgramReport | None:
        """Who speaks for the whole: what has been blocked longest, the root, the most urgent part."""
        reports = self._records.values()
        blocked = [report for report in reports if report.state is ReportState.BLOCKED]
        if blocked:
            return min(blocked, key=lambda report: (self._since[report.id].at, report.id))
        return self._records.get("") or min(
            reports, key=lambda report: (_URGENCY.index(report.state), report.id), default=None
        )

    def _activity(self, report: ProgramReport) -> Activity:
        if report.state is ReportState.BLOCKED:
            asks = report.kind in _ANSWERED
            return Activity.NEEDS_ANSWER if asks else Activity.NEEDS_APPROVAL
        if report.state is ReportState.ERROR and any(
            limit.search(report.message) for limit in self._limits
        ):
            return Activity.LIMITED
        return _ACTIVITY[report.state]

    def claim(self) -> Claim | None:
        """What the records say together; ``None`` without any, unless they were taken back."""
        report = self._speaker()
        if report is None:
            return self._farewell()
        kind = f" {report.kind}" if report.kind else ""
        told = f": {report.message}" if report.message else ""
        return Claim(
            source=Source.OSC7501,
            activity=self._activity(report),
            evidence=shorten(f"{report.state}{kind}{told}"),
            since=self._since[report.id],
            said=report.when.at,
            kind=report.kind,
            message=report.message,
        )

    def _farewell(self) -> Claim | None:
        if self._cleared is None:
            return None
        at = self._cleared.at
        told = "it took its reports back"
        return Claim(
            Source.OSC7501, Activity.UNKNOWN, told, self._cleared, at, until=at + CLEAR_GRACE
        )
