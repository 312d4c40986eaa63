from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest

from quarterdeck.core.base.ids import is_id
from quarterdeck.core.base.priority import Priority
from quarterdeck.core.protocol.attention import AttentionItem, AttentionKind, ItemState
from quarterdeck.core.protocol.status import Choice
from quarterdeck.core.sessions.attention.drafts import Draft
from quarterdeck.core.sessions.attention.queue import AttentionQueue, Change, ChangeKind
from quarterdeck.core.sessions.faults import ItemUnknown

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
K = AttentionKind


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def draft(request_id: str = "r1", kind: AttentionKind = K.APPROVAL, **more: Any) -> Draft:
    return Draft(kind, request_id, more.pop("title", "fix-login"), **more)


def raised(changes: list[Change]) -> AttentionItem:
    (change,) = changes
    assert change.what is ChangeKind.RAISED
    return change.item


@pytest.fixture
def queue() -> AttentionQueue:
    numbers = count(1)
    return AttentionQueue(limit=5, new_item_id=lambda: f"I{next(numbers):02}")


def ids(queue: AttentionQueue, seconds: float = 0) -> list[str]:
    return [item.item_id for item in queue.items(at(seconds))]


def test_item_holds_what_is_asked() -> None:
    item = raised(
        AttentionQueue().raise_item(
            "s1",
            draft(text="rm -rf build", choices=(Choice(key="1", label="Yes"),), free_text=True),
            NOW,
        )
    )
    assert is_id(item.item_id)
    assert (item.session_id, item.request_id, item.text) == ("s1", "r1", "rm -rf build")
    assert (item.created_at, item.state, item.free_text) == (NOW, ItemState.OPEN, True)
    assert item.choices[0].label == "Yes"


def test_order_is_kind_priority_deadline_age(queue: AttentionQueue) -> None:
    queue.raise_item("s", draft("done", K.TURN_DONE, priority=Priority.CRITICAL), at(0))
    queue.raise_item("s", draft("young"), at(3))
    queue.raise_item("s", draft("old"), at(1))
    queue.raise_item("s", draft("due", deadline=at(60)), at(4))
    queue.raise_item("s", draft("high", priority=Priority.HIGH), at(5))
    assert [item.request_id for item in queue.items(NOW)] == ["high", "due", "old", "young", "done"]


def test_kinds_rank_as_designed() -> None:
    queue = AttentionQueue()
    for kind in reversed(AttentionKind):
        queue.raise_item("s", draft(kind.value, kind), NOW)
    assert [item.kind for item in queue.items(NOW)] == [
        K.APPROVAL, K.QUESTION, K.GATE, K.FAILURE, K.LIMIT, K.TURN_DONE,
    ]  # fmt: skip


def test_one_item_for_each_request(queue: AttentionQueue) -> None:
    first = raised(queue.raise_item("s1", draft(), NOW))
    assert queue.raise_item("s1", draft(), at(1)) == []
    raised(queue.raise_item("s2", draft(), at(2)))
    assert len(queue) == 2
    (change,) = queue.raise_item("s1", draft(text="more is known now"), at(3))
    assert change.what is ChangeKind.UPDATED
    assert (change.item.item_id, change.item.created_at) == (first.item_id, NOW)
    assert queue.get(first.item_id).text == "more is known now"


def test_item_that_changes_its_kind_changes_its_place(queue: AttentionQueue) -> None:
    queue.raise_item("s1", draft("a"), NOW)
    queue.raise_item("s2", draft("b"), at(1))
    queue.raise_item("s1", draft("a", K.QUESTION), at(2))
    assert ids(queue) == ["I02", "I01"]


def test_answer_closes_and_is_kept(queue: AttentionQueue) -> None:
    item = raised(queue.raise_item("s", draft(), NOW))
    change = queue.answer(item.item_id, "allow_once", "ada", at(42))
    assert change.what is ChangeKind.CLOSED
    closed = change.item
    assert (closed.state, closed.answer, closed.answered_by) == (
        ItemState.ANSWERED,
        "allow_once",
        "ada",
    )
    assert closed.closed_at == at(42)
    assert len(queue) == 0
    assert queue.raise_item("s", draft(), at(43)) == []  # its dialog is still being repainted
    raised(queue.raise_item("s", draft("r2"), at(44)))


