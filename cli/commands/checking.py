"""``quarterdeck agent check``: a recording through an agent's status rules, without an engine."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from ...core.sessions.agents.definition import AgentDefinition
from ...core.sessions.status.check import check_screen, read_recording
from ...core.sessions.status.explain import Explanation
from ...core.sessions.terminal.factory import open_emulator
from ..agency import load_catalog
from ..failing import fault, near
from ..invocation import Invocation
from ..place import load


class Recorded(NamedTuple):
    """What was on the screen, and what the program reported of itself."""

    title: str
    lines: Sequence[str]
    dead: bool = False
    reported: str = ""


def check(
    invocation: Invocation,
    *,
    file: str,
    agent: str | None,
    stream: bool,
    title: str | None,
    cols: int,
    lines: int,
) -> None:
    """``agent check``."""
    definitions = _definitions(invocation, agent)
    data = _read(file)
    found = _replay(data, cols, lines) if stream else _screen(data)
    if title is not None:
        found = found._replace(title=title)
    checked = {
        name: check_screen(one, found.title, found.lines, dead=found.dead)
        for name, one in definitions.items()
    }
    told = {
        "title": found.title,
        "reported": found.reported,
        "agents": {name: one.model_dump(mode="json") for name, one in checked.items()},
    }
    invocation.printer.show(told, lambda: _describe(invocation, found, checked))


def _definitions(invocation: Invocation, agent: str | None) -> dict[str, AgentDefinition]:
    """The agent asked for, or all that have rules."""
    known = load_catalog(load(invocation.place).settings).definitions
    if agent is None:
        return {name: one for name, one in known.items() if one.has_rules}
    if agent not in known:
        raise fault("agent_unknown", f"There is no agent {agent}.{near(agent, known)}")
    return {agent: known[agent]}


def _read(file: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise fault("unreadable", f"{file} can't be read: {error.strerror}.") from error


def _screen(data: bytes) -> Recorded:
    recording = read_recording(data.decode("utf-8", "replace"))
    return Recorded(recording.title, recording.lines, recording.dead)


def _replay(data: bytes, cols: int, lines: int) -> Recorded:
    """The screen that a program's bytes leave."""
    emulator = open_emulator(cols, lines)
    emulator.feed(data)
    report = emulator.status.aggregate()
    said = "" if report is None else " ".join(filter(None, (report.state, report.kind, report.msg)))
    return Recorded(emulator.title, emulator.lines(), reported=said)


def _describe(invocation: Invocation, found: Recorded, checked: dict[str, Explanation]) -> None:
    printer = invocation.printer
    printer.fields((("title", found.title), ("reported", found.reported)))
    rows = (
        (name, one.status.activity, one.status.source, one.status.evidence)
        for name, one in checked.items()
    )
    printer.table(("agent", "activity", "source", "evidence"), rows, "No agent has rules.")
    if len(checked) == 1:
        printer.line()
        _describe_rules(invocation, next(iter(checked.values())))


def _describe_rules(invocation: Invocation, explanation: Explanation) -> None:
    rows = (
        ("fits" if rule.fits else "no", rule.rule, rule.origin, rule.text)
        for rule in explanation.rules
    )
    heads = ("", "rule", "from", "because")
    invocation.printer.table(heads, rows, "The agent has no rules.")
