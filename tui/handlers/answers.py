"""Answering attention items: always the request that was shown, never another."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from ...core.base.errors import QuarterdeckError
from ...core.protocol.attention import AttentionItem, AttentionKind, is_snoozed
from ...core.protocol.commands import ResolveItem, SnoozeItem, StartAgent
from ..bridge import Bridge
from ..model.answering import WORDS, answer_to, choice_for
from ..model.words import clean
from .base import Handler, Handlers

SNOOZE_SECONDS = 600.0
WORD = 20
"""Cells for a choice's own words in the line of keys."""

_NOTHING_ASKED = {
    AttentionKind.FAILURE: "It failed, and asks nothing",
    AttentionKind.LIMIT: "It has come to a limit, and asks nothing",
    AttentionKind.TURN_DONE: "It has finished its turn, and asks nothing",
}


class Answers:
    """Answers go to the deck's target, or the one that is given, once the deck agrees that it is what was shown."""

    def __init__(
        self, bridge: Bridge, target: Callable[[], AttentionItem | None] | None = None
    ) -> None:
        self._bridge = bridge
        self._deck = bridge.deck
        self._target = target or (lambda: self._deck.target)

    def handlers(self) -> Handlers:
        """What can be done here."""
        return {
            **{
                f"answer.{meaning}": Handler(
                    partial(self.mean, meaning),
                    partial(self._no_choice, meaning),
                    word=partial(self._word, meaning),
                )
                for meaning in WORDS
            },
            "attention.peek": Handler(self.peek, self._no_item),
            "attention.snooze": Handler(self.snooze, self._no_item),
            "attention.resolve": Handler(self.resolve, self._no_item),
        }

    def mean(self, meaning: str) -> None:
        """Answer with the choice that means ``meaning``."""
        item = self._target()
        choice = choice_for(item, meaning)
        if item is not None and choice is not None:
            self.answer(
                item,
                choice=choice.key,
                said=WORDS[meaning] if item.session_id else f"“{clean(choice.label, 40)}”",
            )

    def answer(
        self, item: AttentionItem, *, choice: str | None = None, text: str | None = None, said: str
    ) -> bool:
        """Send an answer to ``item`` as it was shown; False if it was refused here."""
        refusal = self._deck.refusal(item)
        if refusal is not None:
            self._bridge.host.tell(refusal, "warning")
            return False
        key = (item.item_id, item.request_id)
        self._deck.sent.add(key)
        self._bridge.send(
            answer_to(item, choice, text),
            then=partial(self._answered, item, said),
            failed=partial(self._failed, key),
        )
        self._bridge.changed()
        return True

    def _answered(self, item: AttentionItem, said: str, _result: dict[str, Any]) -> None:
        name = clean(self._bridge.owner(item)) or "the session"
        self._bridge.host.tell(f"{said}: {name}: {clean(item.title, 80)}")

    def _failed(self, key: tuple[str, str], error: QuarterdeckError) -> None:
        self._deck.sent.discard(key)
        self._bridge.complain(error)
        self._bridge.changed()

    def peek(self) -> None:
        """Look at the item."""
        item = self._target()
        if item is not None:
            from ..dialogs.peek import PeekDialog  # noqa: PLC0415 - start-up time

            self._bridge.host.open(PeekDialog(self._bridge, item, self))

    def snooze(self) -> None:
        """Put the item aside for ten minutes, or bring it back."""
        item = self._target()
        if item is None:
            return
        back = is_snoozed(item, self._bridge.clock.now())
        self._bridge.send(
            SnoozeItem(item_id=item.item_id, seconds=0.0 if back else SNOOZE_SECONDS),
            then=lambda _: self._bridge.host.tell(
                "It is back in the queue." if back else "Put aside for ten minutes."
            ),
        )

    def resolve(self) -> None:
        """Take the item off the queue."""
        item = self._target()
        if item is not None:
            self._bridge.send(
                ResolveItem(item_id=item.item_id),
                then=lambda _: self._bridge.host.tell(f"Off the queue: {clean(item.title, 80)}"),
            )

    def start(self, item: AttentionItem) -> None:
        """Start the session that ended; its failure is over then."""
        self._bridge.host.tell(f"Starting {clean(self._bridge.owner(item))}.")
        self._bridge.send(StartAgent(session_id=item.session_id))

    def _no_item(self) -> str | None:
        return (
            None
            if self._target() is not None
            else "Nothing here needs you; <nav.next_actionable> goes to what does."
        )

    def _way_out(self, item: AttentionItem) -> str:
        """What can be done about an item that asks nothing."""
        label = self._bridge.keymap.label
        session = self._deck.view.sessions.get(item.session_id)
        if not item.session_id:
            act = f"{label('attention.go')} goes there"
        elif session is None or not session.living:
            act = f"{label('agent.start')} starts it again"
        else:
            act = f"{label('session.prompt')} sends it a prompt"
        off = label("attention.resolve")
        return f"{_NOTHING_ASKED[item.kind]}: {act}, {off} takes this off the list."

    def _no_choice(self, meaning: str) -> str | None:
        missing = self._no_item()
        if missing is not None:
            return missing
        item = self._target()
        if choice_for(item, meaning) is not None:
            return None
        if item is not None and not item.choices and item.kind in _NOTHING_ASKED:
            return self._way_out(item)
        return f"This item has no choice to {meaning.replace('_', ' ')}; space shows it."

    def _word(self, meaning: str) -> str:
        """What the choice says itself; an agent's own words are long, and mean what is usual."""
        item = self._target()
        choice = choice_for(item, meaning)
        if item is None or choice is None or item.session_id:
            return ""
        return clean(choice.label, WORD)
