"""Where an engine is: its state directory and its socket.

The settings decide, as ``core.settings`` reads them; but that loads pydantic, for which a command
that only asks an engine should not wait. So the few keys that matter are read here by the same
rules, which a test holds against the other.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from .failing import no_engine

if TYPE_CHECKING:
    from ..core.settings import Loaded

PROGRAM = "quarterdeck"
FILE_NAME = "quarterdeck.toml"
LOCK_NAME = "engine.lock"


class Place(NamedTuple):
    """A state directory, and what was given to find it and all other settings.

    ``given_dir`` is the flag; ``project`` the directory in or above which a project's settings lie;
    ``flags`` are other settings that were given on the command line, each with its value.
    """

    state_dir: Path
    given_dir: str | None
    config: Path | None
    profile: str | None
    project: Path
    flags: tuple[tuple[str, str], ...] = ()

    @property
    def socket(self) -> str:
        """The socket of the engine that entered itself for the state directory.

        :raises CliFault: ``no_engine`` if none did; one that did may be gone nevertheless.
        """
        found = entered_socket(self.state_dir)
        if found is None:
            raise no_engine(f"No engine runs for {self.state_dir}.{copied(self.state_dir)}")
        return found


def entered_socket(state_dir: Path) -> str | None:
    """The socket of the engine that entered itself in the lock of ``state_dir``, if one did.

    A lock that was copied with its directory names another directory's engine, and counts as none.
    """
    try:
        entry = _entry(state_dir)
        return None if _is_copy(state_dir, entry) else str(entry["socket"]) or None
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return None


def entered_stores(state_dir: Path) -> dict[str, str]:
    """The settings ``state.url`` and ``workflows.executor`` of the engine that entered itself, without passwords."""
    try:
        entry = _entry(state_dir)
        named = {"state.url": entry.get("store"), "workflows.executor": entry.get("executor")}
        return {key: str(value) for key, value in named.items() if value}
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return {}


def copied(state_dir: Path) -> str:
    """What to say of a lock that was copied with its directory; empty if it was not."""
    try:
        entry = _entry(state_dir)
        if not _is_copy(state_dir, entry):
            return ""
        return f" (Its lock is a copy: it names the engine of {entry['state_dir']}, which was not asked.)"
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return ""


def _entry(state_dir: Path) -> Any:
    return json.loads((state_dir / LOCK_NAME).read_bytes())


def _is_copy(state_dir: Path, entry: Any) -> bool:
    own = (state_dir / LOCK_NAME).stat().st_ino
    return bool(entry.get("file", own) != own)


def locate(
    state_dir: str | None,
    config: str | None,
    profile: str | None,
    project: str | None = None,
    *,
    read: bool = True,
) -> Place:
    """The place that the flags, the environment and, if ``read``, the configuration name.

    :raises SettingsInvalid: if a configuration file can't be read.
    """
    start = absolute(project or ".")
    file = absolute(config) if config else None
    place = Place(_own(), state_dir, file, profile, start)
    given = state_dir or setting(place, "state", "dir", read=read)
    return place._replace(state_dir=absolute(given)) if given else place


def setting(place: Place, section: str, key: str, *, read: bool = True) -> str | None:
    """One setting as text, from the environment or, if ``read``, from files; ``None``: not set.

    :raises SettingsInvalid: if a configuration file can't be read.
    """
    variable = os.environ.get(f"QUARTERDECK_{section}__{key}".upper())
    if variable or not read:
        return variable or None
    files = [_read(path) for path in _files(place.config, place.project)]
    # Profiles stand above all plain sections.
    profiles = [_table(_table(one.get("profiles")).get(place.profile or "")) for one in files]
    found = [_table(one.get(section)).get(key) for one in (*files, *profiles)]
    return next((str(one) for one in reversed(found) if one is not None), None)


def load(place: Place) -> Loaded:
    """All settings of ``place``; its flags stand above them.

    :raises SettingsInvalid: naming every fault.
    """
    # Start-up time: see the head of this module.
    from ..core.settings import load_settings  # noqa: PLC0415

    return load_settings(
        project=place.project,
        config=place.config,
        profile=place.profile,
        flags={"state.dir": place.given_dir, **dict(place.flags)},
    )


def absolute(path: str) -> Path:
    """``path`` with its ``~`` replaced, from here."""
    # As core.base.homes has it, without loading that room for a plain command.
    return Path(os.path.expanduser(path)).absolute()  # noqa: PTH111


def _own() -> Path:
    """The user's own state directory."""
    # Start-up time: not needed by what asks no engine.
    from platformdirs import user_state_path  # noqa: PLC0415

    return user_state_path(PROGRAM, appauthor=False).absolute()


def _table(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _files(config: Path | None, start: Path) -> Iterator[Path]:
    # Start-up time: as above.
    from platformdirs import user_config_path  # noqa: PLC0415

    users = user_config_path(PROGRAM, appauthor=False) / FILE_NAME
    found = [path for path in (users, _project_file(start)) if path.exists()]
    yield from found if config is None else [*found, config]


def _project_file(start: Path) -> Path:
    """The nearest settings file in ``start`` or above it, up to the top of its repository."""
    for place in (start, *start.parents):
        if (place / FILE_NAME).is_file():
            return place / FILE_NAME
        if (place / ".git").exists():
            break
    return start / FILE_NAME


def _read(path: Path) -> Mapping[str, Any]:
    # Start-up time: only where there is a file.
    import tomllib  # noqa: PLC0415

    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except (OSError, ValueError) as error:
        # Start-up time: the settings room says what is wrong, with its line.
        from ..core.settings import SettingsInvalid, check_files  # noqa: PLC0415

        raise SettingsInvalid(check_files([path])) from error
