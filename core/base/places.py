"""Where sockets lie: a directory of the user's own, by a hash of the state directory."""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path

from .errors import ResourceFault
from .homes import expanded

PRIVATE = 0o700


class PlaceUnsafe(ResourceFault):
    """A directory that must be the user's own belongs to another, or can't be made."""

    code = "place_unsafe"
    recoverable = False


def private_directory(path: Path) -> Path:
    """``path`` as a directory that only this user can enter; made if it is missing.

    :raises PlaceUnsafe: if it is another user's, a link, no directory, or can't be made.
    """
    try:
        path.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
        found = path.lstat()
        if stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid():
            if stat.S_IMODE(found.st_mode) != PRIVATE:
                path.chmod(PRIVATE)
            return path
    except OSError as error:
        raise PlaceUnsafe(
            f"{path} can't be made a directory of yours: {error.strerror}.", path=str(path)
        ) from error
    raise PlaceUnsafe(
        f"{path} is a link or belongs to another user; remove it or have it removed.",
        path=str(path),
    )


def runtime_directory(environment: Mapping[str, str] | None = None) -> Path:
    """The directory for this user's sockets, ready.

    :raises PlaceUnsafe: see ``private_directory``.
    """
    given = (os.environ if environment is None else environment).get("XDG_RUNTIME_DIR", "")
    if given and Path(given).is_dir() and os.access(given, os.W_OK):
        return private_directory(Path(given) / "quarterdeck")
    return private_directory(Path(tempfile.gettempdir()) / f"quarterdeck-{os.geteuid()}")


def place_key(state_dir: Path) -> str:
    """The short name of a state directory in socket paths: 16 hexadecimal digits."""
    return hashlib.sha256(os.fsencode(expanded(state_dir).resolve())).hexdigest()[:16]


def engine_socket(state_dir: Path, environment: Mapping[str, str] | None = None) -> Path:
    """Where the engine of ``state_dir`` listens; short enough for a socket.

    :raises PlaceUnsafe: see ``private_directory``.
    """
    return runtime_directory(environment) / f"{place_key(state_dir)}.sock"
