"""Files that an attempt leaves, kept beside its log."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ...base.homes import expanded
from ...base.ids import new_id
from ..context import TaskExecutionContext
from ..files.templates import Scope, render_text
from ..records import AddArtifact, ArtifactRecord
from .desk import Desk
from .faults import OutputMissing
from .folders import safe_name

FILES = "files"
_CHUNK = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Leaving:
    """An attempt that leaves files: they are found from ``cwd``, and kept in ``folder``."""

    desk: Desk
    context: TaskExecutionContext
    scope: Scope
    cwd: Path
    folder: Path


async def keep_files(leaving: Leaving, files: Mapping[str, str]) -> None:
    """Copy the files that the task is to leave, and record them.

    :raises OutputMissing: if one is not there; none is recorded then.
    """
    records = [await _keep(leaving, name, path) for name, path in files.items()]
    await leaving.desk.keep(*(AddArtifact(record) for record in records))


async def _keep(leaving: Leaving, name: str, given: str) -> ArtifactRecord:
    context = leaving.context
    task_id = context.task_def.task_id
    text = render_text(given, leaving.scope, f"outputs.files.{name} of {task_id}")
    source = leaving.cwd / expanded(text)
    target = leaving.folder / FILES / _kept_name(name, source)
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
        workflow_id=context.workflow_id,
        task_id=task_id,
        attempt=context.attempt,
        name=name,
        path=target.relative_to(leaving.desk.surroundings.artifacts).as_posix(),
        size=size,
        sha256=digest,
        created_at=leaving.desk.now(),
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
