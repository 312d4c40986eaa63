"""What an engine takes over from the one before it: where that kept its state, and where its tasks ran."""

from __future__ import annotations

from collections.abc import Mapping

from ..core.settings import Settings
from ..core.telemetry.redaction import HIDDEN, Redactor
from .failing import fault

OPTIONS = {"state.url": "--store", "workflows.executor": "--executor"}


def inherit(settings: Settings, before: Mapping[str, str]) -> tuple[Settings, dict[str, str]]:
    """``settings`` with what differs in ``before``, and that; addresses in it have no passwords.

    :raises CliFault: ``engine_differs`` if one is needed.
    """
    shown = Redactor().text
    own = {
        "state.url": shown(settings.store_url),
        "workflows.executor": shown(settings.workflows.executor),
    }
    other = {key: value for key, value in before.items() if value != own[key]}
    for key, value in other.items():
        if HIDDEN in value:
            raise fault(
                "engine_differs",
                f"The engine that ran here worked with {value}, whose password is not known here. "
                f"Start again with that address as {OPTIONS[key]}.",
            )
    return _with(settings, other), other


def _with(settings: Settings, other: Mapping[str, str]) -> Settings:
    sections = {}
    for key, value in other.items():
        section, _, name = key.partition(".")
        sections[section] = getattr(settings, section).model_copy(update={name: value})
    return settings.model_copy(update=sections)
