"""What the dashboard is given once it is painted: the way to an engine, keys, pace."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from ..core.client.ports import Connector
    from .pace import Pacing


class Outfit(NamedTuple):
    """The connector that finds or starts an engine, and what the settings say of the dashboard.

    ``keys`` gives actions other keys (action name to comma-separated keys), ``preset`` the preset
    they lie over; ``None``: the user's preference.
    """

    connector: Connector
    keys: Mapping[str, str] = {}
    preset: str | None = None
    pacing: Pacing | None = None
