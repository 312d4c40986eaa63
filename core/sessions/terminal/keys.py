"""Keys, pastes, mouse and focus as the bytes that a program in a terminal reads.

xterm's encodings, and of the kitty keyboard protocol the flags that ``modes`` lets programs set.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, NamedTuple

from ...base.errors import ValidationFault
from ...protocol.screen import Modes, MouseMode

DISAMBIGUATE, ALL_AS_ESCAPES, WITH_TEXT = 1, 8, 16
"""Flags of the kitty keyboard protocol."""

_MODIFIERS = {"shift": 1, "alt": 2, "ctrl": 4, "super": 8, "hyper": 16, "meta": 32}
_SHIFT, _ALT, _CTRL = 1, 2, 4

_LETTERED = {
    "up": "A", "down": "B", "right": "C", "left": "D", "home": "H", "end": "F",
    "f1": "P", "f2": "Q", "f3": "R", "f4": "S",
}  # fmt: skip
_NUMBERED = {
    "insert": 2, "delete": 3, "pageup": 5, "pagedown": 6,
    "f5": 15, "f6": 17, "f7": 18, "f8": 19, "f9": 20, "f10": 21, "f11": 23, "f12": 24,
    "f13": 25, "f14": 26, "f15": 28, "f16": 29, "f17": 31, "f18": 32, "f19": 33, "f20": 34,
    "f21": 42, "f22": 43, "f23": 44, "f24": 45,
}  # fmt: skip
_CONTROLS = {"escape": 27, "enter": 13, "tab": 9, "backspace": 127}
_KEYPAD = {
    "kp_0": ("0", "p"), "kp_1": ("1", "q"), "kp_2": ("2", "r"), "kp_3": ("3", "s"),
    "kp_4": ("4", "t"), "kp_5": ("5", "u"), "kp_6": ("6", "v"), "kp_7": ("7", "w"),
    "kp_8": ("8", "x"), "kp_9": ("9", "y"), "kp_decimal": (".", "n"), "kp_divide": ("/", "o"),
    "kp_multiply": ("*", "j"), "kp_subtract": ("-", "m"), "kp_add": ("+", "k"),
    "kp_enter": ("\r", "M"), "kp_equal": ("=", "X"),
}  # fmt: skip
_ALIASES = {
    "esc": "escape", "return": "enter", "del": "delete", "ins": "insert", "bs": "backspace",
    "pgup": "pageup", "page_up": "pageup", "pgdn": "pagedown", "page_down": "pagedown",
    "backtab": "shift+tab", "newline": "ctrl+j",
}  # fmt: skip
_NAMED_CHARACTERS = {
    "space": " ", "slash": "/", "backslash": "\\", "at": "@", "minus": "-", "plus": "+",
    "underscore": "_", "hyphen_minus": "-", "less_than_sign": "<", "greater_than_sign": ">",
    "comma": ",", "period": ".", "full_stop": ".",
}  # fmt: skip
_CTRL_OF = {
    " ": 0, "@": 0, "2": 0, "[": 27, "3": 27, "\\": 28, "4": 28, "]": 29, "5": 29,
    "^": 30, "6": 30, "~": 30, "_": 31, "/": 31, "7": 31, "-": 31, "?": 127, "8": 127,
}  # fmt: skip
_NAMES = sorted({*_LETTERED, *_NUMBERED, *_CONTROLS, *_KEYPAD, *_NAMED_CHARACTERS})


class UnknownKey(ValidationFault):
    """No key has this name."""

    code = "unknown_key"


class _Key(NamedTuple):
    """A key's own name or character, and its modifiers as bits."""

    name: str
    modifiers: int

    @property
    def character(self) -> str:
        """The character that it types without ctrl and alt, empty for the others."""
        return self.name if len(self.name) == 1 else ""


