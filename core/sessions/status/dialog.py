"""A dialog on a screen: what it asks, its options, and the fingerprint that tells it from others."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ...protocol.status import Activity, Choice, DialogKind
from ..agents.definition import Meanings
from ..agents.patterns import compile_pattern
from ..agents.rules import Pick, ScreenRule
from .bottom import inner, is_ruled

TEXT_LIMIT = 4000
"""Characters of a dialog's question that are kept."""

NUMBERED = compile_pattern(r"^\s*(?P<mark>[❯›▸▶➤●◉>])?\s*(?P<key>\d{1,2})[.)]\s+(?P<label>\S.*)$")
"""Options as most agents draw them: an optional mark, a number, a label."""

_HOTKEY = re.compile(r"\s*\((?P<key>[a-z]|esc|tab|enter|shift\+tab)\)$")
_COLUMNS = re.compile(r"\s{2,}")
_TYPED = frozenset({DialogKind.QUESTION, DialogKind.AUTH})
"""Dialogs that take words when they show no options."""

_TICK = re.compile(r"\s*[✓✔]$")
_LETTERED = re.compile(r"^\((\w)\)")
_UNSTEADY = re.compile(
    r"[❯›▸▶➤●◉☐☒☑✓✔○◯]"  # marks that move with the selection
    r"|[⠀-⣿◐◑◒◓✢✳✶✻✽]"  # spinners
    r"|\b\d+(?::\d\d)+(?:\s?[AP]M)?\b|\b\d+(?:\.\d+)?(?:ms|s|m|h)\b"  # clocks and durations
    r"|(?<=\]:) \S{1,20}\Z"  # what is being typed behind a line that asks
)


@dataclass(frozen=True, slots=True)
class Option:
    """One option of a dialog. ``line`` is the first line it takes, counted in its region."""

    key: str
    label: str
    marked: bool = False
    meaning: str | None = None
    hotkey: str | None = None
    line: int = 0


@dataclass(frozen=True, slots=True)
class Dialog:
    """An open dialog.

    ``fingerprint`` stays as long as the dialog does and differs for another one; ``head`` is the
    part of it without the options. ``free_key`` names the option that takes text.
    """

    kind: DialogKind
    activity: Activity
    text: str
    options: tuple[Option, ...]
    fingerprint: str
    head: str
    free_key: str | None = None
    pick: Pick | None = None

    @property
    def marked(self) -> int | None:
        """The position of the option that Enter would choose, if it shows."""
        return next((n for n, option in enumerate(self.options) if option.marked), None)

    @property
    def free_text(self) -> bool:
        """Whether it can be answered in words."""
        return self.free_key is not None or (not self.options and self.kind in _TYPED)

    def choices(self) -> tuple[Choice, ...]:
        """The options as they cross the boundary."""
        return tuple(
            Choice(key=option.key, label=option.label, meaning=option.meaning)
            for option in self.options
        )

    def same_as(self, later: Dialog) -> bool:
        """Whether ``later`` is this dialog still: nothing but the text typed into it differs."""
        if self.fingerprint == later.fingerprint:
            return True
        if self.free_key is None or (self.kind, self.head) != (later.kind, later.head):
            return False
        return self.options_but(self.free_key) == later.options_but(self.free_key)

    def followed_by(self, later: Dialog) -> Dialog:
        """``later``, the same dialog: what takes text still does when its label has given way."""
        return replace(later, free_key=later.free_key or self.free_key)

    def options_but(self, free_key: str | None) -> list[tuple[str, str]]:
        """Keys and labels of the options but the one that takes text: empty, it is none."""
        return [(option.key, option.label) for option in self.options if option.key != free_key]


