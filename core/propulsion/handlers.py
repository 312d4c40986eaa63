"""Which handlers an event type has."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from ..base.priority import Priority
from .faults import HandlerExists
from .payload import PropulsionPayload

Handler = Callable[[PropulsionPayload], Any]
"""Sync (called in a thread) or async; what it returns is its result, an exception its failure."""

Filter = Callable[[PropulsionPayload], bool]
"""Called on the loop before each attempt; quick."""


@dataclass(slots=True, eq=False)
class Registered:
    """One handler of one event type."""

    name: str
    call: Callable[[PropulsionPayload], Awaitable[Any]]
    priority: Priority
    filter_fn: Filter | None
    quoted: str = field(init=False)

    def __post_init__(self) -> None:
        self.quoted = json.dumps(self.name)


class Registry:
    """The handlers of every event type, each in the order in which they run."""

    def __init__(self) -> None:
        self._handlers: dict[str, tuple[Registered, ...]] = {}
        self._numbers: dict[str, int] = {}
        self.sole: dict[str, Registered] = {}
        """By event type: its handler, if it has one alone, without a filter."""

    def of(self, event_type: str) -> tuple[Registered, ...]:
        """The handlers of an event type, by priority, then as registered."""
        return self._handlers.get(event_type, ())

    def __len__(self) -> int:
        return sum(map(len, self._handlers.values()))

    def names(self) -> dict[str, list[str]]:
        """The names of all handlers by event type."""
        return {event: [one.name for one in found] for event, found in self._handlers.items()}

    def default_name(self, event_type: str) -> str:
        """A name that no handler of the event type has or had."""
        while True:
            number = self._numbers.get(event_type, 0)
            self._numbers[event_type] = number + 1
            name = f"{event_type}_{number}"
            if all(one.name != name for one in self.of(event_type)):
                return name

    def add(self, event_type: str, handler: Registered) -> None:
        """Enter one.

        :raises HandlerExists: if the event type has one of its name.
        """
        known = self.of(event_type)
        if any(one.name == handler.name for one in known):
            raise HandlerExists(
                f"{event_type!r} has a handler {handler.name!r} already; choose another name, or "
                "unregister that one first.",
                event_type=event_type,
                name=handler.name,
            )
        self._set(event_type, tuple(sorted((*known, handler), key=lambda one: one.priority)))

    def remove(self, event_type: str, name: str, only: Registered | None = None) -> bool:
        """Take one out; ``False`` if there is none of this name, or another than ``only``."""
        known = self.of(event_type)
        left = tuple(one for one in known if one.name != name or only not in {None, one})
        if len(left) == len(known):
            return False
        self._set(event_type, left)
        return True

    def _set(self, event_type: str, handlers: tuple[Registered, ...]) -> None:
        self._handlers[event_type] = handlers
        if not handlers:
            del self._handlers[event_type]
        self.sole.pop(event_type, None)
        if len(handlers) == 1 and handlers[0].filter_fn is None:
            self.sole[event_type] = handlers[0]