def encode_key(name: str, modes: Modes) -> bytes:
    """The bytes of the key ``name``: ``a``, ``ctrl+c``, ``up``, ``shift+tab``, ``alt+enter``, ...

    Names are Textual's, or the character itself; modifiers stand before, joined by ``+``.

    :raises UnknownKey: if there is no such key; the message lists near names.
    """
    key = _parse(name)
    kitty = modes.keyboard_flags & (DISAMBIGUATE | ALL_AS_ESCAPES)
    if key.name in _KEYPAD:
        return _keypad(key, modes)
    if key.name in _LETTERED:
        return _lettered(key, modes, kitty=bool(kitty))
    if key.name in _NUMBERED:
        return f"\x1b[{_NUMBERED[key.name]}{_suffix(key.modifiers)}~".encode()
    if kitty and (escaped := _as_escape(key, modes.keyboard_flags)):
        return escaped
    return _legacy(key)


@lru_cache(maxsize=1024)
def _parse(name: str) -> _Key:
    head, base = ("", name) if len(name) == 1 else _split(name)
    modifiers = 0
    for modifier in filter(None, head.split("+")):
        if modifier not in _MODIFIERS:
            raise _unknown(name)
        modifiers |= _MODIFIERS[modifier]
    key = _base(base)
    if key is None:
        raise _unknown(name)
    if modifiers and key != _lower(key):
        return _Key(_lower(key), modifiers | _SHIFT)
    return _Key(key, modifiers)


def _lower(key: str) -> str:
    lower = key.lower()
    return lower if len(key) == len(lower) == 1 else key


def _split(name: str) -> tuple[str, str]:
    if name.endswith("++"):
        return name[:-2], "+"
    head, _, base = name.rpartition("+")
    more, _, base = _ALIASES.get(base, base).rpartition("+")
    return f"{head}+{more}", base


def _base(name: str) -> str | None:
    if len(name) == 1:
        return name if name.isprintable() else None
    if name in _NAMED_CHARACTERS:
        return _NAMED_CHARACTERS[name]
    if name in _LETTERED or name in _NUMBERED or name in _CONTROLS or name in _KEYPAD:
        return name
    try:
        found = unicodedata.lookup(name.replace("_", " "))
    except KeyError:
        return None
    return found if len(found) == 1 and found.isprintable() else None


def _unknown(name: str) -> UnknownKey:
    base = name.rpartition("+")[2] or name
    near = difflib.get_close_matches(base.lower(), _NAMES, n=4, cutoff=0.5)
    hint = f" Did you mean {', '.join(near)}?" if near else ""
    return UnknownKey(
        f"There is no key {name!r}.{hint} Keys are characters, names such as up, f5, enter, "
        "pageup, and these after ctrl+, alt+ or shift+.",
        key=name,
        near=near,
    )


def _suffix(modifiers: int) -> str:
    return f";{modifiers + 1}" if modifiers else ""


def _lettered(key: _Key, modes: Modes, *, kitty: bool) -> bytes:
    letter = _LETTERED[key.name]
    function = key.name.startswith("f")
    if kitty and key.name == "f3":
        return f"\x1b[13{_suffix(key.modifiers)}~".encode()
    if key.modifiers:
        return f"\x1b[1;{key.modifiers + 1}{letter}".encode()
    single_shift = not kitty and (function or modes.application_cursor)
    return f"\x1b{'O' if single_shift else '['}{letter}".encode()


def _keypad(key: _Key, modes: Modes) -> bytes:
    plain, letter = _KEYPAD[key.name]
    if not modes.application_keypad:
        return _legacy(_Key("enter" if plain == "\r" else plain, key.modifiers))
    middle = str(key.modifiers + 1) if key.modifiers else ""
    return f"\x1bO{middle}{letter}".encode()


def _as_escape(key: _Key, flags: int) -> bytes | None:
    """The key in the kitty protocol's form, if it is not sent as ever."""
    everything = bool(flags & ALL_AS_ESCAPES)
    strong = key.modifiers & ~_SHIFT
    plain = key.name in {"enter", "tab", "backspace"} and not key.modifiers
    if not everything and (plain or (key.character and not strong)):
        return None
    code = _CONTROLS.get(key.name) or ord(_lower(key.name))
    modifiers = key.modifiers
    if key.character != _lower(key.character):
        modifiers |= _SHIFT
    text = _upper(key.character) if modifiers & _SHIFT else key.character
    if everything and flags & WITH_TEXT and text and not strong:
        return f"\x1b[{code};{modifiers + 1 if modifiers else ''};{ord(text)}u".encode()
    return f"\x1b[{code}{_suffix(modifiers)}u".encode()


