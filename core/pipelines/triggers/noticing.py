"""The operating system's own notices of changes (inotify, FSEvents, kqueue), by way of watchdog."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer

if TYPE_CHECKING:
    from watchdog.observers.api import BaseObserver

TRIES = 5
_HARMLESS = frozenset({"opened", "closed_no_write"})
_ARRIVALS = frozenset({"created", "deleted", "moved"})


class FolderNotices:
    """Listens to one folder, and to what is above it as long as it is not there."""

    def __init__(self) -> None:
        self._observer: BaseObserver | None = None
        self._heard = ""
        self._gone = threading.Event()

    def listen(self, folder: str, *, deep: bool, wake: Callable[[], None]) -> None:
        """Call ``wake``, from another thread, after each change; costs nothing if it listens already.

        Call it again after a change: a folder that was removed, or made anew, is found again.

        :raises OSError: if the system has no room for it.
        """
        folder = os.path.realpath(folder)  # notices name places without links
        for _ in range(TRIES):
            place = _nearest(folder)
            if place == self._heard and not self._gone.is_set():
                return
            self.close()
            self._gone.clear()
            with suppress(FileNotFoundError):  # it went between the look and the listening
                self._begin(place, folder, deep=deep, wake=wake)
                self._heard = place
        wake()

    def close(self) -> None:
        """Listen no more; returns when no notice can come."""
        observer, self._observer = self._observer, None
        self._heard = ""
        if observer is not None:
            observer.stop()
            observer.join()

    def _begin(self, place: str, folder: str, *, deep: bool, wake: Callable[[], None]) -> None:
        observer = Observer()
        observer.start()
        self._observer = observer
        try:
            if place == folder:
                observer.schedule(_Inside(wake), place, recursive=deep)
            # Its removal, and its coming, are changes of the folder above.
            above = str(Path(place).parent) if place == folder else place
            if above != folder:
                way = _OnTheWay(wake, self._gone, above, folder)
                observer.schedule(way, above, recursive=False)
        except BaseException:
            self.close()
            raise


class _Inside(FileSystemEventHandler):
    """Hands on that something in the folder has changed."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake

    def on_any_event(self, event: FileSystemEvent) -> None:
        """Called in the observer's thread."""
        if event.event_type not in _HARMLESS:
            self._wake()


class _OnTheWay(FileSystemEventHandler):
    """Hands on that something between ``above`` and ``folder`` came or went."""

    def __init__(
        self, wake: Callable[[], None], gone: threading.Event, above: str, folder: str
    ) -> None:
        self._wake = wake
        self._gone = gone
        self._above = above.rstrip("/")
        self._folder = folder

    def on_any_event(self, event: FileSystemEvent) -> None:
        """Called in the observer's thread."""
        if event.event_type in _ARRIVALS and any(
            map(self._leads, (event.src_path, event.dest_path))
        ):
            # One that was made anew in its place is another, which nobody listens to yet.
            self._gone.set()
            self._wake()

    def _leads(self, path: Any) -> bool:
        found = os.fsdecode(path).rstrip("/")
        inside = found.startswith(f"{self._above}/")
        return inside and f"{self._folder}/".startswith(f"{found}/")


def _nearest(folder: str) -> str:
    """The folder, or the nearest one above it that is there."""
    path = Path(folder)
    return str(next((one for one in (path, *path.parents) if one.is_dir()), Path("/")))
