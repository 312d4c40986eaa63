"""Asking a person on the terminal, while the rest goes on."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from enum import StrEnum

from ...core.protocol.attention import AttentionItem
from ..printing import clean, clean_lines


class LineInput:
    """Lines that a person types, read without a thread; ``closed`` at the end of the input."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._rest = b""
        self._lines: deque[str] = deque()
        self._came = asyncio.Event()
        self._reading = False
        self.closed = False

    async def line(self) -> str | None:
        """The next line; ``None`` at the end of the input. What was typed before counts not."""
        self._lines.clear()
        self._rest = b""
        loop = asyncio.get_running_loop()
        loop.add_reader(self._descriptor, self._read)
        try:
            while not self._lines and not self.closed:
                self._came.clear()
                await self._came.wait()
        finally:
            loop.remove_reader(self._descriptor)
        return self._lines.popleft() if self._lines else None

    def _read(self) -> None:
        try:
            data = os.read(self._descriptor, 4096)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        self.closed = self.closed or not data
        *lines, self._rest = (self._rest + data).split(b"\n")
        self._lines += [line.decode(errors="replace").strip() for line in lines]
        self._came.set()


class Wish(StrEnum):
    """What a person wants who pressed ctrl+c."""

    PAUSE = "pause"
    CANCEL = "cancel"
    DETACH = "detach"
    GO_ON = "go on"


_WISHES = {"": Wish.GO_ON, "p": Wish.PAUSE, "c": Wish.CANCEL, "d": Wish.DETACH, "g": Wish.GO_ON}

INTERRUPT_QUESTION = (
    "Interrupted. [p]ause it, [c]ancel it, [d]etach and let it run, or enter to go on? "
)


def wish_of(line: str) -> Wish | None:
    """What a line says; ``None`` if it says nothing of the kind."""
    word = line.casefold()
    known = {wish.value: wish for wish in Wish}
    return _WISHES.get(word) or known.get(word)


def question(item: AttentionItem) -> str:
    """A question with its choices, ready for an answer on the same line."""
    text = clean_lines(item.text or item.title).strip()
    choices = "  ".join(
        f"[{clean(choice.key)}]" + (f" {clean(choice.label)}" if choice.label != choice.key else "")
        for choice in item.choices
    )
    return f"{clean(item.task_id)} asks: {text}\n  {choices}\n> "


def choice_of(item: AttentionItem, line: str) -> str | None:
    """The choice that a line means: its key, its label, or how one of them begins; else ``None``."""
    word = line.casefold()
    if not word:
        return None
    for choice in item.choices:
        if word in {choice.key.casefold(), choice.label.casefold()}:
            return choice.key
    begun = {
        choice.key
        for choice in item.choices
        if choice.key.casefold().startswith(word) or choice.label.casefold().startswith(word)
    }
    if len(begun) == 1:
        return begun.pop()
    meanings = {"y": "allow_once", "yes": "allow_once", "n": "reject", "no": "reject"}
    wanted = meanings.get(word)
    return next((one.key for one in item.choices if wanted and one.meaning == wanted), None)


def given_choice(item: AttentionItem, word: str) -> str | None:
    """The choice that an answer given ahead means: its key, ``yes`` or ``no``; else ``None``."""
    if any(choice.key == word for choice in item.choices):
        return word
    fitting = {
        "yes": (one.key for one in item.choices if one.meaning != "reject"),
        "no": (one.key for one in item.choices if one.meaning == "reject"),
    }
    return next(iter(fitting.get(word, ())), None)