def _upper(character: str) -> str:
    upper = character.upper()
    return upper if len(upper) == 1 else character


def _legacy(key: _Key) -> bytes:
    prefix = b"\x1b" if key.modifiers & _ALT else b""
    if key.name == "tab" and key.modifiers & _SHIFT:
        return prefix + b"\x1b[Z"
    if key.name == "backspace" and key.modifiers & _CTRL:
        return prefix + b"\x08"
    if key.name in _CONTROLS:
        return prefix + bytes([_CONTROLS[key.name]])
    if key.modifiers & _CTRL:
        return prefix + _ctrl(key.name)
    character = _upper(key.name) if key.modifiers & _SHIFT else key.name
    return prefix + character.encode()


def _ctrl(character: str) -> bytes:
    if "a" <= character <= "z":
        return bytes([ord(character) & 0x1F])
    if character in _CTRL_OF:
        return bytes([_CTRL_OF[character]])
    return character.encode()


_PASTE_END = re.compile("\x1b\\[20[01]~")
_NOT_PASTED = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


def paste(text: str, modes: Modes) -> bytes:
    """Pasted ``text``, bracketed where the program asked for it.

    Controls other than tab and line ends are left out, the paste's own end mark above all: what
    is pasted can't press keys. Unbracketed, line ends are sent as Enter does.
    """
    if modes.bracketed_paste:
        return b"\x1b[200~" + plain(text) + b"\x1b[201~"
    return plain(text).replace(b"\n", b"\r")


def plain(text: str) -> bytes:
    """``text`` without what a program would take for keys; every kind of line end a line feed."""
    clean = _NOT_PASTED.sub("", _PASTE_END.sub("", text))
    return clean.replace("\r\n", "\n").replace("\r", "\n").encode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class MouseEvent:
    """A mouse event at a cell counted from 0; buttons: 0 none, 1 left, 2 middle, 3 right."""

    action: Literal["press", "release", "move", "scroll_up", "scroll_down"]
    x: int
    y: int
    button: int = 0
    shift: bool = False
    alt: bool = False
    ctrl: bool = False


def mouse(event: MouseEvent, modes: Modes) -> bytes:
    """The bytes of ``event``, none if the program did not ask for its kind.

    Without SGR coordinates, places beyond column or line 223 can't be told and are left out.
    """
    if not _wanted(event, modes.mouse):
        return b""
    x, y = max(0, event.x) + 1, max(0, event.y) + 1
    code = _button(event)
    if modes.mouse is not MouseMode.PRESS:
        code |= 4 * event.shift | 8 * event.alt | 16 * event.ctrl
    if modes.mouse_sgr:
        final = "m" if event.action == "release" else "M"
        return f"\x1b[<{code};{min(x, 65535)};{min(y, 65535)}{final}".encode()
    if x > 223 or y > 223:
        return b""
    if event.action == "release":
        code |= 3
    return b"\x1b[M" + bytes([32 + code, 32 + x, 32 + y])


def _wanted(event: MouseEvent, mode: MouseMode) -> bool:
    if event.action == "move":
        dragging = 1 <= event.button <= 3
        return mode is MouseMode.MOTION or (mode is MouseMode.DRAG and dragging)
    if event.action in {"press", "release"} and not 1 <= event.button <= 3:
        return False
    if mode is MouseMode.PRESS:
        return event.action == "press"
    return mode is not MouseMode.OFF


def _button(event: MouseEvent) -> int:
    match event.action:
        case "scroll_up":
            return 64
        case "scroll_down":
            return 65
        case "move":
            return 32 + (event.button - 1 if 1 <= event.button <= 3 else 3)
        case _:
            return event.button - 1


def focus(gained: bool, modes: Modes) -> bytes:
    """The report that the terminal gained or lost focus, if the program asked for it."""
    if not modes.focus_events:
        return b""
    return b"\x1b[I" if gained else b"\x1b[O"
