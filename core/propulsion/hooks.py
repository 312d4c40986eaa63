"""Hooks: being told of what happens to payloads."""

from __future__ import annotations

import logging
from collections.abc import Callable
from enum import StrEnum
from typing import Any

from ..base.calling import Threads, is_async
from ..base.logs import warn

_log = logging.getLogger(__name__)

Hook = Callable[..., Any]


class HookType(StrEnum):
    """When a hook is called, and with which keywords.

    ``on_propel``: source_stage, target_stage, payload. ``on_complete``: payload, results.
    ``on_error``: payload, handler_name, error. ``on_expire``: payload. ``on_retry``: payload,
    attempt, delay. ``on_dead_letter``: payload, error.
    """

    ON_PROPEL = "on_propel"
    ON_COMPLETE = "on_complete"
    ON_ERROR = "on_error"
    ON_EXPIRE = "on_expire"
    ON_RETRY = "on_retry"
    ON_DEAD_LETTER = "on_dead_letter"


class HookManager:
    """Callables by hook type, sync (called in a thread) or async; what they raise is logged."""

    def __init__(self) -> None:
        self.registered: dict[HookType, list[Hook]] = {}
        self._threads = Threads(None)

    def register(self, hook_type: HookType | str, hook: Hook) -> Callable[[], None]:
        """Call ``hook`` at ``hook_type``, until the returned function is called."""
        hooks = self.registered.setdefault(HookType(hook_type), [])
        hooks.append(hook)

        def unregister() -> None:
            if hook in hooks:
                hooks.remove(hook)

        return unregister

    def wants(self, hook_type: HookType) -> bool:
        """Whether anybody wants to be told."""
        return bool(self.registered.get(hook_type))

    async def trigger(self, hook_type: HookType, **told: Any) -> None:
        """Call the hooks of ``hook_type``, in the order in which they were registered."""
        for hook in list(self.registered.get(hook_type, ())):
            try:
                if is_async(hook):
                    await hook(**told)
                else:
                    await self._threads.call(_with(hook, told))
            except Exception as error:  # noqa: BLE001  # a hook's fault is not the payload's
                warn(_log, "A hook for %s failed.", hook_type, error=error)


def _with(hook: Hook, told: dict[str, Any]) -> Callable[[], Any]:
    return lambda: hook(**told)
