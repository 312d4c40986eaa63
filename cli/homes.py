"""What an engine is called in a store that others share."""

from __future__ import annotations

import socket

from ..core.base.places import place_key
from ..core.settings import Settings


def home_of(settings: Settings) -> str:
    """The name of the engine of a state directory: the same at every start."""
    return f"{socket.gethostname()}:{place_key(settings.state_dir)}"
