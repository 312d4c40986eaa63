"""What an agent's own settings file must say for its status to be told in full, and how it is put there."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .failing import fault

BACKUP = ".before-quarterdeck"
"""What the name of a file's former state ends with; it is empty where there was no file."""

_ABSENT = object()


@dataclass(frozen=True, slots=True)
class Entry:
    """One value of a settings file: its keys from the outside in, what is wanted, and why.

    ``default``: what holds where the file does not name it.
    """

    keys: tuple[str, ...]
    wanted: Any
    default: Any
    why: str

    @property
    def name(self) -> str:
        """The keys, joined."""
        return ".".join(self.keys)

    def present(self, settings: Mapping[str, Any]) -> Any:
        """The value in force."""
        found = _get(settings, self.keys)
        return self.default if found is _ABSENT else found

    def is_in_order(self, settings: Mapping[str, Any]) -> bool:
        """Whether that is the one wanted."""
        return bool(self.present(settings) == self.wanted)


@dataclass(frozen=True, slots=True)
class SettingsFile:
    """An agent's settings file, below the home directory, and the entries that matter here."""

    place: str
    entries: tuple[Entry, ...]

    @property
    def path(self) -> Path:
        """The file itself, where its name may be a link to it."""
        return (Path.home() / self.place).resolve()

    @property
    def backup(self) -> Path:
        """Its state before it was changed."""
        return self.path.with_name(self.path.name + BACKUP)


FILES: dict[str, SettingsFile] = {
    "gemini": SettingsFile(
        ".gemini/settings.json",
        (
            Entry(("ui", "hideWindowTitle"), False, False, "its title says what it does"),
            Entry(("ui", "dynamicWindowTitle"), True, True, "its title says what it does"),
            Entry(
                ("general", "enableNotifications"),
                True,
                False,
                "it signals that it wants attention (OSC 777)",
            ),
        ),
    ),
}
"""By agent. The others tell or show all there is to know without any setting."""


def read(file: SettingsFile) -> dict[str, Any]:
    """The settings; empty if there is no file.

    :raises CliFault: ``unreadable`` if it is no JSON object, or can't be read.
    """
    return _parsed(file.path)


def put_in_order(file: SettingsFile) -> bool:
    """Put every entry in order and leave all others as they are; whether anything had to be changed.

    :raises CliFault: ``unreadable`` or ``unwritable``; the file is as it was.
    """
    settings = read(file)
    wrong = [entry for entry in file.entries if not entry.is_in_order(settings)]
    if not wrong:
        return False
    try:
        file.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not file.backup.exists():
            before = file.path.read_bytes() if file.path.exists() else b""
            _replace(file.backup, before, _mode(file.path))
        for entry in wrong:
            _put(settings, entry.keys, entry.wanted)
        _replace(file.path, _text(settings), _mode(file.path))
    except OSError as error:
        raise _unwritable(file.path, error) from error
    return True


def take_back(file: SettingsFile) -> bool:
    """Give the entries the values they had, and whether there was a change to take back.

    What else was changed since stays.

    :raises CliFault: ``unreadable`` or ``unwritable``; the file is as it was.
    """
    if not file.backup.exists():
        return False
    settings, before = read(file), _parsed(file.backup)
    for entry in file.entries:
        former = _get(before, entry.keys)
        if _get(settings, entry.keys) == entry.wanted != former:
            _put(settings, entry.keys, former)
    try:
        if settings or file.backup.stat().st_size:
            _replace(file.path, _text(settings), _mode(file.path))
        else:
            file.path.unlink(missing_ok=True)
        file.backup.unlink()
    except OSError as error:
        raise _unwritable(file.path, error) from error
    return True


def _parsed(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        found = json.loads(text) if text.strip() else {}
    except (OSError, ValueError) as error:
        raise fault(
            "unreadable", f"{path} can't be read as JSON, and is left as it is: {error}."
        ) from error
    if not isinstance(found, dict):
        raise fault("unreadable", f"{path} holds no JSON object, and is left as it is.")
    return found


def _unwritable(path: Path, error: OSError) -> Exception:
    return fault("unwritable", f"{path} can't be written: {error.strerror}.")


def _text(settings: dict[str, Any]) -> bytes:
    return (json.dumps(settings, indent=2, ensure_ascii=False) + "\n").encode()


def _mode(path: Path) -> int:
    return path.stat().st_mode & 0o777 if path.exists() else 0o600


def _replace(path: Path, data: bytes, mode: int) -> None:
    """Write a file as a whole, or not at all."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(mode)
        Path(name).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise


def _get(settings: Mapping[str, Any], keys: tuple[str, ...]) -> Any:
    found: Any = settings
    for key in keys:
        if not isinstance(found, Mapping) or key not in found:
            return _ABSENT
        found = found[key]
    return found


def _put(settings: dict[str, Any], keys: tuple[str, ...], value: Any) -> None:
    """Set a value, or take it away where it was absent, with the tables that are empty then."""
    *outer, last = keys
    tables = [settings]
    for key in outer:
        if not isinstance(tables[-1].get(key), dict):
            tables[-1][key] = {}
        tables.append(tables[-1][key])
    if value is not _ABSENT:
        tables[-1][last] = value
        return
    tables[-1].pop(last, None)
    for table, key in reversed(list(zip(tables, outer, strict=False))):
        if not table[key]:
            del table[key]
