"""The open request of a session: when it is the same still, and when another one."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ...protocol.status import Activity, DialogKind, Request, Source
from .claims import UNREPORTED_KINDS, Claim
from .dialog import Dialog, digest

ANSWER_PATIENCE = 1.5
"""Seconds that an answered dialog may stay on the screen before it counts as asked again."""

REPAINT_PATIENCE = 0.5
"""Seconds for which the dialog that was closed last may still stand on the screen."""

_SPOKEN_KINDS = frozenset({Source.ACP, Source.OSC7501, Source.SIDE_CHANNEL})


@dataclass(frozen=True, slots=True)
class Open:
    """The open request.

    ``dialog`` is what it looks like, ``None`` while none was found. ``channel``: its id is the
    agent's own, and so is the way to answer it.
    """

    request: Request
    activity: Activity
    dialog: Dialog | None
    message: str
    opened: float
    channel: bool = False
    answered: float | None = None

    @property
    def answered_until(self) -> float | None:
        """When an answer that changed nothing on the screen counts as lost."""
        return None if self.answered is None else self.answered + ANSWER_PATIENCE


@dataclass(frozen=True, slots=True)
class Sight:
    """The dialog that stands on the screen now, if any, and when the screen was last seen."""

    dialog: Dialog | None = None
    settled: float | None = None


def kind_of(claim: Claim, dialog: Dialog | None) -> DialogKind:
    """What is asked: by the program's word where it has one, else by the dialog on the screen."""
    if dialog is None:
        return claim.kind or DialogKind.PERMISSION
    if claim.source in _SPOKEN_KINDS and claim.kind and dialog.kind not in UNREPORTED_KINDS:
        return claim.kind
    return dialog.kind


def activity_of(claim: Claim, kind: DialogKind, dialog: Dialog | None) -> Activity:
    """Whether ``kind`` is approved or answered."""
    if dialog is not None and dialog.kind is kind:
        return dialog.activity
    if claim.kind is kind:
        return claim.activity
    return Activity.NEEDS_ANSWER if kind is DialogKind.QUESTION else Activity.NEEDS_APPROVAL


def text_of(message: str, dialog: Dialog | None) -> str:
    """What a person reads: the program's words, and the dialog's where they say more."""
    if dialog is None or dialog.text in message:
        return message
    return f"{message}\n{dialog.text}" if message and message not in dialog.text else dialog.text


class RequestTracker:
    """Holds the open request, and counts appearances so that no id is used twice.

    ``restored`` is the request that was open when an earlier engine let go: if the first one that is
    found is the same, it keeps its id.
    """

    def __init__(self, restored: Request | None = None) -> None:
        number = restored.request_id.rpartition("-")[2] if restored else ""
        self.appearances = int(number) if number.isascii() and number.isdigit() else 0
        self.open: Open | None = None
        self._closed: Dialog | None = None
        self._restored = restored

    def close(self) -> None:
        """No request is open any more."""
        if self.open is not None:
            self._closed = self.open.dialog
        self.open = None

    def answered(self, request_id: str, at: float) -> None:
        """Note that the answer's keys were typed; an id that isn't open changes nothing."""
        if self.open is not None and self.open.request.request_id == request_id:
            self.open = replace(self.open, answered=at)

    def update(self, claim: Claim, sight: Sight, now: float) -> Open:
        """The open request, given a claim that one is open."""
        old = self.open
        if old is not None:
            dialog = sight.dialog if old.dialog is not None else self._belonging(claim, sight)
            dialog = claim.dialog if claim.source is Source.SCREEN else dialog
            if self._continues(old, claim, dialog, now):
                self.open = self._merged(old, claim, dialog)
                return self.open
        self.close()
        self.open = self._opened(claim, self._belonging(claim, sight), now)
        return self.open

    def _belonging(self, claim: Claim, sight: Sight) -> Dialog | None:
        """The dialog on the screen, if it can be ``claim``'s: not what an older frame still shows."""
        if claim.source is Source.SCREEN:
            return claim.dialog
        if sight.dialog is None or sight.settled is None:
            return None
        stale = self._closed is not None and self._closed.same_as(sight.dialog)
        patience = REPAINT_PATIENCE if stale else 0.0
        return sight.dialog if sight.settled >= claim.since.at + patience else None

    @staticmethod
    def _continues(old: Open, claim: Claim, dialog: Dialog | None, now: float) -> bool:
        """Whether ``claim`` speaks of the request that is open already."""
        if claim.request is not None:
            return old.channel and claim.request.request_id == old.request.request_id
        if old.channel or (old.answered_until is not None and now >= old.answered_until):
            return False
        if claim.message and old.message and claim.message != old.message:
            return False
        if dialog is None:
            return True
        if old.dialog is None:
            return old.answered is None  # an answered dialog that went and came was asked again
        return old.dialog.same_as(dialog)

    def _opened(self, claim: Claim, dialog: Dialog | None, now: float) -> Open:
        if claim.request is not None:
            asked = claim.request
            return Open(asked, claim.activity, dialog, claim.message, now, channel=True)
        opened = self._shaped("", claim, dialog, claim.message, now)
        mark = dialog.fingerprint if dialog else digest(str(claim.kind), claim.message)
        request = opened.request.model_copy(update={"request_id": self._new_id(mark, opened)})
        return replace(opened, request=request)

    def _new_id(self, mark: str, opened: Open) -> str:
        """The mark with the next number; or the restored id, if it is the same request still."""
        old, self._restored = self._restored, None
        if old is not None:
            asked = opened.request
            alike = opened.dialog is not None and (old.text, old.choices) == (
                asked.text,
                asked.choices,
            )
            if alike or old.request_id.rpartition("-")[0] == mark:
                return old.request_id
        self.appearances += 1
        return f"{mark}-{self.appearances}"

    def _merged(self, old: Open, claim: Claim, dialog: Dialog | None) -> Open:
        if old.channel:
            return replace(old, dialog=dialog or old.dialog)
        if old.answered is not None and dialog is None:
            return replace(old, dialog=None)
        message = claim.message or old.message
        fresh = self._shaped(
            old.request.request_id, claim, dialog or old.dialog, message, old.opened
        )
        return replace(fresh, answered=old.answered)

    @staticmethod
    def _shaped(
        request_id: str, claim: Claim, dialog: Dialog | None, message: str, opened: float
    ) -> Open:
        kind = kind_of(claim, dialog)
        request = Request(
            request_id=request_id,
            kind=kind,
            text=text_of(message, dialog) or claim.evidence,
            choices=dialog.choices() if dialog else (),
            free_text=dialog.free_text if dialog else kind is DialogKind.QUESTION,
        )
        return Open(request, activity_of(claim, kind, dialog), dialog, message, opened)
