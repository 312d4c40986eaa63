"""Words and signs for what is shown; text of agents made safe to show."""

from __future__ import annotations

import os
import re

from rich.cells import cell_len, chop_cells

from ...core.protocol.attention import AttentionKind
from ...core.protocol.status import Activity, Lifecycle
from ...core.protocol.views import SessionView

BIDI = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
_HARMFUL = dict.fromkeys(map(ord, BIDI)) | dict.fromkeys((*range(32), *range(127, 160)), " ")
_BLANKS = re.compile(r"\s+")

SIGNS: dict[str, tuple[str, str]] = {
    "working": ("▸", "working"),
    "needs approval": ("!", "needs"),
    "needs answer": ("?", "needs"),
    "done": ("✓", "done"),
    "idle": ("·", "muted"),
    "limited": ("‖", "needs"),
    "error": ("✗", "error"),
    "unknown": ("~", "muted"),
    "created": ("○", "muted"),
    "starting": ("▹", "working"),
    "stopping": ("▿", "muted"),
    "exited": ("□", "muted"),
    "crashed": ("✗", "error"),
    "lost": ("¤", "error"),
}
"""The sign and the tone of each shown status."""

SHORT = {"needs approval": "approve", "needs answer": "answer"}

KIND_SIGNS: dict[AttentionKind, tuple[str, str]] = {
    AttentionKind.APPROVAL: ("!", "needs"),
    AttentionKind.QUESTION: ("?", "needs"),
    AttentionKind.GATE: ("#", "needs"),
    AttentionKind.FAILURE: ("✗", "error"),
    AttentionKind.LIMIT: ("‖", "needs"),
    AttentionKind.TURN_DONE: ("✓", "done"),
}
KIND_WORDS = {kind: kind.value.replace("_", " ") for kind in AttentionKind}


def clean(text: str, limit: int = 400) -> str:
    """``text`` on one line without control and direction characters, cut at ``limit``."""
    if len(text) <= limit and text.isprintable() and "  " not in text:  # as nearly all are
        return text.strip()
    shown = _BLANKS.sub(" ", text[: limit * 2].translate(_HARMFUL)).strip()
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def clean_cells(text: str) -> str:
    """``text`` of a screen's row: control characters become blanks, direction ones vanish."""
    return text if text.isprintable() else text.translate(_HARMFUL)


def clean_lines(text: str) -> list[str]:
    """The lines of ``text``, each made safe, their indents kept."""
    return [line.expandtabs(4).translate(_HARMFUL).rstrip() for line in text.splitlines()]


def text_under(title: str, text: str) -> list[str]:
    """The lines of ``text`` that don't only repeat the ``title`` over them, however broken."""
    lines = clean_lines(text)
    heading = clean(title)
    for number in range(1, len(lines) + 1):
        head = clean(" ".join(lines[:number]))
        if head == heading:
            return lines[number:]
        if not heading.startswith(head):
            break
    return lines


def short_status(session: SessionView) -> str:
    """The word for a session's state in a list, with the exit code where there is one."""
    word = session.shown
    if session.lifecycle is Lifecycle.EXITED and session.exit_code is not None:
        code = str(session.exit_code)
        return f"exit {code}" if len(code) < 3 else f"exit{code}"  # as wide as its column
    return SHORT.get(word, word)


def sign(session: SessionView) -> tuple[str, str]:
    """The sign and the tone of a session's state.

    One that exited was told to, or ended well, whatever its code: else it has crashed.
    """
    return SIGNS.get(session.shown, ("~", "muted"))


def short_path(path: str, home: str | None = None) -> str:
    """``path`` with ``~`` for the person's home."""
    base = os.path.expanduser("~") if home is None else home  # noqa: PTH111 - text, no path work
    shown = clean(path)
    if base and (shown == base or shown.startswith(base + "/")):
        return "~" + shown[len(base) :]
    return shown


def repo_name(session: SessionView) -> str:
    """What a session's repository is called: its last path part; empty if it is in none."""
    return clean(session.repo.rstrip("/").rpartition("/")[2])


def plural(count: int, one: str, many: str | None = None) -> str:
    """``count`` with its noun."""
    return f"{count} {one if count == 1 else many or one + 's'}"


def is_quiet(session: SessionView) -> bool:
    """Whether nothing is going on and nothing is asked: idle, or its turn done."""
    return session.lifecycle is Lifecycle.RUNNING and session.status.activity in {
        Activity.IDLE,
        Activity.TURN_DONE,
    }


def needs_person(session: SessionView) -> bool:
    """Whether a session waits for a person."""
    return session.lifecycle is Lifecycle.RUNNING and session.status.activity in {
        Activity.NEEDS_APPROVAL,
        Activity.NEEDS_ANSWER,
    }


def wrapped(text: str, width: int) -> list[str]:
    """``text`` in lines of ``width`` cells at most; broken between words where that can be."""
    lines: list[str] = []
    here = ""
    for word in text.split(" "):
        joined = f"{here} {word}" if here else word
        if cell_len(joined) <= width:
            here = joined
            continue
        if here:
            lines.append(here)
        *full, here = (chop_cells(word, width) if width > 1 else []) or [word]
        lines += full
    return [*lines, here]
