"""The base of all command payloads."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, ConfigDict


class Payload(BaseModel):
    """Base of all payloads; ``type`` names the command it belongs to."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    type: ClassVar[str]
