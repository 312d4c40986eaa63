"""Any sequence of calls: the stores do what a few dictionaries do."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Coroutine
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from quarterdeck.core.base.clock import ManualClock
from quarterdeck.core.base.errors import QuarterdeckError
from quarterdeck.core.engine.ports import Store
from quarterdeck.core.engine.records import (
    AddEvent,
    Change,
    EventRecord,
    ReplyRecord,
    Retention,
    SavePreference,
    SaveReply,
)
from quarterdeck.core.protocol.attention import AttentionItem, AttentionKind, ItemState
from quarterdeck.core.protocol.status import Activity, Lifecycle, Source, Status
from quarterdeck.core.sessions.records import (
    AddStatus,
    RemoveSession,
    SaveItem,
    SaveSession,
    SaveSnapshot,
    ScreenSnapshot,
    SessionRecord,
    StatusEntry,
)
from quarterdeck.state.memory import MemoryStore
from quarterdeck.state.sqlite.store import SqliteStore

T = TypeVar("T")

START = datetime(2026, 1, 1, tzinfo=UTC)
NAMES = [f"S{number}" for number in range(4)]

names = st.sampled_from(NAMES)
stamps = st.integers(0, 9).map(lambda seconds: START + timedelta(seconds=seconds))
texts = st.text(max_size=9)  # without lone surrogates, which pydantic refuses anyway
numbers = st.integers(0, 12)

statuses = st.builds(
    Status,
    activity=st.sampled_from(Activity),
    source=st.sampled_from(Source),
    evidence=texts,
    since=stamps,
)
sessions = st.builds(
    SessionRecord,
    id=names,
    name=texts,
    agent=texts,
    cwd=texts,
    created_at=stamps,
    status=statuses,
    args=st.none() | st.lists(texts, max_size=2).map(tuple),
    env=st.dictionaries(texts, texts, max_size=2),
    prompt=st.none() | texts,
    lifecycle=st.sampled_from(Lifecycle),
    pid=st.none() | numbers,
    exit_code=st.none() | st.integers(-20, 255),
    ended_at=st.none() | stamps,
    version=st.integers(1, 6),
)
items = st.builds(
    AttentionItem,
    item_id=st.sampled_from(["I0", "I1", "I2", "I3", "I4"]),
    kind=st.sampled_from(AttentionKind),
    session_id=names,
    request_id=texts,
    title=texts,
    created_at=stamps,
    state=st.sampled_from(ItemState),
    closed_at=st.none() | stamps,
)
values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | texts,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(texts, inner, max_size=2),
    max_leaves=4,
)
entries = st.builds(
    StatusEntry, names, stamps, st.sampled_from(Lifecycle), st.sampled_from(Activity),
    st.sampled_from(Source), texts,
)  # fmt: skip
events = st.builds(
    EventRecord, st.integers(1, 3), st.sampled_from(["a", "b"]), stamps, st.none() | names, texts
)
changes = st.one_of(
    st.builds(SaveSession, sessions),
    st.builds(RemoveSession, names),
    st.builds(AddStatus, entries),
    st.builds(SaveItem, items),
    st.builds(
        SaveSnapshot,
        st.builds(ScreenSnapshot, names, numbers, numbers, stamps, st.binary(max_size=9)),
    ),
    st.builds(AddEvent, events),
    st.builds(
        SaveReply, st.builds(ReplyRecord, st.sampled_from(["C0", "C1", "C2"]), stamps, texts)
    ),
    st.builds(SavePreference, st.sampled_from(["p", "q"]), values),
)


class Refused(Exception):
    """The model refuses a change."""


@dataclass
class Model:
    """What a store holds, said as simply as can be."""

    sessions: dict[str, SessionRecord] = field(default_factory=dict)
    history: list[StatusEntry] = field(default_factory=list)
    items: dict[str, AttentionItem] = field(default_factory=dict)
    snapshots: dict[str, ScreenSnapshot] = field(default_factory=dict)
    events: list[EventRecord] = field(default_factory=list)
    replies: dict[str, str] = field(default_factory=dict)
    preferences: dict[str, Any] = field(default_factory=dict)
    last: int = 0
    epoch: int = 0

    def copy(self) -> Model:
        return Model(
            dict(self.sessions), list(self.history), dict(self.items), dict(self.snapshots),
            list(self.events), dict(self.replies), dict(self.preferences), self.last, self.epoch,
        )  # fmt: skip

    def make(self, change: Change) -> None:
        match change:
            case SaveSession(record):
                kept = self.sessions.get(record.id)
                if kept is not None and kept.version >= record.version:
                    raise Refused
                self.sessions[record.id] = record
            case RemoveSession(name):
                self.sessions.pop(name, None)
                self.snapshots.pop(name, None)
                self.history = [entry for entry in self.history if entry.session_id != name]
                self.items = {k: v for k, v in self.items.items() if v.session_id != name}
            case AddStatus(entry):
                self.history.append(entry)
            case SaveItem(item):
                self.items[item.item_id] = item
            case SaveSnapshot(snapshot):
                self.snapshots[snapshot.session_id] = snapshot
            case _:
                self.make_other(change)

    def make_other(self, change: Change) -> None:
        match change:
            case AddEvent(event):
                if event.sequence <= self.last:
                    raise Refused
                self.events.append(event)
                self.last = event.sequence
            case SaveReply(reply):
                self.replies.setdefault(reply.command_id, reply.body)
            case SavePreference(name, value):
                self.preferences.pop(name, None)
                if value is not None:
                    self.preferences[name] = value

    def prune(self, keep: int) -> None:
        self.events = self.events[max(len(self.events) - keep, 0) :]
        self.replies = dict(list(self.replies.items())[max(len(self.replies) - keep, 0) :])
        self.snapshots = {k: v for k, v in self.snapshots.items() if k in self.sessions}
        left: list[StatusEntry] = []
        for name in self.sessions:
            mine = [entry for entry in self.history if entry.session_id == name]
            left += mine[max(len(mine) - keep, 0) :]
        self.history = left
        closed = [item for item in self.items.values() if item.state is not ItemState.OPEN]
        closed.sort(key=lambda item: (item.closed_at or item.created_at, item.item_id))
        for item in closed[: max(len(closed) - keep, 0)]:
            del self.items[item.item_id]


class StoreMachine(RuleBasedStateMachine):
    """Runs one store and the model side by side."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.directory = Path(tempfile.mkdtemp())
        self.model = Model()
        self.clock = ManualClock(START)

    def run(self, wanted: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(wanted)

    @initialize(kind=st.sampled_from(["normal", "full", "memory"]))
    def open(self, kind: str) -> None:
        self.kind = kind
        self.store: Store = (
            MemoryStore(clock=self.clock) if kind == "memory" else self.on_disk(kind)
        )
        self.run(self.store.open())

    def on_disk(self, durability: str) -> Store:
        return SqliteStore(self.directory / "s.db", clock=self.clock, durability=durability)

    @rule(groups=st.lists(st.lists(changes, max_size=5), min_size=1, max_size=4))
    def commit(self, groups: list[list[Change]]) -> None:
        """Several transactions of one turn; sequences are offsets from the last one."""
        expected = []
        wanted = []
        for group in groups:
            last = self.model.last
            numbered = [
                AddEvent(replace(change.event, sequence=last + change.event.sequence))
                if isinstance(change, AddEvent)
                else change
                for change in group
            ]
            trial = self.model.copy()
            try:
                for change in numbered:
                    trial.make(change)
            except Refused:
                expected.append(False)
            else:
                self.model = trial
                expected.append(True)
            wanted.append(numbered)

        async def write() -> list[bool]:
            futures = [self.store.commit(group) for group in wanted]
            await asyncio.wait(futures)
            faults = [future.exception() for future in futures]
            assert all(fault is None or isinstance(fault, QuarterdeckError) for fault in faults)
            return [fault is None for fault in faults]

        assert self.run(write()) == expected

    @rule(keep=st.integers(0, 4))
    def prune(self, keep: int) -> None:
        self.model.prune(keep)
        self.run(self.store.prune(Retention(keep, keep, keep, keep)))

    @rule()
    def begin(self) -> None:
        self.model.epoch += 1
        assert self.run(self.store.begin("E")) == self.model.epoch

    @rule()
    def checkpoint(self) -> None:
        self.run(self.store.checkpoint())

    @rule()
    def reopen(self) -> None:
        self.run(self.store.close())
        if self.kind != "memory":
            self.store = self.on_disk(self.kind)
        self.run(self.store.open())
        assert self.store.notices == []

    @rule(after=st.none() | numbers, types=st.sets(st.sampled_from("abc")), name=st.none() | names,
          limit=st.integers(-1, 6))  # fmt: skip
    def look_for_events(
        self, after: int | None, types: set[str], name: str | None, limit: int
    ) -> None:
        wanted = [
            event
            for event in self.model.events
            if (after is None or event.sequence > after)
            and (not types or event.type in types)
            and (name is None or event.session_id == name)
        ]
        count = max(limit, 0)
        wanted = wanted[max(len(wanted) - count, 0) :] if after is None else wanted[:count]
        found = self.store.events(after=after, types=tuple(types), session_id=name, limit=limit)
        assert self.run(found) == wanted

    @invariant()
    def holds_the_same(self) -> None:
        if hasattr(self, "store"):
            self.run(self.compare())

    async def compare(self) -> None:
        store, model = self.store, self.model
        by_age = sorted(model.sessions.values(), key=lambda record: (record.created_at, record.id))
        assert await store.sessions() == by_age
        open_items = [item for item in model.items.values() if item.state is ItemState.OPEN]
        open_items.sort(key=lambda item: (item.created_at, item.item_id))
        assert await store.open_items() == open_items
        assert await store.preferences() == model.preferences
        assert await store.last_sequence() == model.last
        for name in NAMES:
            mine = [entry for entry in model.history if entry.session_id == name]
            assert await store.history(name, 10**6) == mine[::-1]
            assert await store.snapshot(name) == model.snapshots.get(name)
        for command in ("C0", "C1", "C2"):
            assert await store.reply(command) == model.replies.get(command)

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.run(self.store.close())
        self.loop.close()
        shutil.rmtree(self.directory)


TestStoreModel = StoreMachine.TestCase
TestStoreModel.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
