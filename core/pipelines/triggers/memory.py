"""The memory of triggers as files: one for each, replaced as a whole."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...telemetry.logs import logger

_log = logger("pipelines.triggers")


class FileMemory:
    """Keeps each value as a file of JSON in ``folder``, which only its owner can read."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def load(self, key: str) -> dict[str, Any] | None:
        """What was kept; what can't be read is told in the log and counts as nothing."""
        return await asyncio.to_thread(self._load, key)

    async def save(self, key: str, value: Mapping[str, Any]) -> None:
        """Keep ``value`` under ``key``."""
        await asyncio.to_thread(self._save, key, json.dumps({"key": key, "value": dict(value)}))

    def _path(self, key: str) -> Path:
        return self._folder / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.json"

    def _load(self, key: str) -> dict[str, Any] | None:
        path = self._path(key)
        try:
            value = json.loads(path.read_text(encoding="utf-8"))["value"]
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            _log.error("the memory of a trigger can't be read", error, file=str(path))
            return None
        return value if isinstance(value, dict) else None

    def _save(self, key: str, text: str) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=self._folder, prefix=".", suffix=".json")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(self._path(key))
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
