"""The outbox against the plainest model of it, and what matters said one by one."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from quarterdeck.core.base.ids import new_id
from quarterdeck.core.engine.outbox import Item, Outbox, Snapshot
from quarterdeck.core.protocol import events as e
from quarterdeck.core.protocol.events import Event
from quarterdeck.core.protocol.status import Activity
from quarterdeck.core.protocol.wire import Reply

from .doubles import event, session_view, status_changed

VIEWS = [session_view(name) for name in ("a", "b", "c")]


def reply() -> Reply:
    return Reply(command_id=new_id(), ok=True)


def info(sequence: int = 0) -> Event:
    return event(e.SystemInfo(code="c", message="m"), sequence)


def status(which: int, sequence: int = 0, activity: Activity = Activity.IDLE) -> Event:
    return event(status_changed(VIEWS[which], activity), sequence)


def drained(outbox: Outbox) -> list[Item]:
    items = []
    while (item := outbox.take()) is not None:
        items.append(item)
    return items


def following(limit: int = 5, topics: Iterable[str] = ()) -> Outbox:
    outbox = Outbox(limit)
    outbox.follow(topics)
    return outbox


def test_nothing_comes_before_it_is_followed() -> None:
    outbox = Outbox(5)
    outbox.add_event(info())
    assert outbox.take() is None


def test_events_and_replies_come_in_the_order_in_which_they_were_let_in() -> None:
    outbox = following()
    items: list[Event | Reply] = [info(1), reply(), info(2), reply()]
    for item in items:
        outbox.add_event(item) if isinstance(item, Event) else outbox.add_reply(item)
    assert drained(outbox) == items


def test_topics_let_in_what_they_cover() -> None:
    outbox = following(topics=("status.*", "session.created"))
    outbox.add_event(info(1))
    outbox.add_event(status(0, 2))
    outbox.add_event(event(e.SessionCreated(session=VIEWS[0]), 3))
    outbox.add_event(event(e.SessionDeleted(session_id="x", name="x"), 4))
    assert [item.type for item in drained(outbox) if isinstance(item, Event)] == [
        "status.changed",
        "session.created",
    ]


def test_following_anew_changes_the_topics() -> None:
    outbox = following(topics=("status.*",))
    outbox.follow(["system.*"])
    outbox.add_event(status(0, 1))
    outbox.add_event(info(2))
    assert [i.metadata.sequence for i in drained(outbox) if isinstance(i, Event)] == [2]


def test_a_newer_status_takes_the_place_of_an_unsent_one_at_the_end() -> None:
    outbox = following()
    outbox.add_event(status(0, 1, Activity.WORKING))
    outbox.add_event(status(1, 2))
    outbox.add_event(status(0, 3, Activity.IDLE))
    items = drained(outbox)
    assert [i.metadata.sequence for i in items if isinstance(i, Event)] == [2, 3]
    (_, merged) = items
    assert isinstance(merged, Event)
    payload = merged.payload
    assert isinstance(payload, e.StatusChanged)
    assert payload.status.activity is Activity.IDLE
    assert outbox.statistics().merged == 1


def test_a_sent_one_is_not_merged_with() -> None:
    outbox = following()
    outbox.add_event(status(0, 1))
    assert outbox.take() is not None
    outbox.add_event(status(0, 2))
    assert len(drained(outbox)) == 1
    assert outbox.statistics().merged == 0


def test_what_led_to_a_reply_is_told_before_it() -> None:
    outbox = following()
    outbox.add_event(status(0, 1))
    answer = reply()
    outbox.add_reply(answer)
    outbox.add_event(status(0, 2))
    items = drained(outbox)
    assert [getattr(i, "type", "reply") for i in items] == [
        "status.changed",
        "reply",
        "status.changed",
    ]


def test_a_client_that_is_too_slow_gets_one_snapshot_and_all_its_replies() -> None:
    outbox = following(limit=2)
    answers = [reply(), reply()]
    outbox.add_event(info(1))
    outbox.add_reply(answers[0])
    outbox.add_event(info(2))
    assert outbox.add_event(info(3)) == 3
    assert outbox.behind
    outbox.add_reply(answers[1])
    assert outbox.add_event(info(4)) == 1
    assert drained(outbox) == [Snapshot.DUE, *answers]
    assert not outbox.behind
    outbox.add_event(info(5))
    assert [i.metadata.sequence for i in drained(outbox) if isinstance(i, Event)] == [5]
    figures = outbox.statistics()
    assert (figures.dropped, figures.gaps) == (4, 1)


def test_what_coalesces_does_not_make_a_client_slow() -> None:
    outbox = following(limit=2)
    for sequence in range(1, 100):
        assert outbox.add_event(status(sequence % 2, sequence)) == 0
    assert not outbox.behind
    assert len(drained(outbox)) == 2


def test_a_snapshot_comes_first_where_it_was_asked_for() -> None:
    outbox, opening, later = Outbox(5), info(1), info(2)
    outbox.follow((), opening)
    outbox.add_event(later)
    assert drained(outbox) == [opening, later]


def test_history_comes_before_snapshot_and_live_events() -> None:
    outbox = Outbox(5)
    outbox.hold()
    outbox.follow(("system.*",), info(8))
    outbox.add_event(info(9))
    assert outbox.take() is None
    outbox.replay([info(6), status(0, 7), info(8)])
    items = drained(outbox)
    assert [i.metadata.sequence for i in items if isinstance(i, Event)] == [6, 8, 8, 9]


def test_replies_do_not_wait_for_history() -> None:
    outbox = Outbox(5)
    outbox.hold()
    outbox.follow(())
    outbox.add_event(info(1))
    answer = reply()
    outbox.add_reply(answer)
    assert outbox.take() == answer


def test_history_that_is_gone_becomes_a_snapshot_in_place_of_all_that_came_since() -> None:
    outbox = Outbox(5)
    outbox.hold()
    outbox.follow((), info(8))
    outbox.add_event(info(9))
    answer = reply()
    outbox.add_reply(answer)
    outbox.replay(None)
    assert drained(outbox) == [Snapshot.DUE, answer]


def test_an_outbox_for_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1 event"):
        Outbox(0)


LIMIT = 4


class OutboxMachine(RuleBasedStateMachine):
    """Lets the same things into an outbox and into a list, and compares what comes out."""

    def __init__(self) -> None:
        super().__init__()
        self.outbox = Outbox(LIMIT)
        self.model: list[Item] = []
        self.behind = False
        self.sequence = 0
        self.given: list[Item] = []
        self.replies: list[Reply] = []
        self.dropped = 0

    @initialize(snapshot=st.booleans())
    def begin(self, *, snapshot: bool) -> None:
        self.opening = info() if snapshot else None
        self.outbox.follow((), self.opening)
        if self.opening is not None:
            self.model.append(self.opening)

    def pending(self) -> list[Event]:
        return [i for i in self.model if isinstance(i, Event) and i is not self.opening]

    def let_in(self, new: Event) -> None:
        self.dropped += self.outbox.add_event(new)
        if self.behind:
            return
        if new.payload.coalesce:
            self.take_older(new)
        if len(self.pending()) >= LIMIT:
            self.behind = True
            replies = [item for item in self.model if isinstance(item, Reply)]
            self.model = [Snapshot.DUE, *replies]
        else:
            self.model.append(new)

    def take_older(self, new: Event) -> None:
        """Take an event of the same type and key out, if no reply stands behind it."""
        for place in range(len(self.model) - 1, -1, -1):
            item = self.model[place]
            if isinstance(item, Reply):
                return
            same = isinstance(item, Event) and (item.type, item.payload.key()) == (
                new.type,
                new.payload.key(),
            )
            if same:
                del self.model[place]
                return

    @rule(which=st.integers(0, 2), activity=st.sampled_from(Activity))
    def status_comes(self, which: int, activity: Activity) -> None:
        self.sequence += 1
        self.let_in(status(which, self.sequence, activity))

    @rule()
    def news_come(self) -> None:
        self.sequence += 1
        self.let_in(info(self.sequence))

    @rule(which=st.integers(0, 2))
    def passing_news_come(self, which: int) -> None:
        self.let_in(event(e.StatusProgress(session_id=VIEWS[which].id)))

    @rule()
    def a_reply_comes(self) -> None:
        answer = reply()
        self.outbox.add_reply(answer)
        self.model.append(answer)
        self.replies.append(answer)

    @rule()
    def the_client_takes_one(self) -> None:
        item = self.outbox.take()
        expected = self.model.pop(0) if self.model else None
        if isinstance(expected, Event) and isinstance(item, Event):
            assert (item.type, item.metadata) == (expected.type, expected.metadata)
        else:
            assert item == expected
        if item is Snapshot.DUE:
            self.behind = False
        if item is not None:
            self.given.append(item)

    @invariant()
    def it_is_bounded_and_says_how_it_stands(self) -> None:
        figures = self.outbox.statistics()
        assert figures.pending_events == len(self.pending()) <= LIMIT
        assert figures.pending_replies == sum(isinstance(i, Reply) for i in self.model)
        assert figures.behind == self.behind == self.outbox.behind
        assert figures.dropped == self.dropped

    @invariant()
    def sequence_numbers_only_grow(self) -> None:
        numbers = [
            item.metadata.sequence
            for item in self.given
            if isinstance(item, Event) and item.metadata.sequence
        ]
        assert numbers == sorted(set(numbers))

    def teardown(self) -> None:
        """No reply is ever lost, and they keep their order."""
        rest = drained(self.outbox)
        answers = [item for item in [*self.given, *rest] if isinstance(item, Reply)]
        assert answers == self.replies


OutboxMachine.TestCase.settings = settings(max_examples=80, stateful_step_count=50, deadline=None)
TestOutboxAgainstItsModel = OutboxMachine.TestCase
