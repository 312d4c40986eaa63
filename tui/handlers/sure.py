"""Asking whether a person is sure, before what can't be undone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..bridge import Bridge


@dataclass(frozen=True, slots=True)
class Question:
    """``action`` is what was pressed: another key than its own answers; ``verb`` is what yes does."""

    action: str
    title: str
    text: str
    verb: str


def make_sure(bridge: Bridge, question: Question, then: Callable[[], None]) -> None:
    """Ask; ``then`` is called if the person is sure."""
    from ..dialogs.confirm import ConfirmDialog  # noqa: PLC0415 - start-up time

    def answered(sure: bool | None) -> None:
        if sure:
            then()

    dialog = ConfirmDialog(
        bridge, action=question.action, title=question.title, text=question.text,
        verb=question.verb,
    )  # fmt: skip
    bridge.host.open(dialog, answered)
