"""The decorator, and the one engine that it registers with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from ..base.priority import Priority
from .engine import PropulsionEngine
from .handlers import Filter, Handler
from .payload import PropulsionPriority

H = TypeVar("H", bound=Handler)


@dataclass(frozen=True, slots=True)
class Decorated:
    """A decorated function, and how it is to be registered."""

    event_type: str
    handler: Handler
    name: str | None
    priority: PropulsionPriority
    filter_fn: Filter | None

    def register(self, engine: PropulsionEngine) -> None:
        """Register it."""
        engine.register_handler(
            self.event_type, self.handler,
            name=self.name, priority=self.priority, filter_fn=self.filter_fn,
        )  # fmt: skip


class Singleton:
    """The one engine of this process, made when it is first asked for, and what was decorated."""

    def __init__(self) -> None:
        self._engine: PropulsionEngine | None = None
        self._decorated: list[Decorated] = []

    def get(self) -> PropulsionEngine:
        """The engine, with all decorated handlers."""
        if self._engine is None:
            self._engine = PropulsionEngine()
            for one in self._decorated:
                one.register(self._engine)
        return self._engine

    def reset(self) -> None:
        """Let the next one who asks get a new engine."""
        self._engine = None

    def decorate(self, one: Decorated) -> None:
        """Register with the engine, and with every later one."""
        if self._engine is not None:
            one.register(self._engine)
        self._decorated.append(one)


_THE = Singleton()


def get_propulsion_engine() -> PropulsionEngine:
    """The one engine of this process; it is made by the first call."""
    return _THE.get()


def reset_propulsion_engine() -> None:
    """Forget the one engine: the next ``get_propulsion_engine`` makes another, with all decorated handlers."""
    _THE.reset()


def propulsion_handler(
    event_type: str,
    *,
    name: str | None = None,
    priority: PropulsionPriority = Priority.NORMAL,
    filter_fn: Filter | None = None,
) -> Callable[[H], H]:
    """Register the decorated function with the one engine, and again after every reset."""

    def decorate(handler: H) -> H:
        _THE.decorate(Decorated(event_type, handler, name, priority, filter_fn))
        return handler

    return decorate
