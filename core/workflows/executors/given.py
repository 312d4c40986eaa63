"""What an attempt was given, its templates rendered: kept beside its log, without secrets."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ...base.logs import warn
from ...telemetry.redaction import HIDDEN, is_secret_name

NAME = "given.json"
LONGEST = 32 * 1024
"""Characters of one text that are kept: it is there to be looked at."""
_HOW = os.O_WRONLY | os.O_CREAT | os.O_TRUNC

_log = logging.getLogger(__name__)


class Given:
    """Values by name, as they come; ``hide`` takes secrets out of text."""

    def __init__(self, folder: Path, hide: Callable[[str], str]) -> None:
        self._path = folder / NAME
        self._hide = hide
        self._values: dict[str, Any] = {}
        self._kept = True

    def add(self, values: Mapping[str, Any]) -> None:
        """Note more of them; ``None`` says that nothing was given."""
        fresh = {name: value for name, value in values.items() if value is not None}
        if fresh:
            self._values.update(fresh)
            self._kept = False

    def keep(self) -> None:
        """Write what was added since; a disk that does not take it is no fault of the attempt."""
        if self._kept:
            return
        self._kept = True
        text = json.dumps(_shown(self._values, self._hide), default=str)
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with os.fdopen(os.open(self._path, _HOW, 0o600), "w") as file:
                file.write(text)
        except OSError as error:
            warn(_log, "What an attempt was given could not be kept: %s", error)


def given_to(folder: Path) -> dict[str, Any] | None:
    """What the attempt with this folder was given; ``None`` if that is not known (any more)."""
    try:
        found = json.loads((folder / NAME).read_text())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _shown(value: Any, hide: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        text = hide(value)
        if len(text) > LONGEST:
            return f"{text[:LONGEST]}… ({len(text) - LONGEST} characters more)"
        return text
    if isinstance(value, Mapping):
        return {
            str(key): HIDDEN
            if isinstance(one, str) and is_secret_name(str(key))
            else _shown(one, hide)
            for key, one in value.items()
        }
    if isinstance(value, list | tuple):
        return [_shown(one, hide) for one in value]
    return value
