"""The lock on a state directory: one engine at a time, and who it is."""

from __future__ import annotations

import fcntl
import json
import os
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from .faults import EngineRunning, StateDirUnusable

LOCK_NAME = "engine.lock"


@dataclass(frozen=True, slots=True)
class Holder:
    """The engine that holds a state directory, as it wrote itself down.

    ``store`` and ``executor`` are addresses, without passwords: who takes over goes on with them.
    """

    pid: int
    engine_id: str
    socket: str
    started_at: datetime
    store: str = ""
    executor: str = ""

    def dump(self) -> dict[str, Any]:
        """The holder as JSON-ready data."""
        return {**asdict(self), "started_at": self.started_at.isoformat()}


def read_holder(state_dir: Path) -> Holder | None:
    """Who wrote himself into the lock of ``state_dir``; ``None`` if nobody did.

    A killed engine leaves its entry behind: only a link to its socket proves that it runs.
    """
    try:
        raw = json.loads((state_dir / LOCK_NAME).read_bytes())
        started = datetime.fromisoformat(raw["started_at"])
        return Holder(int(raw["pid"]), str(raw["engine_id"]), str(raw["socket"]), started)
    except (OSError, ValueError, KeyError, TypeError):
        return None


class StateLock:
    """The lock of one state directory; it ends with the process, however that ends."""

    def __init__(self, state_dir: Path) -> None:
        self._state_dir = state_dir
        self._path = state_dir / LOCK_NAME
        self._file = -1

    def acquire(self, holder: Holder) -> None:
        """Take the lock and write ``holder`` into it.

        :raises EngineRunning: if another engine holds it; the details say which.
        :raises StateDirUnusable: if the directory can't be written to.
        """
        try:
            self._file = self._locked()
            self._write(holder)
        except OSError as error:
            self._close()
            raise self._unusable(error) from error

    def rewrite(self, holder: Holder) -> None:
        """Write down another entry; the lock is held.

        :raises StateDirUnusable: if the directory can't be written to.
        """
        try:
            self._write(holder)
        except OSError as error:
            raise self._unusable(error) from error

    def _write(self, holder: Holder) -> None:
        # A copy of the directory has another file: by that it is told from the engine's own.
        own = {"state_dir": str(self._state_dir.resolve()), "file": os.fstat(self._file).st_ino}
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, json.dumps({**holder.dump(), **own}).encode(), 0)

    def _unusable(self, error: OSError) -> StateDirUnusable:
        return StateDirUnusable(
            f"The state directory {self._state_dir} can't be written to: {error.strerror}. "
            "Choose another one with --state-dir.",
            path=str(self._state_dir),
        )

    def _locked(self) -> int:
        """The lock file, locked; opened anew if it was removed while this waited for nothing."""
        while True:
            file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if self._is_at_path(file):
                    return file
            except BlockingIOError:
                os.close(file)
                raise self._taken() from None
            except OSError:
                os.close(file)
                raise
            os.close(file)

    def _taken(self) -> EngineRunning:
        holder = read_holder(self._state_dir)
        who = f" (process {holder.pid}, since {holder.started_at:%Y-%m-%d %H:%M})" if holder else ""
        return EngineRunning(
            f"An engine runs for {self._state_dir} already{who}. Attach to it with quarterdeck, "
            "or stop it with: quarterdeck shutdown",
            state_dir=str(self._state_dir),
            **(holder.dump() if holder else {}),
        )

    @property
    def held(self) -> bool:
        """Whether this holds the lock, and the file is still the one at its path."""
        return self._file >= 0 and self._is_at_path(self._file)

    def release(self) -> None:
        """Let go; the file stays, empty. A second time does nothing."""
        if self._file >= 0:
            os.ftruncate(self._file, 0)
            # Closing alone is not enough while a child that was just forked still has the file.
            fcntl.flock(self._file, fcntl.LOCK_UN)
        self._close()

    def _is_at_path(self, file: int) -> bool:
        try:
            return os.path.samestat(os.fstat(file), self._path.stat())
        except OSError:
            return False

    def _close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
