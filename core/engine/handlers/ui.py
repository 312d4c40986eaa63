"""Handlers of ``ui.*``.

Results: ``{"minimal": bool}``; ``{"key": name, "value": the value in force}``;
``{"preferences": {name: value, ...}}``.
"""

from __future__ import annotations

from ...protocol import commands as c
from ...protocol.events import PreferenceChanged
from ...protocol.preferences import check_preference, with_defaults
from ..context import Call, Context, Kept, Result, Route, routes_by_type
from ..records import SavePreference


async def toggle_minimal(_context: Context, _wish: c.ToggleMinimal, call: Call) -> Result:
    """Switch this client's minimal mode."""
    call.client.minimal = not call.client.minimal
    return {"minimal": call.client.minimal}


async def set_preference(context: Context, wish: c.SetPreference, call: Call) -> Result:
    """Keep one preference; answered when it is on disk."""
    value = check_preference(wish.key, wish.value)
    back_to_default = wish.value is None
    await context.journal.record(
        [SavePreference(wish.key, None if back_to_default else value)],
        [PreferenceChanged(name=wish.key, value=value)],
        call.cause,
    )
    if back_to_default:
        context.preferences.pop(wish.key, None)
    else:
        context.preferences[wish.key] = value
    return {"key": wish.key, "value": value}


async def preferences(context: Context, _wish: c.GetPreferences, _call: Call) -> Result:
    """Every preference in force."""
    return {"preferences": with_defaults(context.preferences)}


ROUTES = routes_by_type(
    Route(c.ToggleMinimal, toggle_minimal),
    Route(c.SetPreference, set_preference, kept=Kept.STORE),
    Route(c.GetPreferences, preferences, kept=Kept.NOT),
)
