"""The book of payloads: what its lines say is what stands, also after it was folded."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quarterdeck.core.base.ids import is_id, new_id
from quarterdeck.core.base.priority import Priority
from quarterdeck.core.pipelines.book import LONGEST_RESULT, Book, bounded
from quarterdeck.core.pipelines.entries import Attempt, Entry, Origin
from quarterdeck.core.pipelines.ids import derived_id
from quarterdeck.core.protocol.pipeline_views import PayloadStatus as S

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Lines(list[str]):
    """A log in memory."""

    def add(self, entry: str, /) -> None:
        self.append(entry)


def book_of(lines: list[str], **bounds: int) -> Book:
    book = Book(**bounds)
    for line in lines:
        book.take(line)
    return book


def standing(book: Book) -> Any:
    """All that the book says, but for what no line tells: what is under way."""
    entries = {
        key: (
            asdict(one.origin),
            {name: S.QUEUED if how is S.RUNNING else how for name, how in one.handlers.items()},
            [asdict(run) for run in one.attempts if run.status is not S.RUNNING],
            one.ended_at,
            one.error,
            one.asked,
            dict(one.begun),
        )
        for key, one in book.entries.items()
    }
    lanes = {
        key: (lane.completed, lane.failed, lane.expired, lane.dead, list(lane.minutes), lane.open)
        for key, lane in book.lanes.items()
    }
    works = {
        key: (work.succeeded, work.failed, work.retried, list(work.seconds), work.last_error)
        for key, work in book.works.items()
    }
    return entries, lanes, works


def origin_of(event: str = "e", **more: Any) -> Origin:
    payload_id = new_id()
    return Origin(payload_id, "p", event, {"n": 1}, NOON, root=payload_id, **more)


def begun(book: Book, entry: Entry, handler: str) -> Attempt:
    attempt = Attempt(
        handler, entry.attempts_of(handler) + 1, started_at=NOON, workflow_id=new_id()
    )
    book.begin(entry, attempt)
    return attempt


def end(book: Book, entry: Entry, attempt: Attempt, status: S, minutes: int = 1) -> None:
    attempt.status = status
    attempt.ended_at = NOON + timedelta(minutes=minutes)
    if status is S.COMPLETED:
        attempt.result, attempt.has_result = {"ok": minutes}, True
    else:
        attempt.error, attempt.error_type = f"failed {minutes}", "Fault"
    due = NOON + timedelta(hours=1) if status is S.RETRYING else None
    book.finish(entry, attempt, due)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                "enter",
                "enter",
                "complete",
                "retry",
                "die",
                "expire",
                "cancel",
                "replay",
                "discard",
                "ask",
            ]
        ),
        st.integers(0, 5),
        st.sampled_from("xy"),
    ),
    max_size=40,
)


def play(book: Book, steps: list[tuple[str, int, str]]) -> None:
    """Do what may be done of these steps."""
    for number, (what, at, handler) in enumerate(steps):
        if what == "enter":
            book.enter(origin_of("ef"[at % 2], priority=Priority(at % 5)), ["x", "y"][: at % 3])
            continue
        entries = list(book.entries.values())
        if not entries:
            continue
        entry = entries[at % len(entries)]
        able = handler in set(entry.open_handlers())
        ends = {"complete": S.COMPLETED, "retry": S.RETRYING, "die": S.DEAD}
        if what in ends and able:
            end(book, entry, begun(book, entry, handler), ends[what], number)
        elif what in {"expire", "cancel"} and able:
            status = S.EXPIRED if what == "expire" else S.CANCELLED
            book.close(entry, handler, status, NOON + timedelta(minutes=number), what)
        elif what == "replay" and entry.status is S.DEAD:
            book.reopen(entry, [one for one, how in entry.handlers.items() if how is S.DEAD])
        elif what == "discard" and entry.status is S.DEAD:
            book.remove(entry)
        elif what == "ask":
            book.ask(entry)


@settings(max_examples=150, deadline=None)
@given(steps=STEPS, kept=st.sampled_from([2, 1_000]))
def test_lines_say_what_stands(steps: list[tuple[str, int, str]], kept: int) -> None:
    lines = Lines()
    book = Book(kept=kept, most_dead=kept)
    book.lines = lines
    play(book, steps)
    assert standing(book_of(lines, kept=kept, most_dead=kept)) == standing(book)


@settings(max_examples=150, deadline=None)
@given(steps=STEPS)
def test_a_fold_says_the_same(steps: list[tuple[str, int, str]]) -> None:
    book = Book(kept=3)
    play(book, steps)
    again = book_of(list(book.whole()), kept=3)
    for before, after in zip(standing(book)[1:], standing(again)[1:], strict=True):
        assert after == before
    assert [(one.id, one.status, one.asked) for one in again.entries.values()] == [
        (one.id, one.status, one.asked) for one in book.entries.values()
    ]


@settings(max_examples=100, deadline=None)
@given(steps=STEPS)
def test_lanes_count_what_is_there(steps: list[tuple[str, int, str]]) -> None:
    book = Book()
    play(book, steps)
    for (_, event), lane in book.lanes.items():
        mine = [one for one in book.entries.values() if one.origin.event == event]
        assert sum(lane.depths.values()) == sum(one.status is S.QUEUED for one in mine)
        assert lane.retrying == sum(one.status is S.RETRYING for one in mine)
        assert lane.dead == sum(one.status is S.DEAD for one in mine)
        assert lane.running == 0
        assert lane.oldest() == (NOON if +lane.depths else None)
    for (_, name), work in book.works.items():
        assert work.waiting == sum(
            name in set(one.open_handlers()) for one in book.entries.values()
        )


def test_what_is_under_way_waits_again_when_it_is_cut_off() -> None:
    book = Book()
    book.enter(origin_of(), ["x"])
    (entry,) = book.entries.values()
    begun(book, entry, "x")
    assert (entry.status, book.lane("p", "e").running, book.work("p", "x").running) == (
        S.RUNNING,
        1,
        1,
    )
    book.interrupt(entry, "x")
    book.interrupt(entry, "x")
    assert (entry.status, entry.attempts, book.work("p", "x").running) == (S.QUEUED, [], 0)


def test_the_newest_are_kept_and_the_others_told_of() -> None:
    book, gone = Book(kept=2), list[str]()
    book.forgotten = lambda entry: gone.append(entry.id)
    ids = []
    for _ in range(4):
        book.enter(origin := origin_of(), ["x"])
        ids.append(origin.id)
        entry = book.entries[origin.id]
        end(book, entry, begun(book, entry, "x"), S.COMPLETED)
    assert gone == ids[:2]
    assert list(book.entries) == ids[2:]
    assert book.lane("p", "e").completed == 4
    assert book.work("p", "x").average == 60.0
    assert book.lane("p", "e").per_minute(NOON + timedelta(minutes=2))[-2:] == (4, 0)


def test_a_long_result_is_cut_and_says_so() -> None:
    assert bounded({"short": True}) == {"short": True}
    assert bounded(7) == 7
    cut = bounded(["x" * LONGEST_RESULT, "y"])
    assert cut.endswith("characters in all)")
    assert len(cut) < LONGEST_RESULT + 100


def test_lines_of_another_version_are_found_out() -> None:
    book = Book()
    book.enter(origin := origin_of(), ["x"])
    with pytest.raises(ValueError, match="another version"):
        book.take(f'["z","{origin.id}"]')


def test_ids_follow_from_what_they_are_made_of() -> None:
    origin = new_id()
    made = derived_id(origin, "handler", 1)
    assert is_id(made)
    assert made[:10] == origin[:10]
    assert made == derived_id(origin, "handler", 1)
    assert (
        len({made, derived_id(origin, "handler", 2), derived_id(origin, "handler1", ""), origin})
        == 4
    )