def test_resolved_request_is_not_raised_again(queue: AttentionQueue) -> None:
    item = raised(queue.raise_item("s", draft(), NOW))
    change = queue.resolve(item.item_id, at(1), by="ada")
    assert (change.item.state, change.item.answered_by) == (ItemState.RESOLVED, "ada")
    assert queue.sync("s", [draft()], at(2)) == []
    assert len(queue) == 0


def test_item_vanishes_with_its_request(queue: AttentionQueue) -> None:
    queue.sync("s1", [draft("a")], NOW)
    queue.sync("s2", [draft("b")], NOW)
    changes = queue.sync("s1", [draft("c")], at(5))
    assert [(change.what, change.item.request_id) for change in changes] == [
        (ChangeKind.CLOSED, "a"),
        (ChangeKind.RAISED, "c"),
    ]
    assert changes[0].item.state is ItemState.RESOLVED
    queue.sync("s1", [], at(6))
    assert [item.session_id for item in queue.items(NOW)] == ["s2"]
    # It was not a person who closed it: the same request may come back.
    assert queue.sync("s1", [draft("a")], at(7))


def test_unknown_items_are_refused(queue: AttentionQueue) -> None:
    item = raised(queue.raise_item("s", draft(), NOW))
    queue.resolve(item.item_id, NOW)
    for call in (
        lambda: queue.get(item.item_id),
        lambda: queue.answer(item.item_id, "x", "ada", NOW),
        lambda: queue.resolve("nothing", NOW),
        lambda: queue.snooze("nothing", at(1), NOW),
        lambda: queue.unsnooze("nothing"),
        lambda: queue.update("nothing", draft()),
    ):
        with pytest.raises(ItemUnknown, match="No open attention item"):
            call()


def test_snoozed_item_steps_aside_and_comes_back(queue: AttentionQueue) -> None:
    one = raised(queue.raise_item("s1", draft(), NOW))
    two = raised(queue.raise_item("s2", draft(), at(1)))
    change = queue.snooze(one.item_id, at(600), at(2))
    assert (change.what, change.item.snoozed_until) == (ChangeKind.UPDATED, at(600))
    assert ids(queue) == [one.item_id, two.item_id]
    assert [item.item_id for item in queue.items(at(3), snoozed=False)] == [two.item_id]
    assert queue.wake_at() == at(600)
    assert queue.tick(at(599)) == []
    (back,) = queue.tick(at(600))
    assert back.item.snoozed_until is None
    assert len(queue.items(at(600), snoozed=False)) == 2
    assert queue.wake_at() is None


def test_snooze_ends_by_hand_or_by_a_time_that_is_over(queue: AttentionQueue) -> None:
    item = raised(queue.raise_item("s", draft(), NOW))
    queue.snooze(item.item_id, at(600), NOW)
    assert queue.unsnooze(item.item_id).item.snoozed_until is None
    queue.snooze(item.item_id, at(600), NOW)
    assert queue.snooze(item.item_id, NOW, NOW).item.snoozed_until is None


def test_snooze_outlives_an_update(queue: AttentionQueue) -> None:
    item = raised(queue.raise_item("s", draft(), NOW))
    queue.snooze(item.item_id, at(600), NOW)
    queue.sync("s", [draft(text="more")], at(1))
    assert queue.get(item.item_id).snoozed_until == at(600)


def test_deadline_expires(queue: AttentionQueue) -> None:
    queue.raise_item("s", draft("gate", K.GATE, deadline=at(60)), NOW)
    assert queue.wake_at() == at(60)
    assert queue.tick(at(59.9)) == []
    (change,) = queue.tick(at(60))
    assert (change.what, change.item.state) == (ChangeKind.CLOSED, ItemState.EXPIRED)
    assert queue.sync("s", [draft("gate", K.GATE, deadline=at(60))], at(61)) == []


def test_full_queue_keeps_the_most_urgent_and_says_what_it_drops(queue: AttentionQueue) -> None:
    for number in range(5):
        queue.raise_item(f"s{number}", draft(kind=K.TURN_DONE), at(number))
    changes = queue.raise_item("s9", draft(), at(9))
    assert [(change.what, change.item.session_id) for change in changes] == [
        (ChangeKind.DROPPED, "s4"),
        (ChangeKind.RAISED, "s9"),
    ]
    assert changes[0].item.state is ItemState.EXPIRED
    (refused,) = queue.raise_item("s10", draft(kind=K.TURN_DONE), at(10))
    assert (refused.what, refused.item.session_id) == (ChangeKind.DROPPED, "s10")
    assert len(queue) == 5
    assert queue.statistics().dropped == 2


