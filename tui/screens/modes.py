"""The screens of the dashboard by name; each is loaded when it is first shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..bridge import Bridge
    from .base import MainScreen


def deck(bridge: Bridge) -> MainScreen:
    """Sessions and what needs a person."""
    # Start-up time: each screen is loaded when it is first shown.
    from .deck import DeckScreen  # noqa: PLC0415

    return DeckScreen(bridge)


def flows(bridge: Bridge) -> MainScreen:
    """Workflows."""
    # Start-up time: as above.
    from .flows import FlowsScreen  # noqa: PLC0415

    return FlowsScreen(bridge)


def pipelines(bridge: Bridge) -> MainScreen:
    """Pipelines."""
    # Start-up time: as above.
    from .pipelines import PipelinesScreen  # noqa: PLC0415

    return PipelinesScreen(bridge)


def crew(bridge: Bridge) -> MainScreen:
    """The crew."""
    # Start-up time: as above.
    from .crew import CrewScreen  # noqa: PLC0415

    return CrewScreen(bridge)


def log(bridge: Bridge) -> MainScreen:
    """The log."""
    # Start-up time: as above.
    from .log import LogScreen  # noqa: PLC0415

    return LogScreen(bridge)


MODES: Mapping[str, Callable[[Bridge], MainScreen]] = {
    "deck": deck,
    "flows": flows,
    "pipelines": pipelines,
    "crew": crew,
    "log": log,
}
