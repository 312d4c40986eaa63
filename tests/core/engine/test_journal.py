"""The journal: on disk first, then told, in one order, whatever fails in between."""

from __future__ import annotations

import asyncio
import gc
import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quarterdeck.core.base.clock import ManualClock
from quarterdeck.core.base.ids import new_id
from quarterdeck.core.engine.faults import CommitFailed
from quarterdeck.core.engine.journal import Journal
from quarterdeck.core.engine.records import AddEvent, Change, SavePreference
from quarterdeck.core.protocol import events as e
from quarterdeck.core.protocol.events import Cause, Event
from quarterdeck.state.faults import StoreFull
from quarterdeck.state.memory import MemoryStore

from .doubles import CountingMetrics, attention_item, session_view
from .ship import memory_store, settle

INFO = e.SystemInfo(code="c", message="m")
SECRET = "sk-ant-api03-abcdefghijklmnop"
FULL = StoreFull("The disk is full.")


class Heard:
    """A journal over a store in memory, and all that it told."""

    def __init__(self, store: MemoryStore) -> None:
        self.store = store
        self.clock = ManualClock()
        self.metrics = CountingMetrics()
        self.journal = Journal(store, clock=self.clock, metrics=self.metrics)
        self.events: list[Event] = []
        self.journal.listen(self.events.append)

    @property
    def types(self) -> list[str]:
        return [event.type for event in self.events]

    @property
    def numbers(self) -> list[int]:
        return [event.metadata.sequence for event in self.events]


@pytest.fixture
async def heard() -> Heard:
    return Heard(await memory_store())


async def test_an_event_is_told_once_it_is_on_disk(heard: Heard) -> None:
    with heard.store.held():
        done = heard.journal.record([SavePreference("theme", "x")], [INFO])
        await settle()
        assert heard.events == []
        assert heard.journal.delivered == 0
    await done
    assert heard.types == ["system.info"]
    assert heard.journal.delivered == 1
    assert [row.sequence for row in await heard.store.events()] == [1]
    assert await heard.store.preferences() == {"theme": "x"}


async def test_listeners_hear_before_whoever_awaits_goes_on(heard: Heard) -> None:
    order: list[str] = []
    heard.journal.listen(lambda _: order.append("heard"))
    await heard.journal.record([], [INFO])
    order.append("went on")
    assert order == ["heard", "went on"]


async def test_what_is_kept_is_what_is_told(heard: Heard) -> None:
    view = session_view()
    await heard.journal.record([], [e.SessionCreated(session=view)])
    (row,) = await heard.store.events()
    (told,) = heard.events
    assert Event.parse(json.loads(row.body)) == told
    assert (row.type, row.session_id, row.at) == ("session.created", view.id, heard.clock.now())


async def test_numbers_grow_by_one_and_go_on_where_the_store_stands(heard: Heard) -> None:
    for _ in range(3):
        await heard.journal.record([], [INFO, INFO])
    assert heard.numbers == [1, 2, 3, 4, 5, 6]
    again = Heard(heard.store)
    await again.journal.open()
    assert again.journal.delivered == 6
    await again.journal.record([], [INFO])
    assert again.numbers == [7]


async def test_events_that_are_not_kept_hold_their_place(heard: Heard) -> None:
    progress = e.StatusProgress(session_id=new_id(), progress=1)
    with heard.store.held():
        heard.journal.record([], [INFO])
        heard.journal.record([], [progress])
        heard.journal.announce(INFO)
        heard.journal.record([], [INFO])
        await settle()
        assert heard.events == []
    await heard.journal.settled()
    assert heard.types == ["system.info", "status.progress", "system.info", "system.info"]
    assert heard.numbers == [1, 0, 0, 2]
    assert len(await heard.store.events()) == 2


async def test_without_anything_pending_they_are_told_at_once(heard: Heard) -> None:
    heard.journal.announce(INFO)
    assert heard.types == ["system.info"]


async def test_one_transaction_holds_changes_and_events(heard: Heard) -> None:
    heard.store.fail_next(FULL)
    with pytest.raises(StoreFull):
        await heard.journal.record([SavePreference("theme", "x")], [INFO])
    assert await heard.store.preferences() == {}
    assert await heard.store.events() == []


async def test_a_failing_commit_fails_its_caller_alone(heard: Heard) -> None:
    heard.store.fail_next(FULL)
    failed = heard.journal.record([], [INFO])
    good = heard.journal.record([], [INFO])
    with pytest.raises(StoreFull):
        await failed
    await good
    await settle()
    assert heard.numbers == [2, 0, 0]
    assert heard.types == ["system.info", "system.error", "system.info"]
    kept = [row.sequence for row in await heard.store.events()]
    assert kept == [2]
    assert heard.journal.delivered == 2


