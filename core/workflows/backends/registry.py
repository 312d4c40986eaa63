"""Executor back ends are found by the scheme of their URL, so that none is loaded before it is asked for."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Any, cast

from ...base.errors import ValidationFault
from .ports import Backend

GROUP = "quarterdeck.executors"
"""The entry points: each is called as ``open_backend(url, **options)``."""


class ExecutorUnknown(ValidationFault):
    """No executor back end is installed for this kind of URL."""

    code = "unknown_executor"


def backend_for(url: str, **options: Any) -> Backend:
    """The back end that ``url``'s scheme names (``local`` alone is ``local://``), not yet opened.

    ``options`` are for whichever back end it is; each takes those that concern it.

    :raises ExecutorUnknown: if none has this scheme.
    """
    scheme = url.partition("://")[0]
    known = entry_points(group=GROUP)
    found = [entry for entry in known if entry.name == scheme]
    if not found:
        names = ", ".join(sorted({entry.name for entry in known})) or "none"
        raise ExecutorUnknown(f"No executor is installed for {url!r}; known are: {names}.", url=url)
    return cast("Backend", found[0].load()(url, **options))
