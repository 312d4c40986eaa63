"""Key presses as they came from the terminal, and as the toolkit reads them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from textual import events
from textual._xterm_parser import XTermParser
from textual.message import Message

from .splitter import ESCAPE, Splitter, is_escaped, is_paste, pasted

CTRL_H = "\b"
"""A backspace to the toolkit, and to some programs; others tell the two apart."""

_IN_A_FIELD = {
    "b": "ctrl+left", "f": "ctrl+right", "\x7f": "ctrl+w", "\r": "alt+enter", "\n": "alt+enter",
}  # fmt: skip
"""What Alt with a key means where text is written; elsewhere it is what a keymap says."""


@dataclass(frozen=True, slots=True)
class Stroke:
    """One press, or one paste.

    ``raw`` is what the terminal sent; empty if it is not known. ``event`` is what it means; ``None``
    if the toolkit knows of no such key. If it may be Escape and another key as well, typed faster
    than can be told from Alt, ``apart`` has the two, and ``field`` what it is in a field of text.
    """

    raw: str
    event: events.Key | events.Paste | None
    apart: tuple[events.Key, ...] = ()
    field: events.Key | None = None

    @property
    def as_it_came(self) -> bool:
        """Whether only the terminal's own bytes say what was typed."""
        return self.event is None or bool(self.apart) or self.raw == CTRL_H

    @property
    def data(self) -> bytes:
        """The terminal's own bytes."""
        return self.raw.encode(errors="surrogateescape")


class Typed(Message):
    """Strokes that were read at once."""

    def __init__(self, strokes: tuple[Stroke, ...]) -> None:
        super().__init__()
        self.strokes = strokes

    def events(self) -> Iterator[events.Key | events.Paste]:
        """Every event that a stroke may come to."""
        for stroke in self.strokes:
            yield from filter(None, (stroke.event, *stroke.apart, stroke.field))


class StrokeReader:
    """Turns what a terminal sends into strokes and, for mouse and reports, the toolkit's messages."""

    def __init__(self) -> None:
        self.splitter = Splitter()
        self._parser = XTermParser()

    @property
    def wait(self) -> float | None:
        """How long what is held back may still be waited for; ``None``: nothing is."""
        return self.splitter.wait

    def feed(self, text: str) -> list[Message]:
        """What ``text`` completes."""
        return self._messages(self.splitter.feed(text))

    def flush(self) -> list[Message]:
        """What was held back, now that nothing followed."""
        return self._messages(self.splitter.flush())

    def _messages(self, units: list[str]) -> list[Message]:
        found: list[Message] = []
        strokes: list[Stroke] = []
        for unit in units:
            for one in self._read(unit):
                if isinstance(one, Stroke):
                    strokes.append(one)
                    continue
                if strokes:
                    found.append(Typed(tuple(strokes)))
                    strokes = []
                found.append(one)
        return [*found, Typed(tuple(strokes))] if strokes else found

    def _read(self, unit: str) -> Sequence[Stroke | Message]:
        if is_paste(unit):
            text = pasted(unit).replace("\0", "").encode(errors="replace").decode()
            return [Stroke(unit, events.Paste(text))]
        if unit == ESCAPE:
            return [Stroke(unit, events.Key("escape", ESCAPE))]
        if is_escaped(unit):
            return [self._escaped(unit)]
        if len(unit) == 1 and unit > "\x7f" and not unit.isprintable():
            return [Stroke(unit, None)]  # also a byte that is no character
        return [] if _STRING.match(unit) else self._one(unit)

    def _one(self, unit: str) -> Sequence[Stroke | Message]:
        """A character or a sequence."""
        messages = self._parsed(unit)
        keys = [one for one in messages if isinstance(one, events.Key)]
        if len(keys) != len(messages):
            return messages
        if keys:
            return [Stroke(unit if len(keys) == 1 else "", key) for key in keys]
        return [Stroke(unit, None)] if _is_typed(unit) else []

    def _escaped(self, unit: str) -> Stroke:
        second = next(iter(self._parsed(unit[1])), None)
        if not isinstance(second, events.Key):
            return Stroke(unit, None)
        alt = events.Key(f"alt+{second.key}", None)
        named = _IN_A_FIELD.get(unit[1])
        apart = (events.Key("escape", ESCAPE), second)
        return Stroke(unit, alt, apart, events.Key(named, None) if named else None)

    def _parsed(self, unit: str) -> list[Message]:
        """What the toolkit reads in one whole unit; it goes on with a clean slate."""
        parser = self._parser
        messages = list(parser.feed(unit))
        if len(unit) > 1 and not messages:
            fresh = self._parser = XTermParser()
            fresh.mouse_pixels = parser.mouse_pixels
            fresh.terminal_size = parser.terminal_size
            fresh.terminal_pixel_size = parser.terminal_pixel_size
            fresh.last_x, fresh.last_y = parser.last_x, parser.last_y
        return messages


_STRING = re.compile(r"\x1b[P\]^_X].")
_REPORT = re.compile(r"\x1b\[(?:[?>=<M]|[\d;]*[cnRtxy]\Z)")


def _is_typed(unit: str) -> bool:
    """Whether a unit without a meaning may be a key: a terminal's reports never are."""
    return _REPORT.match(unit) is None