def digest(*parts: str) -> str:
    """A short fingerprint of ``parts``."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]


def steady(lines: Sequence[str]) -> str:
    """``lines`` as one text without what moves while a dialog stays: marks, spinners, times, wraps."""
    text = " ".join(inner(line) for line in lines if not is_ruled(line))
    return " ".join(_UNSTEADY.sub(" ", text).split())


def _meaning(label: str, meanings: Meanings) -> str | None:
    for name in ("other", "reject", "allow_always", "allow_once"):
        if any(pattern.search(label) for pattern in getattr(meanings, name)):
            return None if name == "other" else name
    return None


def _option(found: re.Match[str], line: int, position: int) -> Option:
    groups = found.groupdict()
    label = _LETTERED.sub(r"\1", _TICK.sub("", _COLUMNS.split(found["label"].strip())[0]))
    return Option(
        key=(groups.get("key") or str(position)).lower(),
        label=label,
        marked=bool((groups.get("mark") or "").strip()),
        line=line,
    )


def _last_run(options: list[Option]) -> list[Option]:
    """The last options whose numbers follow each other: a list quoted above them is not theirs."""
    run: list[Option] = []
    for option in reversed(options):
        if not option.key.isdigit():
            return options
        if run and int(option.key) != int(run[0].key) - 1:
            break
        run.insert(0, option)
    return run


def _with_wraps(option: Option, until: int, lines: Sequence[str], column: int) -> Option:
    """``option`` with the lines below it that its label was wrapped to."""
    label = option.label
    for line in lines[option.line + 1 : until]:
        indent = len(line) - len(line.lstrip())
        if is_ruled(line) or indent < column:
            break
        label += " " + line.strip()
    return replace(option, label=label)


def _join_wraps(options: list[Option], lines: Sequence[str]) -> list[Option]:
    ends = [option.line for option in options[1:]] + [len(lines) - 1]
    return [
        _with_wraps(option, end, lines, lines[option.line].find(option.label))
        for option, end in zip(options, ends, strict=True)
    ]


def _finish(option: Option, kind: DialogKind, meanings: Meanings) -> Option:
    """``option`` with its hotkey taken from its label, and what choosing it means."""
    found = _HOTKEY.search(option.label)
    label = option.label[: found.start()] if found else option.label
    meaning = None if kind is DialogKind.QUESTION else _meaning(label, meanings)
    return replace(option, label=label, hotkey=found["key"] if found else None, meaning=meaning)


def read_options(rule: ScreenRule, lines: Sequence[str], meanings: Meanings) -> tuple[Option, ...]:
    """The options in a dialog's inner lines."""
    if rule.kind is None:
        return ()
    pattern = rule.choices or NUMBERED
    found: list[Option] = []
    for number, line in enumerate(lines):
        found += [
            _option(match, number, len(found) + offset)
            for offset, match in enumerate(pattern.finditer(line), 1)
        ]
    options = _last_run(found)
    one_each = len({option.line for option in options}) == len(options)
    if options and one_each and rule.kind is not DialogKind.QUESTION:
        options = _join_wraps(options, lines)
    return tuple(_finish(option, rule.kind, meanings) for option in options)


def _clean(text: str) -> str:
    lines = (line.strip() for line in text.splitlines() if not is_ruled(line))
    return "\n".join(line for line in lines if line)[:TEXT_LIMIT]


def _question(rule: ScreenRule, lines: Sequence[str], head: Sequence[str]) -> str:
    joined = "\n".join(lines)
    for pattern in rule.text:
        if (found := pattern.search(joined)) and (text := _clean(found["text"])):
            return text
    return _clean("\n".join(head))


def read_dialog(rule: ScreenRule, region: Sequence[str], meanings: Meanings) -> Dialog:
    """The dialog that ``rule`` found in ``region``.

    :raises ValueError: if the rule finds no dialogs.
    """
    if rule.kind is None or rule.activity is None:
        msg = f"the rule {rule.id} finds no dialogs"
        raise ValueError(msg)
    lines = [inner(line) for line in region]
    options = read_options(rule, lines, meanings)
    head = lines[: options[0].line] if options else lines
    text = _question(rule, lines, head)
    # What a person reads and decides on counts to the letter; what stands around it may move.
    asked = " ".join(text.split())
    labels = [f"{option.key} {option.label}" for option in options]
    # Without a start the region holds what happens to stand above the dialog, which may scroll;
    # without options what is being typed may stand anywhere in it.
    typed_into = not options and rule.kind in _TYPED
    around, above = (steady(lines), steady(head)) if rule.start and not typed_into else ("", "")
    free = (
        option.key for option in options if rule.free_text and rule.free_text.search(option.label)
    )
    return Dialog(
        kind=rule.kind,
        activity=rule.activity,
        text=text,
        options=options,
        fingerprint=digest(rule.kind, asked, *labels, around),
        head=digest(rule.kind, asked, above),
        free_key=next(free, None),
        pick=rule.pick,
    )
