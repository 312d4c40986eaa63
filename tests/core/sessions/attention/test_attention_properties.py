"""The queue against the simplest thing that could be right: a list that is sorted each time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from quarterdeck.core.base.priority import Priority
from quarterdeck.core.protocol.attention import AttentionItem, AttentionKind, is_snoozed
from quarterdeck.core.sessions.attention.drafts import Draft
from quarterdeck.core.sessions.attention.queue import AttentionQueue, ChangeKind

NOW = datetime(2026, 3, 1, tzinfo=UTC)
LIMIT = 6


def naive_key(item: AttentionItem) -> tuple[object, ...]:
    """The order as the contract words it."""
    kinds = ["approval", "question", "gate", "failure", "limit", "turn_done"]
    no_deadline = item.deadline is None
    return (
        kinds.index(item.kind.value),
        int(item.priority),
        no_deadline,
        item.deadline or NOW,
        item.created_at,
        item.item_id,
    )


drafts = st.builds(
    Draft,
    kind=st.sampled_from(list(AttentionKind)),
    request_id=st.sampled_from(["a", "b", "c"]),
    title=st.just("t"),
    text=st.sampled_from(["", "x"]),
    priority=st.sampled_from(list(Priority)),
    deadline=st.none() | st.integers(1, 500).map(lambda seconds: NOW + timedelta(seconds=seconds)),
)
sessions = st.sampled_from(["s1", "s2", "s3"])


class Against(RuleBasedStateMachine):
    """Every operation on the queue and on a plain dictionary."""

    def __init__(self) -> None:
        super().__init__()
        self.queue = AttentionQueue(LIMIT)
        self.model: dict[str, AttentionItem] = {}
        self.dropped = 0
        self.seconds = 0

    @property
    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.seconds)

    def take(self, changes: list[object]) -> None:
        for change in changes:
            item = change.item  # type: ignore[attr-defined]  # a Change
            what = change.what  # type: ignore[attr-defined]  # a Change
            if what in {ChangeKind.RAISED, ChangeKind.UPDATED}:
                assert (item.item_id in self.model) == (what is ChangeKind.UPDATED)
                self.model[item.item_id] = item
            else:
                self.dropped += what is ChangeKind.DROPPED
                self.model.pop(item.item_id, None)

    @rule(session=sessions, draft=drafts)
    def raise_one(self, session: str, draft: Draft) -> None:
        self.take(list(self.queue.raise_item(session, draft, self.now)))

    @rule(
        session=sessions,
        wanted=st.lists(drafts, max_size=2, unique_by=lambda each: each.request_id),
    )
    def sync(self, session: str, wanted: list[Draft]) -> None:
        self.take(list(self.queue.sync(session, wanted, self.now)))
        kept = {draft.request_id for draft in wanted}
        assert all(
            item.request_id in kept for item in self.model.values() if item.session_id == session
        )

    @precondition(lambda self: self.model)
    @rule(data=st.data(), how=st.sampled_from(["answer", "resolve", "snooze", "unsnooze"]))
    def touch(self, data: st.DataObject, how: str) -> None:
        item_id = data.draw(st.sampled_from(sorted(self.model)))
        if how == "answer":
            change = self.queue.answer(item_id, "x", "ada", self.now)
        elif how == "resolve":
            change = self.queue.resolve(item_id, self.now)
        elif how == "snooze":
            change = self.queue.snooze(item_id, self.now + timedelta(seconds=30), self.now)
        else:
            change = self.queue.unsnooze(item_id)
        self.take([change])

    @rule(seconds=st.integers(0, 60))
    def pass_time(self, seconds: int) -> None:
        self.seconds += seconds
        self.take(list(self.queue.tick(self.now)))
        wake = self.queue.wake_at()
        assert wake is None or wake > self.now

    @rule()
    def restart(self) -> None:
        fresh = AttentionQueue(LIMIT)
        fresh.restore(reversed(self.queue.snapshot()))
        assert fresh.items(self.now) == self.queue.items(self.now)

    @invariant()
    def order_is_the_naive_one(self) -> None:
        assert self.queue.items(self.now) == sorted(self.model.values(), key=naive_key)
        assert len(self.queue) == len(self.model) <= LIMIT

    @invariant()
    def one_item_for_each_request(self) -> None:
        keys = [(item.session_id, item.request_id) for item in self.model.values()]
        assert len(set(keys)) == len(keys)

    @invariant()
    def cycling_visits_every_ready_item_once(self) -> None:
        ready = [item for item in self.queue.items(self.now) if not is_snoozed(item, self.now)]
        for step in (self.queue.next_item, self.queue.previous_item):
            current: str | None = None
            seen: list[str] = []
            for _ in ready:
                item = step(current, self.now)
                assert item is not None
                current = item.item_id
                seen.append(current)
            assert sorted(seen) == sorted(item.item_id for item in ready)

    @invariant()
    def figures_are_true(self) -> None:
        figures = self.queue.statistics()
        assert figures.open == len(self.model)
        assert sum(figures.by_kind.values()) == figures.open
        assert figures.dropped == self.dropped


TestAgainstNaive = Against.TestCase


@given(st.lists(drafts, max_size=30))
def test_order_does_not_depend_on_the_order_of_raising(wanted: list[Draft]) -> None:
    outcomes = []
    for order in (wanted, wanted[::-1]):
        queue = AttentionQueue(100)
        for number, draft in enumerate(order):
            queue.raise_item(f"s{number}", draft, NOW)
        outcomes.append([(item.kind, item.priority, item.deadline) for item in queue.items(NOW)])
    assert outcomes[0] == outcomes[1]