def test_next_goes_round_and_skips_what_is_snoozed(queue: AttentionQueue) -> None:
    items = [raised(queue.raise_item(f"s{n}", draft(), at(n))).item_id for n in range(4)]
    queue.snooze(items[2], at(600), at(5))
    found: list[str | None] = [None]
    for _ in range(4):
        item = queue.next_item(found[-1], at(6))
        assert item is not None
        found.append(item.item_id)
    assert found[1:] == [items[0], items[1], items[3], items[0]]
    back: list[str | None] = [None]
    for _ in range(4):
        item = queue.previous_item(back[-1], at(6))
        assert item is not None
        back.append(item.item_id)
    assert back[1:] == [items[3], items[1], items[0], items[3]]


def test_next_from_a_snoozed_or_closed_item_goes_on_at_its_place(queue: AttentionQueue) -> None:
    items = [raised(queue.raise_item(f"s{n}", draft(), at(n))).item_id for n in range(4)]
    queue.snooze(items[1], at(600), at(5))
    assert queue.next_item(items[1], at(6)) == queue.get(items[2])
    queue.answer(items[1], "x", "ada", at(6))
    assert queue.next_item(items[1], at(7)) == queue.get(items[2])
    assert queue.previous_item(items[1], at(7)) == queue.get(items[0])
    assert queue.next_item("never seen", at(7)) == queue.get(items[0])


def test_next_of_nothing_is_nothing(queue: AttentionQueue) -> None:
    assert queue.next_item(None, NOW) is None
    assert queue.previous_item("x", NOW) is None
    item = raised(queue.raise_item("s", draft(), NOW))
    assert queue.next_item(item.item_id, NOW) == item
    queue.snooze(item.item_id, at(60), NOW)
    assert queue.next_item(item.item_id, NOW) is None


def test_snapshot_restores(queue: AttentionQueue) -> None:
    one = raised(queue.raise_item("s1", draft("a"), NOW))
    two = raised(queue.raise_item("s2", draft("b"), at(1)))
    queue.snooze(one.item_id, at(600), at(2))
    closed = queue.answer(two.item_id, "x", "ada", at(3)).item
    other = AttentionQueue()
    other.restore([*queue.snapshot(), closed])
    assert other.items(at(4)) == queue.items(at(4))
    assert other.raise_item("s2", draft("b"), at(5)) == []
    assert other.raise_item("s1", draft("a"), at(5)) == []


def test_more_than_the_limit_may_be_restored(queue: AttentionQueue) -> None:
    wide = AttentionQueue()
    for number in range(8):
        wide.raise_item(f"s{number}", draft(), at(number))
    queue.restore(wide.snapshot())
    assert len(queue) == 8


def test_statistics(queue: AttentionQueue) -> None:
    for number in range(4):
        queue.raise_item(f"s{number}", draft(deadline=at(60) if number == 3 else None), at(number))
    queue.raise_item("s4", draft(kind=K.QUESTION), at(4))
    queue.answer("I01", "x", "ada", at(5))
    queue.resolve("I02", at(5))
    queue.snooze("I03", at(600), at(5))
    queue.tick(at(60))
    figures = queue.statistics()
    assert (figures.open, figures.snoozed, figures.limit) == (2, 1, 5)
    assert figures.by_kind == {K.APPROVAL: 1, K.QUESTION: 1}
    assert (figures.raised, figures.answered, figures.resolved, figures.expired) == (5, 1, 1, 1)
    assert figures.dropped == 0


def test_naive_times_are_refused(queue: AttentionQueue) -> None:
    with pytest.raises(ValueError, match="no time zone"):
        queue.raise_item("s", draft(), datetime(2026, 1, 1))  # noqa: DTZ001  # the point
    item = raised(queue.raise_item("s", draft(), NOW))
    with pytest.raises(ValueError, match="no time zone"):
        queue.snooze(item.item_id, datetime(2026, 1, 1), NOW)  # noqa: DTZ001  # the point


def test_queue_holds_something() -> None:
    with pytest.raises(ValueError, match="at least one"):
        AttentionQueue(limit=0)


def test_memory_of_closed_requests_is_bounded(queue: AttentionQueue) -> None:
    for number in range(100):
        item = raised(queue.raise_item("s", draft(f"r{number}"), at(number)))
        queue.resolve(item.item_id, at(number))
    assert queue.raise_item("s", draft("r99"), at(200)) == []
    raised(queue.raise_item("s", draft("r0"), at(200)))