async def test_a_failing_store_is_told_once_and_its_recovery_too(heard: Heard) -> None:
    heard.store.fail_next(FULL, FULL, FULL)
    for _ in range(3):
        with pytest.raises(StoreFull):
            await heard.journal.record([], [INFO])
    assert heard.journal.failing == "store_full"
    assert heard.types == ["system.error"]
    error = heard.events[0]
    assert isinstance(error.payload, e.SystemError_)
    assert error.payload.error.code == "store_full"
    assert error.metadata.sequence == 0
    await heard.journal.record([], [INFO])
    assert heard.journal.failing == ""
    assert [getattr(x.payload, "code", "") for x in heard.events[1:]] == ["c", "store_recovered"]
    assert heard.metrics.counters["commit_failures"] == 3


async def test_what_is_not_kept_is_no_proof_of_recovery(heard: Heard) -> None:
    heard.store.fail_next(FULL)
    with pytest.raises(StoreFull):
        await heard.journal.record([], [INFO])
    heard.journal.announce(INFO)
    assert heard.journal.failing == "store_full"


async def test_a_failure_that_nobody_awaits_is_reported_once_and_not_as_forgotten(
    heard: Heard,
) -> None:
    forgotten: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: forgotten.append(context))
    heard.store.fail_next(FULL)
    heard.journal.record([], [INFO])
    await settle()
    gc.collect()
    await settle()
    assert forgotten == []
    assert heard.types == ["system.error"]


async def test_giving_up_waiting_takes_nothing_back(heard: Heard) -> None:
    with heard.store.held():
        waiting = asyncio.ensure_future(heard.journal.record([], [INFO]))
        await settle()
        waiting.cancel()
        await settle()
    await heard.journal.settled()
    assert heard.numbers == [1]
    assert len(await heard.store.events()) == 1


async def test_a_store_that_raises_at_once_fails_the_same_way(
    heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Any) -> Any:
        raise RuntimeError("broken")

    monkeypatch.setattr(heard.store, "commit", refuse)
    with pytest.raises(CommitFailed, match="RuntimeError: broken"):
        await heard.journal.record([], [INFO])
    assert heard.types == ["system.error"]


