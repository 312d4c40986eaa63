"""Trying rules on a recorded screen: what would be detected, by which rule, and why not others."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from ..agents.definition import AgentDefinition
from ..agents.rules import Rule
from .bottom import bottom_of
from .detector import StatusDetector
from .explain import Explanation, RuleTrace
from .inputs import Moment, ProcessExited, ProcessStarted, ScreenSettled, TitleSeen
from .matching import Miss, RuleBook, ScreenMatch, TitleMatch, try_title_rule

_HEADER = re.compile(
    r"# title: (?P<title>.*) \| alt=(?P<alt>[01]) cursor=(?P<cursor>[01]) mouse=(?P<mouse>[01])"
    r" dead=(?P<dead>[01]):(?P<code>-?\d*) size=(?P<cols>\d+)x(?P<rows>\d+)"
)
_START = Moment(0.0, datetime(2026, 1, 1, tzinfo=UTC))


@dataclass(frozen=True, slots=True)
class Recording:
    """A screen as it was captured: its title and its lines; ``dead``: its program had ended."""

    title: str
    lines: tuple[str, ...]
    dead: bool = False
    exit_code: int | None = None


def read_recording(text: str) -> Recording:
    """A recording from a file's text: with the header line of recorded screens, or plain lines."""
    lines = tuple(text.splitlines())
    header = _HEADER.fullmatch(lines[0]) if lines else None
    if header is None:
        return Recording("", lines)
    code = int(header["code"]) if header["code"] else None
    return Recording(header["title"].strip(), lines[1:], header["dead"] == "1", code)


def _trace(rule: Rule, result: TitleMatch | ScreenMatch | Miss) -> RuleTrace:
    fits = not isinstance(result, Miss)
    text = result.why if isinstance(result, Miss) else result.evidence
    return RuleTrace(rule=rule.id, origin=rule.origin, fits=fits, text=text)


def _traces(definition: AgentDefinition, title: str, lines: Sequence[str]) -> list[RuleTrace]:
    rules = RuleBook(definition)
    bottom = bottom_of(lines)
    of_titles = [_trace(rule, try_title_rule(rule, title)) for rule in rules.titles]
    of_screens = (*rules.screens, *rules.modals)
    return of_titles + [_trace(rule, rules.try_screen(rule, bottom)) for rule in of_screens]


def check_screen(
    definition: AgentDefinition, title: str, lines: Sequence[str], *, dead: bool = False
) -> Explanation:
    """What is detected on a screen seen for the first time, long after the agent's start.

    The explanation's ``rules`` hold every rule in the order it is tried, fitting or not.
    """
    detector = StatusDetector(definition, _START)
    detector.feed(ProcessStarted(_START, resumed=True))
    detector.feed(ScreenSettled(_START, tuple(lines)))
    detector.feed(TitleSeen(_START, title))
    if dead:
        detector.feed(ProcessExited(_START, "the recorded program had ended"))
    explanation = detector.explain()
    return explanation.model_copy(update={"rules": tuple(_traces(definition, title, lines))})


def check_recording(definition: AgentDefinition, text: str) -> Explanation:
    """The same for the text of a recorded screen's file."""
    recording = read_recording(text)
    return check_screen(definition, recording.title, recording.lines, dead=recording.dead)
