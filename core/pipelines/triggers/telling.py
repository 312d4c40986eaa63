"""What every trigger does when there is something to tell."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from typing import Any

from ...base.clock import Clock
from ...base.errors import QuarterdeckError
from ...protocol.pipeline_views import TriggerView
from ...telemetry.logs import logger
from ...workflows.files.faults import TemplateFailed
from ...workflows.files.templates import Scope, render
from ..definition import PipelineDefinition, TriggerDefinition
from ..files.executing import about, hidden
from .ports import Propel

AGAIN = 30.0
"""Seconds after which what was refused is told again."""

_log = logger("pipelines.triggers")


def key_of(pipeline: PipelineDefinition, definition: TriggerDefinition) -> str:
    """What a trigger's memory is kept under: the same as long as it heeds the same."""
    options = json.dumps(dict(definition.options), sort_keys=True, default=str)
    told = hashlib.sha256(options.encode()).hexdigest()[:16]
    return f"{pipeline.name}/{definition.kind}/{definition.event}/{told}"


def data_of(
    pipeline: PipelineDefinition, definition: TriggerDefinition, told: dict[str, Any]
) -> Any:
    """What the payload carries.

    :raises TemplateFailed: if the trigger's ``data`` can't be rendered.
    """
    if definition.data is None:
        return told
    scope = Scope(
        inputs=pipeline.inputs,
        around={"trigger": told, "pipeline": about(pipeline)},
        secrets=hidden(pipeline),
    )
    return render(definition.data, scope, f"data of the trigger {definition.kind}")


class Teller:
    """Tells one thing after the other, and keeps count."""

    def __init__(
        self, pipeline: PipelineDefinition, definition: TriggerDefinition, clock: Clock
    ) -> None:
        self.pipeline = pipeline
        self.definition = definition
        self.clock = clock
        self.count = 0
        self.last_at: datetime | None = None
        self.error: str | None = None
        self._propel: Propel | None = None

    def begin(self, propel: Propel) -> None:
        """Tell by ``propel`` from now on."""
        self._propel = propel
        self.error = None

    async def tell(self, told: dict[str, Any], payload_id: str) -> bool:
        """Whether ``told`` is done with: its payload is kept, or none can be made of it."""
        assert self._propel is not None  # noqa: S101  # it was begun
        try:
            data = data_of(self.pipeline, self.definition, told)
        except TemplateFailed as error:
            self.fail(error)
            return True
        try:
            await self._propel(self.definition, data, payload_id)
        except QuarterdeckError as error:
            self.fail(error)
            return False
        self.noted()
        return True

    def noted(self) -> None:
        """It has told once more."""
        self.count += 1
        self.last_at = self.clock.now()
        self.error = None

    def fail(self, error: BaseException) -> None:
        """Let the view show what went wrong."""
        text = error.message if isinstance(error, QuarterdeckError) else str(error)
        self.error = text or type(error).__name__
        _log.warning(
            "a trigger has failed",
            pipeline=self.pipeline.name,
            kind=self.definition.kind,
            error=self.error,
        )

    def view(self, what: str, next_at: datetime | None = None) -> TriggerView:
        """How the trigger stands."""
        return TriggerView(
            kind=self.definition.kind,
            event=self.definition.event,
            what=what,
            last_at=self.last_at,
            next_at=next_at,
            count=self.count,
            error=self.error,
        )
