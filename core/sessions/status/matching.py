"""Which rule fits a title or a screen, on what text, and why the others don't."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from ..agents.definition import AgentDefinition, Meanings
from ..agents.rules import Rule, ScreenRule, TitleRule
from .bottom import Bottom, flat, is_ruled
from .dialog import Dialog, read_dialog

EVIDENCE_LIMIT = 160
"""Characters of matched text that a status shows as its evidence."""

R = TypeVar("R", bound=Rule)


@dataclass(frozen=True, slots=True)
class TitleMatch:
    """A title rule and the title that it fits."""

    rule: TitleRule
    evidence: str


@dataclass(frozen=True, slots=True)
class ScreenMatch:
    """A screen rule, the line that it fits, and the dialog if it found one."""

    rule: ScreenRule
    evidence: str
    dialog: Dialog | None = None


@dataclass(frozen=True, slots=True)
class Miss:
    """A rule that doesn't fit, and the condition that failed."""

    rule: Rule
    why: str


def _stood(evidence: str, lines: Sequence[str]) -> bool:
    return any(evidence.removesuffix("…") in " ".join(line.split()) for line in lines)


def by_priority(rules: Iterable[R]) -> tuple[R, ...]:
    """``rules`` in the order in which they are tried."""
    return tuple(sorted(rules, key=lambda rule: -rule.priority))


def shorten(text: str) -> str:
    """``text`` on one line, no longer than evidence may be."""
    line = " ".join(text.split())
    return line if len(line) <= EVIDENCE_LIMIT else line[: EVIDENCE_LIMIT - 1] + "…"


def _named(found: re.Match[str]) -> str | None:
    return found.groupdict().get("evidence")


class _Text:
    """A text that is searched as it stands, then as one line."""

    def __init__(self, lines: Sequence[str]) -> None:
        self._text = "\n".join(lines)
        self._flat = flat(lines)

    def find(self, pattern: re.Pattern[str]) -> str | None:
        """What is found: the group ``evidence``, else the match's first line that isn't only drawn."""
        found = pattern.search(self._text)
        if found is None:
            found = pattern.search(self._flat)
            return _named(found) or found.group() if found else None
        if named := _named(found):
            return named
        start = self._text.rfind("\n", 0, found.start()) + 1
        end = self._text.find("\n", found.end())
        lines = self._text[start : end if end >= 0 else None].split("\n")
        return next((line for line in lines if not is_ruled(line)), lines[0])


def _conditions(rule: Rule, text: _Text) -> str | Miss:
    """The text that fits ``rule``, or the condition that failed."""
    evidence = ""
    for pattern in rule.all:
        found = text.find(pattern)
        if found is None:
            return Miss(rule, f"all: nothing matches {pattern.pattern}")
        evidence = evidence or found
    if rule.any:
        hits = (text.find(pattern) for pattern in rule.any)
        one = next((hit for hit in hits if hit is not None), None)
        if one is None:
            return Miss(rule, "any: nothing matches " + " or ".join(p.pattern for p in rule.any))
        evidence = one
    for pattern in rule.none:
        if (found := text.find(pattern)) is not None:
            return Miss(rule, f"none: {pattern.pattern} matches {shorten(found)}")
    return evidence


def _ending(pattern: re.Pattern[str], lines: Sequence[str]) -> str | None:
    """The last line, or the last two as one, if ``pattern`` matches up to the end of it."""
    for tail in (flat(lines[-1:]), flat(lines[-2:])):
        if any(found.end() == len(tail) for found in pattern.finditer(tail)):
            return tail
    return None


def _narrowed(rule: ScreenRule, lines: Sequence[str]) -> Sequence[str] | None:
    if rule.start is None:
        return lines
    for number in range(len(lines) - 1, -1, -1):
        if rule.start.search(lines[number]):
            return lines[number:]
    return None


def try_screen_rule(rule: ScreenRule, bottom: Bottom, meanings: Meanings) -> ScreenMatch | Miss:
    """What ``rule`` finds at the bottom of a screen."""
    if rule.cursor and bottom.cursor_last is False:
        return Miss(rule, "cursor: it doesn't stand on the last line")
    if not bottom.lines:
        return Miss(rule, "the screen is empty")
    region = _narrowed(rule, bottom.lines[-rule.region :])
    if region is None:
        return Miss(rule, f"start: no line matches {rule.start.pattern if rule.start else ''}")
    ending = _ending(rule.ends, region) if rule.ends else None
    if rule.ends and ending is None:
        return Miss(rule, f"ends: the last line doesn't match {rule.ends.pattern}")
    evidence = _conditions(rule, _Text(region))
    if isinstance(evidence, Miss):
        return evidence
    dialog = read_dialog(rule, region, meanings) if rule.is_dialog else None
    return ScreenMatch(rule, shorten(evidence or ending or ""), dialog)


def try_title_rule(rule: TitleRule, title: str) -> TitleMatch | Miss:
    """Whether ``rule`` fits ``title``."""
    result = _conditions(rule, _Text([title.strip()]))
    return result if isinstance(result, Miss) else TitleMatch(rule, shorten(title))


class RuleBook:
    """An agent's rules in the order in which they are tried."""

    def __init__(self, definition: AgentDefinition) -> None:
        self.titles = by_priority(definition.title_rules)
        self.screens = by_priority(rule for rule in definition.screen_rules if not rule.modal)
        self.modals = by_priority(rule for rule in definition.screen_rules if rule.modal)
        self._meanings = definition.meanings

    def title(self, title: str) -> TitleMatch | None:
        """The first rule that fits ``title``."""
        results = (try_title_rule(rule, title) for rule in self.titles)
        return next((result for result in results if isinstance(result, TitleMatch)), None)

    def screen(self, bottom: Bottom, before: Sequence[str] = ()) -> ScreenMatch | None:
        """The first rule that fits the bottom of a screen; ``before``: its lines while it worked."""
        results = (self.try_screen(rule, bottom) for rule in self.screens)
        return next(
            (
                result
                for result in results
                if isinstance(result, ScreenMatch)
                and not (result.rule.fresh and _stood(result.evidence, before))
            ),
            None,
        )

    def in_the_way(self, bottom: Bottom) -> ScreenMatch | None:
        """What takes the keys in place of the input box: a dialog, a viewer, a menu."""
        match = self.screen(bottom)
        if match is not None and (match.dialog is not None or match.rule.hold):
            return match
        results = (self.try_screen(rule, bottom) for rule in self.modals)
        return next((result for result in results if isinstance(result, ScreenMatch)), None)

    def try_screen(self, rule: ScreenRule, bottom: Bottom) -> ScreenMatch | Miss:
        """What one rule finds."""
        return try_screen_rule(rule, bottom, self._meanings)

    @property
    def finds_dialogs(self) -> bool:
        """Whether any screen rule finds requests."""
        return any(rule.is_dialog for rule in self.screens)
