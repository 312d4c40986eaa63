"""Creating, starting, stopping, removing sessions, and prompting them."""

from __future__ import annotations

from functools import partial
from typing import Any

from ...core.base.errors import QuarterdeckError
from ...core.protocol.commands import (
    DeleteSession,
    Payload,
    RestartAgent,
    StartAgent,
    StopAgent,
)
from ...core.protocol.views import SessionView
from ..bridge import Bridge
from ..model.words import clean
from .base import Handler, Handlers

STANDS = {
    "needs approval": "waits for an approval",
    "needs answer": "waits for an answer",
    "done": "has finished its turn",
    "limited": "has reached a limit",
    "error": "reports an error",
    "unknown": "may be at work",
    "created": "was never started",
    "exited": "has ended",
    "crashed": "has crashed",
}
"""How a session stands, where ``is`` and its shown status make no sentence."""

LEFTOVERS = frozenset({"worktree_dirty", "branch_unmerged"})
"""Why a session with a worktree is not deleted: a person may wish it all the same."""

NO_SESSION = "There is no session here; <session.create> creates one."


class Sessions:
    """What can be done to the focused session; what destroys work asks for a second key."""

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge
        self._deck = bridge.deck

    def handlers(self) -> Handlers:
        """What can be done here."""
        return {
            "session.create": Handler(self.create, self._not_reached),
            "agent.start": Handler(self.start, self._cant_start),
            "agent.resume": Handler(self.resume, self._cant_resume),
            "agent.stop": Handler(self.stop, self._not_living),
            "agent.restart": Handler(self.restart, self._no_session),
            "session.delete": Handler(self.delete, self._no_session),
            "session.prompt": Handler(self.prompt, self._not_running),
        }

    def create(self) -> None:
        """Open the form for a new session."""
        from ..dialogs.create import CreateDialog  # noqa: PLC0415 - start-up time

        self._bridge.host.open(CreateDialog(self._bridge), self._created)

    def _created(self, session_id: str | None) -> None:
        if session_id is not None and session_id in self._deck.view.sessions:
            self._deck.select_session(session_id, jump=True)
            self._bridge.moved()

    def prompt(self) -> None:
        """Open the prompt's dialog."""
        session = self._deck.session
        if session is not None:
            from ..dialogs.prompt import PromptDialog  # noqa: PLC0415 - start-up time

            self._bridge.host.open(PromptDialog(self._bridge, session))

    def start(self) -> None:
        """Start the session."""
        self._do(lambda session: StartAgent(session_id=session.id), "Starting")

    def resume(self) -> None:
        """Start it where its conversation ended."""
        self._do(lambda session: StartAgent(session_id=session.id, resume=True), "Resuming")

    def stop(self) -> None:
        """Stop it, once confirmed."""
        self._confirm(
            "agent.stop", "Stop", lambda session: StopAgent(session_id=session.id), "Stopping"
        )

    def restart(self) -> None:
        """Stop and start it; one that lives is asked about first."""
        session = self._deck.session
        if session is not None and not session.living:
            self._do(lambda session: RestartAgent(session_id=session.id), "Starting")
            return
        self._confirm(
            "agent.restart",
            "Restart",
            lambda session: RestartAgent(session_id=session.id),
            "Restarting",
        )

    def delete(self) -> None:
        """Remove it, once confirmed."""
        self._confirm("session.delete", "Delete", _deletion, "Deleting")

    def _do(self, payload: Any, said: str) -> None:
        session = self._deck.session
        if session is not None:
            self._send(payload(session), f"{said} {clean(session.name)}.")

    def _send(self, payload: Payload, said: str) -> None:
        self._bridge.host.tell(said)
        failed = partial(self._not_deleted, payload) if isinstance(payload, DeleteSession) else None
        self._bridge.send(payload, failed=failed)

    def _not_deleted(self, payload: DeleteSession, error: QuarterdeckError) -> None:
        """Ask what becomes of work in a worktree that stands against the deletion."""
        session = self._deck.view.sessions.get(payload.session_id)
        if error.code not in LEFTOVERS or session is None or payload.discard:
            self._bridge.complain(error)
            return
        from ..dialogs.leftover import LeftoverDialog  # noqa: PLC0415 - start-up time

        dialog = LeftoverDialog(self._bridge, name=clean(session.name), why=clean(error.message))
        self._bridge.host.open(dialog, partial(self._chosen, session.id))

    def _chosen(self, session_id: str, way: str | None) -> None:
        session = self._deck.view.sessions.get(session_id)
        if way is not None and session is not None:
            self._send(_deletion(session, way), f"Deleting {clean(session.name)}.")

    def _confirm(self, action: str, verb: str, payload: Any, said: str) -> None:
        session = self._deck.session
        if session is None:
            return
        from ..dialogs.confirm import ConfirmDialog  # noqa: PLC0415 - start-up time

        dialog = ConfirmDialog(
            self._bridge,
            action=action,
            title=f"{verb} {clean(session.name)}?",
            text=_consequence(session, verb),
            verb=f"{verb.lower()} it",
        )
        line = f"{said} {clean(session.name)}."
        self._bridge.host.open(dialog, partial(self._confirmed, session.id, payload, line))

    def _confirmed(self, session_id: str, payload: Any, said: str, sure: bool | None) -> None:
        session = self._deck.view.sessions.get(session_id)
        if sure and session is not None:
            self._send(payload(session), said)

    def _no_session(self) -> str | None:
        return NO_SESSION if self._deck.session is None else None

    def _not_living(self) -> str | None:
        session = self._deck.session
        if session is None:
            return NO_SESSION
        return None if session.living else f"{clean(session.name)} is not running."

    def _not_running(self) -> str | None:
        missing = self._not_living()
        return f"{missing} s starts it." if missing and self._deck.session else missing

    def _not_reached(self) -> str | None:
        return None if self._bridge.ready else "The engine has not answered yet; a moment."

    def _cant_start(self) -> str | None:
        session = self._deck.session
        if session is None:
            return NO_SESSION
        return f"{clean(session.name)} is running already." if session.living else None

    def _cant_resume(self) -> str | None:
        problem = self._cant_start()
        session = self._deck.session
        if problem is None and session is not None and not session.resumable:
            return f"{clean(session.name)} has no conversation to resume; <agent.start> starts it anew."
        return problem


def _deletion(session: SessionView, way: str = "") -> DeleteSession:
    """The command that deletes a session; ``way`` is what becomes of its worktree."""
    ways = {"keep": {"keep_worktree": True}, "discard": {"discard": True}}
    return DeleteSession(session_id=session.id, force=session.living, **ways.get(way, {}))


def _consequence(session: SessionView, verb: str) -> str:
    """What is lost, in one sentence."""
    lost = {
        "Stop": "Its processes are ended; the session stays in the list.",
        "Restart": "Its processes are ended and it begins anew.",
        "Delete": "It leaves the list with its history; files in its directory stay.",
    }[verb]
    if verb == "Delete" and session.workspace is not None:
        lost = "Its worktree goes with it if all in it is committed and merged."
    return f"It {STANDS.get(session.shown, f'is {session.shown}')}. {lost}"
