"""The open request of a session: when it is the same still, and when another one."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ...protocol.status import Activity, Choice, DialogKind, Request, Source
from .claims import UNREPORTED_KINDS, Claim
from .dialog import Dialog, digest

ANSWER_PATIENCE = 1.5
"""Seconds in which an answer takes effect; a dialog that stays longer can be answered again."""

REPAINT_PATIENCE = 0.5
"""Seconds for which the dialog that was closed last may still stand on the screen."""

_WORDS = {
    DialogKind.PERMISSION: "asks for a permission",
    DialogKind.QUESTION: "asks a question",
    DialogKind.TRUST: "asks whether to trust this place",
    DialogKind.AUTH: "asks to sign in",
}
"""What is asked, as long as nothing tells it in full: the word of it comes before its dialog."""

_SPOKEN_KINDS = frozenset({Source.ACP, Source.OSC7501, Source.SIDE_CHANNEL})


@dataclass(frozen=True, slots=True)
class Open:
    """The open request.

    ``dialog`` is what it looks like, ``None`` while none was found; ``expects`` the options it must
    then have, if it was taken up from before a restart. ``channel``: its id is the agent's own, and
    so is the way to answer it. ``answered`` is when the keys of an answer were typed.
    """

    request: Request
    activity: Activity
    dialog: Dialog | None
    message: str
    opened: float
    channel: bool = False
    answered: float | None = None
    expects: tuple[Choice, ...] = ()

    @property
    def answered_until(self) -> float | None:
        """When an answer that changed nothing counts as lost."""
        return None if self.answered is None else self.answered + ANSWER_PATIENCE


@dataclass(frozen=True, slots=True)
class Sight:
    """The dialog on the screen when that was last read (``settled``), if any.

    ``quiet``: nothing was written since, so it is there still.
    """

    dialog: Dialog | None = None
    settled: float | None = None
    quiet: bool = True


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
    """What a person reads: the program's words, and the dialog's where they say more.

    A terminal breaks lines where it ends: that says nothing.
    """
    if dialog is None:
        return message
    said, shown = " ".join(message.split()), " ".join(dialog.text.split())
    if shown in said:
        return message
    return dialog.text if said in shown else f"{message}\n{dialog.text}"


def _rearmed(held: Open | None, now: float) -> Open | None:
    """``held``, open again if its answer was typed long ago and changed nothing."""
    if held is None or held.answered_until is None or now < held.answered_until:
        return held
    return replace(held, answered=None)


def _continues(old: Open, claim: Claim, dialog: Dialog | None) -> bool:
    """Whether ``claim``, with the dialog that belongs to it, speaks of the request ``old``."""
    if claim.request is not None:
        return old.channel and claim.request.request_id == old.request.request_id
    if old.channel or (claim.message and old.message and claim.message != old.message):
        return False
    if dialog is None:
        return True
    if old.dialog is not None:
        return old.dialog.same_as(dialog)
    if old.answered is not None:
        return False  # an answered dialog that went and came was asked again
    return not old.expects or old.expects == dialog.choices()


def _same_as_kept(kept: Request, opened: Open) -> bool:
    """Whether ``opened`` is the request that was open before a restart, as far as can be told."""
    asked = opened.request
    if opened.dialog is not None:
        return (kept.text, kept.choices) == (asked.text, asked.choices)
    return kept.text.startswith(opened.message)


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
        self._ripe: float | None = None

    def close(self) -> None:
        """No request is open any more."""
        if self.open is not None:
            self._closed = self.open.dialog
        self.open = self._ripe = None

    def answered(self, request_id: str, at: float) -> None:
        """Note that the answer's keys were typed; an id that isn't open changes nothing."""
        if self.open is not None and self.open.request.request_id == request_id:
            self.open = replace(self.open, answered=at)

    def update(self, claim: Claim, sight: Sight, now: float) -> Open:
        """The open request, given a claim that one is open."""
        self._ripe = None
        old = _rearmed(self.open, now)
        if old is not None:
            known = old.dialog is not None and claim.source is not Source.SCREEN
            dialog = sight.dialog if known else self._belonging(claim, sight, now)
            if _continues(old, claim, dialog):
                self.open = self._merged(old, claim, dialog)
                return self.open
        self.close()
        self.open = self._opened(claim, self._belonging(claim, sight, now), now)
        return self.open

    @property
    def wake_at(self) -> float | None:
        """When to look again: an answer that changed nothing, a dialog that may belong."""
        answered = self.open.answered_until if self.open else None
        return min((at for at in (answered, self._ripe) if at is not None), default=None)

    def _belonging(self, claim: Claim, sight: Sight, now: float) -> Dialog | None:
        """The dialog on the screen, if it can be ``claim``'s: not what an older frame shows."""
        if claim.source is Source.SCREEN:
            return claim.dialog
        if sight.dialog is None or sight.settled is None:
            return None
        just_closed = self._closed is not None and self._closed.same_as(sight.dialog)
        if not just_closed and sight.settled >= claim.since.at:
            return sight.dialog
        ripe = claim.since.at + REPAINT_PATIENCE
        if sight.settled >= ripe or (sight.quiet and now >= ripe):
            return sight.dialog
        self._ripe = ripe
        return None

    def _opened(self, claim: Claim, dialog: Dialog | None, now: float) -> Open:
        if claim.request is not None:
            asked = claim.request
            return Open(asked, claim.activity, dialog, claim.message, now, channel=True)
        opened = self._shaped("", claim, dialog, claim.message, now)
        kept, self._restored = self._restored, None
        if kept is not None and _same_as_kept(kept, opened):
            return replace(opened, request=kept, expects=kept.choices)
        self.appearances += 1
        mark = dialog.fingerprint if dialog else digest(str(claim.kind), claim.message)
        named = {"request_id": f"{mark}-{self.appearances}"}
        return replace(opened, request=opened.request.model_copy(update=named))

    def _merged(self, old: Open, claim: Claim, dialog: Dialog | None) -> Open:
        if old.channel:
            return replace(old, dialog=dialog or old.dialog)
        if old.answered is not None and dialog is None:
            return replace(old, dialog=None)
        message = claim.message or old.message
        if dialog is not None and old.dialog is not None:
            dialog = old.dialog.followed_by(dialog)
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
            text=text_of(message, dialog) or _WORDS[kind],
            choices=dialog.choices() if dialog else (),
            free_text=dialog.free_text if dialog else kind is DialogKind.QUESTION,
        )
        return Open(request, activity_of(claim, kind, dialog), dialog, message, opened)
