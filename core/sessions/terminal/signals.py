"""What a program tells its terminal beside the screen."""

from __future__ import annotations

import base64
import binascii
import re
from collections import OrderedDict, deque
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from .status_protocol import Report
from .untrusted import one_line

MAX_TITLE = 256
MAX_NOTE = 1024
MAX_PATH = 4096
MAX_PENDING = 256
"""Signals kept until they are taken; beyond, the oldest go and are counted."""


@dataclass(frozen=True, slots=True)
class TitleChanged:
    """The terminal has another title."""

    title: str


@dataclass(frozen=True, slots=True)
class Bell:
    """BEL rang."""


@dataclass(frozen=True, slots=True)
class Notification:
    """A desktop notification, by OSC 9, 777 or 99 (``protocol``)."""

    protocol: int
    title: str
    body: str


@dataclass(frozen=True, slots=True)
class ProgramStatus:
    """A report by OSC 7501."""

    report: Report


@dataclass(frozen=True, slots=True)
class PromptMark:
    """A shell's mark (OSC 133): A prompt, B input, C output, D end with its ``exit`` code."""

    kind: str
    exit: int | None = None


@dataclass(frozen=True, slots=True)
class WorkingDirectory:
    """Where the program says it is."""

    path: str


@dataclass(frozen=True, slots=True)
class TerminalReset:
    """A full reset (RIS): titles and status reports before it count no more."""


Signal = (
    TitleChanged
    | Bell
    | Notification
    | ProgramStatus
    | PromptMark
    | WorkingDirectory
    | TerminalReset
)


class SignalQueue:
    """Signals in order until they are taken; bounded, dropping the oldest."""

    def __init__(self, limit: int = MAX_PENDING) -> None:
        self._pending: deque[Signal] = deque(maxlen=limit)
        self.dropped = 0

    def put(self, signal: Signal) -> None:
        """Add ``signal``."""
        if len(self._pending) == self._pending.maxlen:
            self.dropped += 1
        self._pending.append(signal)

    def take(self) -> list[Signal]:
        """All signals since the last call, oldest first."""
        taken = list(self._pending)
        self._pending.clear()
        return taken


_CONEMU = re.compile(r"(?:1[0-2]|[1-9])(?:;|$)")
"""OSC 9 with a sub-command of ConEmu: progress, tab texts, ...; the rest is a notification."""


def read_osc9(text: str) -> Notification | WorkingDirectory | None:
    """OSC 9: a notification, or the working directory as sub-command 9."""
    if text.startswith("9;"):
        return _directory(text[2:].strip('"'))
    if _CONEMU.match(text):
        return None
    return _notification(9, "", text)


def read_osc777(text: str) -> Notification | None:
    """OSC 777 ; notify ; title ; body."""
    command, _, rest = text.partition(";")
    if command != "notify":
        return None
    title, _, body = rest.partition(";")
    return _notification(777, title, body)


def read_osc7(text: str) -> WorkingDirectory | None:
    """OSC 7 ; file://host/path."""
    if not text.startswith("file://"):
        return None
    try:
        path = urlsplit(text).path
    except ValueError:
        return None
    return _directory(unquote(path))


def read_osc133(text: str) -> PromptMark | None:
    """OSC 133 ; A, B, C or D with an exit code; further parameters are ignored."""
    kind, _, rest = text.partition(";")
    if kind not in {"A", "B", "C", "D"}:
        return None
    code = rest.partition(";")[0]
    known = kind == "D" and re.fullmatch(r"-?[0-9]{1,6}", code)
    return PromptMark(kind, int(code) if known else None)


def _directory(path: str) -> WorkingDirectory | None:
    clean = one_line(path, MAX_PATH)
    return WorkingDirectory(clean) if clean else None


def _notification(protocol: int, title: str, body: str) -> Notification | None:
    note = Notification(protocol, one_line(title, MAX_TITLE), one_line(body, MAX_NOTE))
    return note if note.title or note.body else None


class Osc99Reader:
    """Notifications by OSC 99 come in pieces with an id; a few unfinished ones are kept."""

    def __init__(self, limit: int = 8) -> None:
        self._limit = limit
        self._open: OrderedDict[str, dict[str, str]] = OrderedDict()

    def feed(self, text: str) -> Notification | None:
        """Take one sequence; the notification that it completes, if any."""
        head, _, payload = text.partition(";")
        meta = dict(pair.split("=", 1) for pair in head.split(":") if "=" in pair)
        part = meta.get("p", "title")
        if part not in {"title", "body"}:
            return None
        key = meta.get("i", "")[:64]
        parts = self._open.pop(key, {})
        parts[part] = (parts.get(part, "") + _decoded(payload, meta.get("e")))[:MAX_NOTE]
        if meta.get("d") == "0":
            self._keep(key, parts)
            return None
        title, body = parts.get("title", ""), parts.get("body", "")
        return _notification(99, title if body else "", body or title)

    def _keep(self, key: str, parts: dict[str, str]) -> None:
        while len(self._open) >= self._limit:
            self._open.popitem(last=False)
        self._open[key] = parts


def _decoded(payload: str, encoding: str | None) -> str:
    if encoding != "1":
        return payload
    try:
        raw = base64.b64decode(payload + "=" * (-len(payload) % 4), validate=True)
    except (binascii.Error, ValueError):
        return ""
    return raw.decode("utf-8", "replace")
