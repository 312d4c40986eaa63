"""What triggers need, and what the engine's service needs of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol, runtime_checkable

from ...protocol.pipeline_views import TriggerView
from ..definition import TriggerDefinition

Propel = Callable[[TriggerDefinition, Any, str], Awaitable[None]]
"""Called with the definition, the payload's data, and an id that is always the same for the same thing.

It returns when the payload is kept; a payload of a known id is kept already. What it refuses it raises
as ``QuarterdeckError``, and is asked again later.
"""


class Trigger(Protocol):
    """One thing that propels by itself."""

    async def start(self, propel: Propel) -> None:
        """Propel from now on, and what was missed meanwhile."""
        ...

    async def stop(self) -> None:
        """Propel nothing more; it may be started again."""
        ...

    def look(self) -> None:
        """Look at the clock: it may have been set, or the machine have slept."""
        ...

    def view(self) -> TriggerView:
        """How it stands."""
        ...


@runtime_checkable
class HookTrigger(Protocol):
    """A trigger whose script propels by itself, and tells the engine so."""

    def fired(self, event: str, hook: str, repository: str | None) -> bool:
        """Whether it is the one that has propelled; it counts it then."""
        ...


class Memory(Protocol):
    """What a trigger has told so far, kept across restarts."""

    async def load(self, key: str) -> dict[str, Any] | None:
        """What was kept under ``key``; ``None`` if nothing was."""
        ...

    async def save(self, key: str, value: Mapping[str, Any]) -> None:
        """Keep ``value``, which is JSON, in place of what was; returns when it is on disk."""
        ...


class Notifier(Protocol):
    """Tells when something in a folder may have changed."""

    def listen(self, folder: str, *, deep: bool, wake: Callable[[], None]) -> None:
        """Call ``wake``, from any thread, after each change of the folder; it need not be there yet.

        :raises OSError: if the system has no room for it.
        """
        ...

    def close(self) -> None:
        """Listen no more."""
        ...
