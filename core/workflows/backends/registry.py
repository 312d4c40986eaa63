"""Executor back ends are found by the scheme of their URL, so that none is loaded before it is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, cast

from ...base.errors import ValidationFault
from .ports import Backend

GROUP = "quarterdeck.executors"
"""The entry points: each is called as ``open_backend(url, **options)``."""


class ExecutorUnknown(ValidationFault):
    """No executor back end is installed for this kind of URL."""

    code = "unknown_executor"


def backend_for(
    url: str,
    *,
    state_dir: Path,
    epoch: int = 1,
    environment: Mapping[str, str] | None = None,
    **options: Any,
) -> Backend:
    """The back end that ``url``'s scheme names (``local`` alone means ``local://``), not yet opened.

    ``state_dir``, ``epoch`` and ``environment`` are the engine's; each back end takes what concerns it.

    :raises ExecutorUnknown: if none has this scheme.
    """
    given = {"state_dir": state_dir, "epoch": epoch, "environment": environment, **options}
    return cast("Backend", _entry_of(url).load()(url, **given))


def check_backend(url: str) -> None:
    """Nothing, if a back end has this URL's scheme.

    :raises ExecutorUnknown: if none has.
    """
    _entry_of(url)


def _entry_of(url: str) -> EntryPoint:
    scheme = url.partition("://")[0]
    known = entry_points(group=GROUP)
    found = [entry for entry in known if entry.name == scheme]
    if not found:
        names = ", ".join(sorted({entry.name for entry in known})) or "none"
        raise ExecutorUnknown(f"No executor is installed for {url!r}; known are: {names}.", url=url)
    return found[0]


def open_local(
    _url: str,
    *,
    state_dir: Path,
    epoch: int = 1,
    environment: Mapping[str, str] | None = None,
    **_: Any,
) -> Backend:
    """The back end of this machine."""
    from .local import LocalBackend  # noqa: PLC0415  # loads keepers, for those who ask for it

    return LocalBackend(state_dir, epoch=epoch, environment=environment)
