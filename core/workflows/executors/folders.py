"""Names of files and folders for workflows, tasks and attempts, safe on every file system."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

_PLAIN = re.compile(r"[a-z0-9_][a-z0-9_-]{0,79}|[0-9A-Z]{26}")
_OTHER = re.compile(r"[^A-Za-z0-9_-]+")
_SHOWN = 60


def safe_name(name: str) -> str:
    """A name of a file for ``name``: another one for every other name.

    Small letters, digits, ``_`` and ``-``, and ids of ours, stay as they are. Others keep what people
    know them by, with a mark of their own: some file systems tell no capitals from small letters.
    """
    if _PLAIN.fullmatch(name):
        return name
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    shown = _OTHER.sub("_", name).strip("_-")[:_SHOWN]
    return f"{shown}~{digest}"


def attempt_folder(artifacts: Path, workflow_id: str, task_id: str, attempt: int) -> Path:
    """Where the log and the files of an attempt lie."""
    return artifacts / safe_name(workflow_id) / safe_name(task_id) / str(attempt)
