"""Executor back ends are found by the scheme of their URL."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import entry_points
from pathlib import Path

from ...base.clock import Clock
from ...base.errors import ValidationFault
from .ports import Backend

GROUP = "quarterdeck.executors"
"""The entry points: each is called as ``open_backend(url, state_dir=, epoch=, environment=, clock=)``."""

LOCAL = "local"


class ExecutorUnknown(ValidationFault):
    """No executor back end is installed for this kind of URL."""

    code = "unknown_executor"


def check_backend(url: str) -> None:
    """Nothing, if a back end has this URL's scheme.

    :raises ExecutorUnknown: if none has.
    """
    scheme = _scheme(url)
    known = {LOCAL, *(entry.name for entry in entry_points(group=GROUP))}
    if scheme not in known:
        names = ", ".join(sorted(known))
        raise ExecutorUnknown(f"No executor is installed for {url!r}; known are: {names}.", url=url)


def find_backend(
    url: str, *, state_dir: Path, epoch: int, environment: Mapping[str, str], clock: Clock
) -> Backend:
    """The back end that ``url``'s scheme names, not yet opened.

    :raises ExecutorUnknown: if none has this scheme.
    """
    check_backend(url)
    if _scheme(url) == LOCAL:
        # Start-up time: keepers are loaded where processes are run here.
        from .local import LocalBackend  # noqa: PLC0415

        return LocalBackend(state_dir, epoch=epoch, environment=environment)
    entry = next(one for one in entry_points(group=GROUP) if one.name == _scheme(url))
    options = {"state_dir": state_dir, "epoch": epoch, "environment": environment, "clock": clock}
    backend: Backend = entry.load()(url, **options)
    return backend


def _scheme(url: str) -> str:
    return url.partition("://")[0]
