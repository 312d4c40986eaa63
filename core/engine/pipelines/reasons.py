"""For what payloads wait whose handlers were begun: leave, room, a person."""

from __future__ import annotations

from collections.abc import Iterator

from ...pipelines.entries import Attempt, Entry
from ...pipelines.voting import Voting
from ...protocol.pipeline_views import PayloadStatus
from ...protocol.status import Activity
from ...sessions.faults import SessionUnknown
from ...workflows.executors.children import Child, ChildKind
from ..workflows.service import WorkflowService
from .in_place import InPlace

_ASKS = {
    Activity.NEEDS_APPROVAL: "waits for an approval",
    Activity.NEEDS_ANSWER: "waits for an answer",
    Activity.LIMITED: "has come to a limit",
}


class Reasons:
    """Asked of workflows, functions in place, sessions and votes; nothing is kept."""

    def __init__(self, workflows: WorkflowService, in_place: InPlace, voting: Voting) -> None:
        self._workflows = workflows
        self._in_place = in_place
        self._voting = voting

    def of(self, entry: Entry) -> str:
        """For what a running payload waits; empty if one of its handlers works.

        What a person can give is told in any case.
        """
        running = [one for one in entry.attempts if one.status is PayloadStatus.RUNNING]
        people = next(filter(None, (self._people(entry, one) for one in running)), "")
        if people:
            return people
        told = [self.not_begun(entry, one) for one in running]
        return told[0] if told and all(told) else ""

    def not_begun(self, entry: Entry, attempt: Attempt) -> str:
        """Why an attempt that was handed over does not work yet; empty if it does."""
        if attempt.workflow_id is None:
            origin = entry.origin
            return self._in_place.waits(origin.id, origin.pipeline, attempt.handler, attempt.number)
        return self._workflows.orchestrator.standstill(attempt.workflow_id)

    def _people(self, entry: Entry, attempt: Attempt) -> str:
        if self._voting.asks(entry.id, attempt.handler, attempt.number):
            return "waits for your vote"
        if attempt.workflow_id is None:
            return ""
        asked = self._workflows.waits_for_people(attempt.workflow_id)
        return asked or next(self._sessions(attempt.workflow_id), "")

    def _sessions(self, workflow_id: str) -> Iterator[str]:
        """What sessions ask that work on it."""
        found = self._workflows.surroundings
        sessions = None if found is None else found.sessions
        if sessions is None:
            return
        for text in self._workflows.orchestrator.children(workflow_id):
            child = Child.parse(text)
            if child is None or child.kind is not ChildKind.SESSION or not child.place:
                continue
            try:
                view = sessions.view(child.place)
            except SessionUnknown:
                continue
            if view.living and (asks := _ASKS.get(view.status.activity)):
                yield f"the session {view.name} {asks}"
