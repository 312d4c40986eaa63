"""What the settings give the dashboard."""

from __future__ import annotations

from ..core.settings import Settings
from ..tui.outfit import Outfit
from ..tui.pace import Pacing
from .connector import EngineConnector
from .place import Place, load


def fit_out(place: Place) -> tuple[EngineConnector, Outfit]:
    """The connector of a place, and what the dashboard gets with it.

    :raises SettingsInvalid: naming every fault of the settings.
    """
    settings = load(place).settings
    connector = EngineConnector(settings.state_dir, lambda: settings)
    return connector, Outfit(connector, configured_keys(settings), pacing=configured_pace(settings))


def configured_keys(settings: Settings) -> dict[str, str]:
    """The keys of ``[ui]``, by action; several keys for one are separated by commas."""
    ui = settings.ui
    keys = {
        action: given if isinstance(given, str) else ",".join(given)
        for action, given in ui.keys.items()
    }
    return {"session.leave": ui.leave_key, **keys}


def configured_pace(settings: Settings) -> Pacing:
    """The pace of ``[ui]``."""
    return Pacing(frame=1 / settings.ui.frames_per_second)
