"""Events without secrets, where they quote what some program said."""

from __future__ import annotations

from typing import Any

from ..protocol.events import EnvError, EventPayload, SystemError_, SystemInfo, SystemWarning
from ..telemetry.redaction import Redactor


def without_secrets(payload: EventPayload, redactor: Redactor) -> EventPayload:
    """``payload``, with the secrets taken out of texts and details of what went wrong."""
    if isinstance(payload, SystemWarning | SystemInfo):
        return payload.model_copy(update=_shown(payload.message, payload.details, redactor))
    if isinstance(payload, SystemError_ | EnvError):
        error = payload.error
        shown = error.model_copy(update=_shown(error.message, error.details, redactor))
        return payload.model_copy(update={"error": shown})
    return payload


def _shown(message: str, details: dict[str, Any], redactor: Redactor) -> dict[str, Any]:
    return {"message": redactor.text(message), "details": redactor.value(details)}
