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
    """The observation that ``signal`` is, if it says anything of the status."""
    match signal:
        case TitleChanged(title=title):
            return (TitleSeen(moment, title),)
        case ProgramStatus(report=report):
            return (program_report(report, moment),)
        case Bell():
            return (AttentionSignal(moment, "bell"),)
        case Notification(protocol=protocol, title=title, body=body):
            text = f"{title}: {body}" if title and body else title or body
            return (AttentionSignal(moment, f"osc{protocol}", text),)
        case PromptMark(kind=kind):
            return (ReportsCleared(moment, ClearCause.PROMPT_MARK),) if kind == "A" else ()
        case TerminalReset():
            return (ReportsCleared(moment, ClearCause.RESET),)
        case WorkingDirectory():
            return ()  # where a program says it is changes nothing
        case _:
            assert_never(signal)


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
