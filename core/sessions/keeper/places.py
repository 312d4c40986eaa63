"""Where keepers have their sockets and files, which of them live, and what can be cleared away."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
import shutil
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from ...base.places import place_key, private_directory, runtime_directory
from .faults import SocketPathLong
from .items import KeeperFacts
from .keeper import VOID
from .tree import MARKER

PATH_LIMIT = 100
"""Bytes that a socket's path may have on every system."""

KEEPERS = "keepers"
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")


@dataclass(frozen=True, slots=True)
class KeeperPlaces:
    """What belongs to one keeper: a folder in the state directory, and a socket.

    ``key`` names one start of one child; ``socket`` is where a keeper that starts now listens.
    """

    key: str
    folder: Path
    socket: Path

    @property
    def ring(self) -> Path:
        """The log of the child's output."""
        return self.folder / "ring"

    @property
    def record(self) -> Path:
        """The keeper's facts as JSON; the keeper holds a lock on it as long as it lives."""
        return self.folder / "record"

    @property
    def address(self) -> Path:
        """The path of the socket where the keeper listens, as the engine last chose it."""
        return self.folder / "address"

    @property
    def marker(self) -> str:
        """The entry in the child's environment by which its processes are known."""
        return f"{MARKER}={self.socket.stem}"


@dataclass(frozen=True, slots=True)
class FoundKeeper:
    """A place that is in use, or was; ``facts`` as last recorded, None if nothing readable was."""

    places: KeeperPlaces
    facts: KeeperFacts | None
    lives: bool


def places_for(state_dir: Path, key: str) -> KeeperPlaces:
    """Where the keeper of ``key`` has its socket and files; the folder is not made.

    :raises PlaceUnsafe: if the directory for sockets is another user's or can't be made.
    :raises SocketPathLong: if that directory's name is too long for a socket in it.
    """
    return _places(state_dir, key, _folder_name(key))


def _places(state_dir: Path, key: str, folder: str) -> KeeperPlaces:
    name = f"{_prefix(state_dir)}{_digest(folder)[:12]}.sock"
    socket = runtime_directory() / name
    if len(os.fsencode(socket)) > PATH_LIMIT:
        raise SocketPathLong(
            f"The socket's path {socket} is longer than {PATH_LIMIT} bytes; set XDG_RUNTIME_DIR or "
            "TMPDIR to a shorter directory.",
            path=str(socket),
        )
    return KeeperPlaces(key, state_dir / KEEPERS / folder, socket)


def _prefix(state_dir: Path) -> str:
    return f"{place_key(state_dir)[:10]}-"


def _folder_name(key: str) -> str:
    return key if _PLAIN.fullmatch(key) else f"~{_digest(key)[:24]}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def make_folder(places: KeeperPlaces) -> None:
    """Make the folder, readable by its user alone.

    :raises PlaceUnsafe: if it is another user's or can't be made.
    """
    private_directory(places.folder.parent)
    private_directory(places.folder)


def keeper_lives(places: KeeperPlaces) -> bool:
    """Whether a keeper holds the lock on its record: no other sign is as sure."""
    try:
        fd = os.open(places.record, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def read_facts(places: KeeperPlaces) -> KeeperFacts | None:
    """What the keeper last recorded; None if nothing readable was."""
    try:
        return KeeperFacts.parse(json.loads(places.record.read_bytes()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def present_socket(places: KeeperPlaces) -> Path:
    """Where the keeper listens now."""
    try:
        address = places.address.read_bytes()
    except OSError:
        return places.socket
    return Path(os.fsdecode(address)) if address else places.socket  # empty where the disk is full


def find_keepers(state_dir: Path) -> list[FoundKeeper]:
    """Every keeper's place under ``state_dir``, whether its keeper lives or is long gone.

    The key of a place is its folder's name.
    """
    try:
        folders = sorted(path.name for path in (state_dir / KEEPERS).iterdir() if path.is_dir())
    except (FileNotFoundError, NotADirectoryError):
        return []
    places = [_places(state_dir, name, name) for name in folders]
    return [FoundKeeper(each, read_facts(each), keeper_lives(each)) for each in places]


def void_places(places: KeeperPlaces) -> bool:
    """Let no keeper start there any more; false if one lives, and nothing was done.

    A keeper whose engine was killed may be about to start, and shows nothing yet. It looks for this
    once it holds the lock; so either it lives now, or it never will.

    :raises PlaceUnsafe: if the folder is another user's or can't be made.
    """
    make_folder(places)
    with _locked(places) as locked:
        if locked:
            (places.folder / VOID).touch(mode=0o600)
        return locked


def erase_places(places: KeeperPlaces) -> None:
    """Remove what a keeper left; one that lives keeps its files, and one that comes finds none."""
    if not places.folder.is_dir():
        _unlink(places.socket)
        return
    with _locked(places) as locked:
        if not locked:
            return
        for socket in {present_socket(places), places.socket}:
            _unlink(socket)
        shutil.rmtree(places.folder, ignore_errors=True)


@contextlib.contextmanager
def _locked(places: KeeperPlaces) -> Iterator[bool]:
    """Hold the record as a keeper does; false if one holds it, or it can't be opened."""
    try:
        fd = os.open(places.record, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError:
        yield False
        return
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield True
    except BlockingIOError:
        yield False
    finally:
        os.close(fd)


def clean_places(state_dir: Path, keep: Collection[str]) -> int:
    """Remove what keepers left that don't live and whose keys are not in ``keep``; their number.

    Sockets that no keeper serves go as well. ``keep`` must name every start under way.
    """
    kept = {_folder_name(key) for key in keep}
    found = find_keepers(state_dir)
    stale = [each for each in found if not each.lives and each.places.folder.name not in kept]
    for each in stale:
        erase_places(each.places)
    served = {present_socket(each.places) for each in found if each not in stale}
    served |= {places_for(state_dir, key).socket for key in keep}
    for socket in runtime_directory().glob(f"{_prefix(state_dir)}*.sock"):
        if socket not in served:
            _unlink(socket)
    return len(stale)


def _unlink(socket: Path) -> None:
    with contextlib.suppress(OSError):  # gone already, or with its directory
        socket.unlink()
