"""The debate of the demo: a pipeline in which three agents propose, criticise, revise and vote."""

from __future__ import annotations

from pathlib import Path

from ..core.client.client import Client
from ..core.protocol.pipeline_commands import LoadPipeline, PropelPayload
from ..core.protocol.pipeline_events import PayloadChanged
from ..core.protocol.pipeline_views import PayloadStatus

FILE = Path(__file__).with_name("debate.yaml")
NAME, BEGIN = "debate", "proposals_ready"
ENDS = frozenset({"consensus_reached", "no_consensus"})
TOPIC = "How shall we test the next release?"


async def begin_debate(client: Client, cwd: str | None) -> None:
    """Load the debate, and give it a topic.

    :raises QuarterdeckError: if that is refused.
    """
    await client.call(LoadPipeline(file=str(FILE), cwd=cwd))
    await client.call(PropelPayload(name=NAME, event=BEGIN, data={"topic": TOPIC}))


class DebatePart:
    """What has come of the debate so far."""

    def __init__(self) -> None:
        self.payloads: dict[str, PayloadStatus] = {}
        self.outcome = ""

    def take(self, event: PayloadChanged) -> None:
        """A payload stands otherwise."""
        payload = event.payload
        if payload.pipeline != NAME:
            return
        self.payloads[payload.id] = payload.status
        if payload.event in ENDS and payload.status is PayloadStatus.COMPLETED:
            self.outcome = payload.event

    @property
    def missing(self) -> list[str]:
        """What it has not come to yet, in words."""
        return [] if self.outcome else ["its end"]