async def test_a_commit_given_up_by_the_store_is_a_failure(
    heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    given_up: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    monkeypatch.setattr(heard.store, "commit", lambda _: given_up)
    done = heard.journal.record([], [INFO])
    given_up.cancel()
    with pytest.raises(CommitFailed, match="gave up"):
        await done


async def test_a_listener_that_raises_disturbs_nobody(heard: Heard) -> None:
    def fail(_: Event) -> None:
        raise ValueError("no")

    later: list[Event] = []
    heard.journal.listen(fail)
    heard.journal.preview(fail)
    heard.journal.listen(later.append)
    await heard.journal.record([], [INFO])
    assert len(later) == 1


async def test_a_listener_that_records_is_told_after_all_others_heard(heard: Heard) -> None:
    order: list[str] = []

    def echo(event: Event) -> None:
        order.append(f"first {event.type}")
        if event.type == "system.info":
            heard.journal.announce(e.SessionListed(count=1))

    heard.journal.listen(echo)
    heard.journal.listen(lambda event: order.append(f"second {event.type}"))
    await heard.journal.record([], [INFO])
    assert order == [
        "first system.info",
        "second system.info",
        "first session.list",
        "second session.list",
    ]


async def test_a_listener_can_leave(heard: Heard) -> None:
    others: list[Event] = []
    leave = heard.journal.listen(others.append)
    leave_preview = heard.journal.preview(others.append)
    leave()
    leave_preview()
    await heard.journal.record([], [INFO])
    assert others == []


async def test_a_preview_comes_as_the_event_is_recorded(heard: Heard) -> None:
    seen: list[Event] = []
    heard.journal.preview(seen.append)
    with heard.store.held():
        heard.journal.record([], [INFO])
        assert [event.metadata.sequence for event in seen] == [1]


async def test_an_event_knows_its_cause_and_its_session(heard: Heard) -> None:
    cause = Cause(command_id="c", correlation_id="r", causation_id="b", client_id="x")
    view = session_view()
    item = attention_item(view.id)
    for payload in (
        e.SessionCreated(session=view),
        e.SessionDeleted(session_id=view.id, name="x"),
        e.AttentionRaised(item=item),
    ):
        heard.journal.announce(payload, cause)
    for event in heard.events:
        found = event.metadata
        assert (found.command_id, found.correlation_id, found.causation_id) == ("c", "r", "b")
        assert found.session_id == view.id
        assert found.source == "engine"
        assert found.timestamp == heard.clock.now()


async def test_a_command_is_the_cause_where_no_other_is_named(heard: Heard) -> None:
    heard.journal.announce(INFO, Cause(command_id="c"))
    heard.journal.announce(INFO)
    first, second = (event.metadata for event in heard.events)
    assert (first.correlation_id, first.causation_id) == ("c", "c")
    assert (second.command_id, second.causation_id) == (None, None)
    assert second.correlation_id == second.event_id
    assert second.session_id is None


async def test_text_that_is_no_unicode_can_be_kept(heard: Heard) -> None:
    await heard.journal.record([], [e.SystemInfo(code="c", message="name \udcff")])
    (row,) = await heard.store.events()
    row.body.encode()
    assert Event.parse(json.loads(row.body)).payload == heard.events[0].payload


@pytest.mark.parametrize(
    "payload",
    [
        e.SystemWarning(code="c", message=f"key {SECRET}", details={"token": "x", "why": SECRET}),
        e.SystemInfo(code="c", message=f"key {SECRET}"),
        e.SystemError_(error=StoreFull(f"refused {SECRET}", why=SECRET).info()),
        e.EnvError(session_id=new_id(), error=StoreFull(f"refused {SECRET}").info()),
    ],
    ids=lambda payload: payload.type,
)
async def test_no_secret_is_told_or_kept(heard: Heard, payload: e.EventPayload) -> None:
    await heard.journal.record([], [payload])
    (told,) = heard.events
    (row,) = await heard.store.events()
    assert SECRET not in told.payload.model_dump_json()
    assert SECRET not in row.body
    assert told.type == payload.type


async def test_its_figures(heard: Heard) -> None:
    with heard.store.held():
        heard.journal.record([], [INFO, INFO])
        heard.clock.advance(4)
        figures = heard.journal.statistics()
        assert (figures.assigned, figures.delivered, figures.pending) == (2, 0, 1)
        assert figures.oldest == 4
    await heard.journal.settled()
    figures = heard.journal.statistics()
    assert (figures.delivered, figures.committed, figures.oldest) == (2, 1, 0)
    await heard.journal.settled()


DOOMED = "doomed"


class Picky(MemoryStore):
    """Refuses transactions that hold an event which says that it is doomed."""

    def commit(self, changes: Sequence[Change]) -> asyncio.Future[None]:
        if not any(isinstance(c, AddEvent) and DOOMED in c.event.body for c in changes):
            return super().commit(changes)
        refused: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        super().commit([]).add_done_callback(
            lambda _: refused.set_exception(StoreFull("The disk is full."))
        )
        return refused


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["kept", "passing", "both", "nothing", "announced"]),
            st.booleans(),
            st.booleans(),
        ),
        max_size=25,
    )
)
def test_events_come_in_the_order_of_the_calls_whatever_fails(
    steps: list[tuple[str, bool, bool]],
) -> None:
    """Each step records something, may fail in the store, and may let the loop turn."""

    async def run() -> None:
        store = Picky(clock=ManualClock())
        await store.open()
        heard = Heard(store)
        expected: list[str] = []
        for number, (what, fails, turn) in enumerate(steps):
            kept = e.SystemInfo(code=str(number), message=DOOMED if fails else "")
            passing = e.StatusProgress(session_id="s", title=str(number))
            durable = what in {"kept", "both"}
            if durable and not fails:
                expected.append(f"kept {number}")
            if what in {"passing", "both", "announced"} and not (durable and fails):
                expected.append(f"passing {number}")
            payloads: dict[str, list[e.EventPayload]] = {
                "kept": [kept],
                "passing": [passing],
                "both": [kept, passing],
            }
            if what == "announced":
                heard.journal.announce(passing)
            elif what != "nothing":
                heard.journal.record([], payloads[what])
            if turn:
                await asyncio.sleep(0)
        await settle()
        told = [
            f"kept {x.payload.code}"
            if isinstance(x.payload, e.SystemInfo)
            else f"passing {x.payload.title}"
            for x in heard.events
            if isinstance(x.payload, e.StatusProgress)
            or (isinstance(x.payload, e.SystemInfo) and x.payload.code.isdigit())
        ]
        assert told == expected
        numbers = [n for n in heard.numbers if n]
        assert numbers == sorted(set(numbers))
        assert [row.sequence for row in await heard.store.events()] == numbers
        assert heard.journal.delivered == heard.journal.statistics().assigned

    asyncio.run(run())
