"""``quarterdeck doctor``."""

from __future__ import annotations

from ...core.settings import SettingsInvalid
from .. import checks_engine, checks_here
from ..exits import FAILED
from ..finding import Check, Grade
from ..invocation import Invocation

CHECKS: tuple[Check, ...] = (
    checks_here.python,
    checks_here.back_end,
    checks_here.term,
    checks_here.colours,
    checks_here.size,
    checks_here.config,
    checks_here.state_dir,
    checks_here.disk,
    checks_here.socket,
    checks_here.agents,
    checks_here.git,
    checks_here.notifier,
    checks_engine.keeper,
    checks_engine.engine,
    checks_engine.left_running,
)


def doctor(invocation: Invocation) -> int | None:
    """``doctor``; exit code 1 if something must be mended."""
    try:
        place = invocation.place
    except SettingsInvalid:  # the check of the configuration tells it
        place = invocation.bare_place
    findings = [check(place) for check in CHECKS]
    failed = any(finding.grade is Grade.FAIL for finding in findings)
    printer = invocation.printer
    rows = (
        (one.grade, one.check, f"{one.message}. {one.todo}" if one.todo else one.message)
        for one in findings
    )
    printer.show(
        {"ok": not failed, "checks": [one._asdict() for one in findings]},
        lambda: printer.table(("", "check", "found"), rows, ""),
    )
    return FAILED if failed else None
