"""What lies in a folder: the files that fit a pattern, each with its signature."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from ...base.errors import ResourceFault
from .folder import Signature
from .patterns import matches, may_hold

MOST_FILES = 50_000


class FolderTooLarge(ResourceFault):
    """A watched folder holds more files that fit its pattern than are followed."""

    code = "watched_folder_too_large"


def scan(folder: str, pattern: str) -> dict[str, Signature]:
    """The files that fit, by their paths from the folder; of one that is not there, none.

    Folders that are links are not entered; what can't be read is not there.

    :raises FolderTooLarge: if there are more than ``MOST_FILES``.
    """
    found: dict[str, Signature] = {}
    pending = [""]
    while pending:
        inside = pending.pop()
        try:
            entries = list(os.scandir(Path(folder) / inside))
        except OSError:
            continue
        for entry in entries:
            path = f"{inside}/{entry.name}" if inside else entry.name
            if entry.is_dir(follow_symlinks=False):
                if may_hold(pattern, path):
                    pending.append(path)
            elif matches(pattern, path):
                _take(entry, path, found)
    return found


def _take(entry: os.DirEntry[str], path: str, found: dict[str, Signature]) -> None:
    try:
        state = entry.stat()
    except OSError:
        return  # it has gone meanwhile, or is a link to nowhere
    if not stat.S_ISREG(state.st_mode):
        return
    found[path] = (state.st_mtime_ns, state.st_size)
    if len(found) > MOST_FILES:
        raise FolderTooLarge(
            f"More than {MOST_FILES} files fit the watch's pattern. Give it a narrower one.",
        )
