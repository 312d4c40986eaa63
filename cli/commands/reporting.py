"""``quarterdeck status``: tells the terminal how a program stands."""

from __future__ import annotations

import os
import sys

from ...core.sessions.terminal.status_protocol import format_report
from ..failing import fault
from ..invocation import Invocation


def status(
    invocation: Invocation,
    *,
    state: str,
    msg: str | None,
    progress: int | None,
    kind: str | None,
    cost: float | None,
    tokens: int | None,
) -> None:
    """``status``."""
    report = format_report(
        state, kind=kind, progress=progress, msg=msg or "", cost=cost, tokens=tokens
    )
    _tell_terminal(report)
    if invocation.printer.as_json:
        told: dict[str, object] = {"state": state, "kind": kind, "progress": progress, "msg": msg}
        told |= {"cost": cost, "tokens": tokens}
        invocation.printer.show({"reported": told}, lambda: None)


def _tell_terminal(report: bytes) -> None:
    """Write ``report`` to the terminal, even where standard output leads elsewhere."""
    try:
        terminal = os.open("/dev/tty", os.O_WRONLY | os.O_NOCTTY)
    except OSError:
        _tell_output(report)
        return
    try:
        os.write(terminal, report)
    finally:
        os.close(terminal)


def _tell_output(report: bytes) -> None:
    if not sys.stdout.isatty():
        raise fault("not_a_terminal", "There is no terminal here that could be told a status.")
    sys.stdout.flush()
    os.write(sys.stdout.fileno(), report)
