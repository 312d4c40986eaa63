"""Whether input may be sent: a pure decision on how a session stands."""

from __future__ import annotations

from enum import StrEnum

from ...base.errors import BusinessFault
from ...protocol.status import Activity, Lifecycle, Status
from ..agents.definition import AgentDefinition
from ..faults import NotRunning, RequestGone
from .matching import ScreenMatch, shorten


class NeedsApproval(BusinessFault):
    """A prompt was refused because the agent waits for an approval."""

    code = "needs_approval"


class NeedsAnswer(BusinessFault):
    """A prompt was refused because the agent waits for an answer."""

    code = "needs_answer"


class StatusUnknown(BusinessFault):
    """A prompt was refused because nobody can tell what the agent would take it for."""

    code = "status_unknown"


class MenuOpen(BusinessFault):
    """A prompt was refused because a menu or a viewer has the keys."""

    code = "menu_open"


class Delivery(StrEnum):
    """Whether a change of status will show that a prompt was taken."""

    VERIFIED = "verified"
    UNVERIFIED = "unverified"


def _need_process(lifecycle: Lifecycle) -> None:
    if lifecycle is not Lifecycle.RUNNING:
        raise NotRunning(
            f"The session is {lifecycle}; start it before sending anything.",
            lifecycle=lifecycle.value,
        )


def guard_prompt(definition: AgentDefinition, lifecycle: Lifecycle, status: Status) -> Delivery:
    """How a prompt would be delivered, if it may be sent now.

    An agent whose status nothing reads takes a prompt in every state, unverified.

    :raises NotRunning: if no process runs.
    :raises NeedsApproval: if an approval is open: the prompt would answer it.
    :raises NeedsAnswer: if a question is open: likewise.
    :raises StatusUnknown: if the agent has rules and none tells what it is doing.
    """
    _need_process(lifecycle)
    asked = status.request
    about = {"request_id": asked.request_id, "text": asked.text} if asked else {}
    what = f": {shorten(asked.text)}" if asked else ""
    if status.activity is Activity.NEEDS_APPROVAL:
        raise NeedsApproval(
            f"The agent waits for an approval{what}; allow or reject it first.", **about
        )
    if status.activity is Activity.NEEDS_ANSWER:
        raise NeedsAnswer(f"The agent waits for an answer{what}; give it first.", **about)
    if not definition.readable:
        return Delivery.UNVERIFIED
    if status.activity is Activity.UNKNOWN:
        raise StatusUnknown(
            f"What the agent is doing is not known ({status.evidence or 'no signal'}); look at its "
            "screen, or type into it."
        )
    return Delivery.VERIFIED if definition.prompt.verify else Delivery.UNVERIFIED


def guard_screen(found: ScreenMatch | None) -> None:
    """Let a prompt through only if nothing on the drained screen would take its keys.

    :raises NeedsApproval: if a dialog there would take them for an approval.
    :raises NeedsAnswer: likewise for an answer.
    :raises MenuOpen: if a menu or a viewer would.
    """
    if found is None:
        return
    if found.dialog is None:
        raise MenuOpen(
            f"A menu or a viewer is open on its screen ({found.evidence}); close it first.",
            rule=found.rule.id,
        )
    asked = shorten(found.dialog.text or found.evidence)
    if found.dialog.activity is Activity.NEEDS_APPROVAL:
        raise NeedsApproval(
            f"Its screen shows an approval: {asked}; allow or reject it first.", text=asked
        )
    raise NeedsAnswer(f"Its screen shows a question: {asked}; answer it first.", text=asked)


def guard_answer(
    lifecycle: Lifecycle, status: Status, request_id: str, *, still_open: bool
) -> None:
    """Let an answer through only to the very request that it was meant for.

    ``still_open`` is what ``StatusDetector.still_open`` found on the drained screen.

    :raises NotRunning: if no process runs.
    :raises RequestGone: if that request is not open any more, or another one is.
    """
    _need_process(lifecycle)
    current = status.request.request_id if status.request else None
    if current == request_id and still_open:
        return
    now = f"it now asks: {status.request.text}" if status.request else "it asks nothing now"
    reason = now if current != request_id else "its dialog is not on the screen"
    raise RequestGone(
        f"That request is no longer open ({reason}); nothing was typed. Look again and answer "
        "what is asked.",
        request_id=request_id,
        open_request=current,
    )
