"""Keys as the bytes a terminal sends, for answers and prompts."""

from __future__ import annotations

from dataclasses import dataclass
from unicodedata import category

from ...base.errors import ValidationFault
from ...protocol.screen import Modes

_PLAIN = {"enter": "\r", "tab": "\t", "esc": "\x1b", "backspace": "\x7f", "space": " "}
_CODES = {"enter": 13, "tab": 9, "esc": 27, "backspace": 127, "space": 32}
_ARROWS = {"up": "A", "down": "B", "right": "C", "left": "D"}

DISAMBIGUATE = 1
ALL_AS_CODES = 8
"""Flags of the kitty keyboard protocol."""


class KeyUnknown(ValidationFault):
    """A key's name that nothing is known of."""

    code = "key_unknown"


@dataclass(frozen=True, slots=True)
class Send:
    """Bytes to write at once."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Pause:
    """Seconds to wait before the next step."""

    seconds: float


KeyStep = Send | Pause
"""One step of typing."""


def _as_code(name: str, modes: Modes) -> str | None:
    """The key in the kitty protocol's form, where the program asked for it."""
    flags = modes.keyboard_flags
    if flags & ALL_AS_CODES and (name in _CODES or len(name) == 1):
        return f"\x1b[{_CODES.get(name) or ord(name)}u"
    if flags & DISAMBIGUATE and name == "esc":
        return "\x1b[27u"
    return None


def key_bytes(name: str, modes: Modes = Modes()) -> bytes:  # noqa: B008  # a constant: NamedTuple
    """The bytes of the key ``name``: a single character, enter, esc, up, shift+tab, ctrl+c, ...

    :raises KeyUnknown: if there is no such key.
    """
    if (code := _as_code(name, modes)) is not None:
        return code.encode()
    if name in _PLAIN:
        return _PLAIN[name].encode()
    if name in _ARROWS:
        return f"\x1b{'O' if modes.application_cursor else '['}{_ARROWS[name]}".encode()
    if name == "shift+tab":
        return b"\x1b[Z"
    if len(name) == 1 and name.isprintable():
        return name.encode()
    letter = name.removeprefix("ctrl+")
    if name != letter and len(letter) == 1 and "a" <= letter <= "z":
        return bytes([ord(letter) - ord("a") + 1])
    raise KeyUnknown(
        f"There is no key {name!r}; keys are single characters, enter, esc, tab, shift+tab, space, "
        "backspace, up, down, left, right and ctrl+ a letter.",
        key=name,
    )


def safe_text(text: str) -> str:
    """``text`` without the control characters that a terminal program would take for keys.

    Every kind of line end becomes a line feed; tabs stay. Nothing left can end a bracketed paste.
    """
    unified = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(char for char in unified if char in "\n\t" or category(char) != "Cc")


def text_bytes(text: str, modes: Modes, *, paste: bool) -> bytes:
    """``text`` as it is typed, or pasted where the program understands that."""
    data = safe_text(text).encode(errors="replace")
    if paste and modes.bracketed_paste:
        return b"\x1b[200~" + data + b"\x1b[201~"
    return data
