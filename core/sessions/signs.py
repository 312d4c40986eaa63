"""What a terminal's signals mean to whoever reads the status."""

from __future__ import annotations

from typing import assert_never

from ..protocol.status import DialogKind
from .status.inputs import (
    AttentionSignal,
    ClearCause,
    Moment,
    Observation,
    ProgramReport,
    ReportsCleared,
    ReportState,
    TitleSeen,
)
from .terminal.signals import (
    Bell,
    Notification,
    ProgramStatus,
    PromptMark,
    Signal,
    TerminalReset,
    TitleChanged,
    WorkingDirectory,
)
from .terminal.status_protocol import Report


def observed(signal: Signal, moment: Moment) -> tuple[Observation, ...]:
    """The observations that ``signal`` is; none if it says nothing of the status."""
    found: Observation | None = None
    match signal:
        case TitleChanged(title=title):
            found = TitleSeen(moment, title)
        case ProgramStatus(report=report):
            found = program_report(report, moment)
        case Bell():
            found = AttentionSignal(moment, "bell")
        case Notification(protocol=protocol, title=title, body=body):
            text = f"{title}: {body}" if title and body else title or body
            found = AttentionSignal(moment, f"osc{protocol}", text)
        case PromptMark(kind=kind):
            found = ReportsCleared(moment, ClearCause.PROMPT_MARK) if kind == "A" else None
        case TerminalReset():
            found = ReportsCleared(moment, ClearCause.RESET)
        case WorkingDirectory():
            pass  # where a program says it is changes nothing
        case _:
            assert_never(signal)
    return () if found is None else (found,)


def program_report(report: Report, moment: Moment) -> ProgramReport:
    """The observation that a program's report is."""
    return ProgramReport(
        moment,
        ReportState(report.state),
        kind=DialogKind(report.kind) if report.kind else None,
        message=report.msg,
        id=report.id,
        app=report.app,
    )
