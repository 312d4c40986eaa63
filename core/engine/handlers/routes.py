"""Every command's route."""

from __future__ import annotations

from ..context import Route
from . import attention, crew, pipelines, safety, sessions, system, ui, workflows

ROUTES: dict[str, Route] = {
    **sessions.ROUTES,
    **attention.ROUTES,
    **workflows.ROUTES,
    **pipelines.ROUTES,
    **crew.ROUTES,
    **safety.ROUTES,
    **ui.ROUTES,
    **system.ROUTES,
}
"""By the command's type; one for each of ``protocol.commands.PAYLOADS``."""
