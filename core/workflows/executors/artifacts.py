"""Files that an attempt leaves, kept beside its log."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ...base.homes import expanded
from ...base.ids import new_id
from ..files.templates import render_text
from ..records import AddArtifact, ArtifactRecord
from .faults import OutputMissing
from .folders import safe_name

if TYPE_CHECKING:
    from .attempt import Attempt

FILES = "files"
_CHUNK = 1024 * 1024


async def keep_files(attempt: Attempt, files: Mapping[str, str]) -> None:
    """Copy the files that the task is to leave, and record them.

    :raises OutputMissing: if one is not there; none is recorded then.
    """
    if not files:
        return
    records = [await _keep(attempt, name, path) for name, path in files.items()]
    await attempt.desk.keep(*(AddArtifact(record) for record in records))


async def _keep(attempt: Attempt, name: str, given: str) -> ArtifactRecord:
    text = render_text(given, attempt.scope, f"outputs.files.{name} of {attempt.task.task_id}")
    source = attempt.cwd / expanded(text)
    target = attempt.folder / FILES / _kept_name(name, source)
    try:
        size, digest = await asyncio.to_thread(_copy, source, target)
    except OSError as error:
        why = "it is not there" if isinstance(error, FileNotFoundError) else str(error.strerror)
        raise OutputMissing(
            f"The file {name} can't be kept: {source}: {why}. The task is to leave it there "
            "(outputs.files).",
            name=name,
            path=str(source),
        ) from error
    return ArtifactRecord(
        id=new_id(),
        workflow_id=attempt.context.workflow_id,
        task_id=attempt.task.task_id,
        attempt=attempt.context.attempt,
        name=name,
        path=target.relative_to(attempt.desk.surroundings.artifacts).as_posix(),
        size=size,
        sha256=digest,
        created_at=attempt.desk.now(),
    )


def _kept_name(name: str, source: Path) -> str:
    """The name by which the task speaks of it, with the ending that tells programs what it is."""
    ending = source.suffix if source.suffix[1:].isalnum() and source.suffix.isascii() else ""
    return safe_name(name) + ending


def _copy(source: Path, target: Path) -> tuple[int, str]:
    """The size and the SHA-256 of what was copied.

    :raises OSError: if it is no file that can be read, or can't be written.
    """
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    digest, size = hashlib.sha256(), 0
    fresh = target.with_name(f"{target.name}.part")
    with source.open("rb") as reading, fresh.open("wb") as writing:
        while data := reading.read(_CHUNK):
            digest.update(data)
            size += len(data)
            writing.write(data)
        writing.flush()
        os.fsync(writing.fileno())
    shutil.copymode(source, fresh)
    fresh.replace(target)
    return size, digest.hexdigest()
