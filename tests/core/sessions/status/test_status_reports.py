from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.core.protocol.status import Activity, DialogKind
from quarterdeck.core.sessions.agents.patterns import compile_pattern
from quarterdeck.core.sessions.status.inputs import (
    ClearCause,
    Moment,
    ProgramReport,
    ReportsCleared,
    ReportState,
)
from quarterdeck.core.sessions.status.reports import CLEAR_GRACE, RECORD_LIMIT, ReportBook

BORN = datetime(2026, 1, 1, tzinfo=UTC)


def moment(at: float) -> Moment:
    return Moment(at, BORN + timedelta(seconds=at))


def report(state: str, at: float = 0.0, **fields: Any) -> ProgramReport:
    return ProgramReport(moment(at), ReportState(state), **fields)


def said(book: ReportBook) -> Activity | None:
    claim = book.claim()
    return claim.activity if claim else None


@pytest.mark.parametrize(
    ("state", "kind", "activity"),
    [
        ("idle", None, Activity.IDLE),
        ("working", None, Activity.WORKING),
        ("done", None, Activity.TURN_DONE),
        ("error", None, Activity.ERRORED),
        ("blocked", None, Activity.NEEDS_APPROVAL),
        ("blocked", DialogKind.PERMISSION, Activity.NEEDS_APPROVAL),
        ("blocked", DialogKind.QUESTION, Activity.NEEDS_ANSWER),
        ("blocked", DialogKind.AUTH, Activity.NEEDS_ANSWER),
    ],
)
def test_states(state: str, kind: DialogKind | None, activity: Activity) -> None:
    book = ReportBook()
    book.apply(report(state, kind=kind))
    assert said(book) is activity


def test_no_report_says_nothing() -> None:
    assert ReportBook().claim() is None


def test_report_replaces_its_record_whole() -> None:
    book = ReportBook()
    book.apply(report("blocked", kind=DialogKind.QUESTION, message="Which?"))
    book.apply(report("blocked"))
    claim = book.claim()
    assert claim is not None
    assert (claim.kind, claim.message, claim.evidence) == (None, "", "blocked")


def test_repeated_report_is_fresh_and_keeps_its_beginning() -> None:
    book = ReportBook()
    book.apply(report("working", 1, message="a"))
    book.apply(report("working", 9, message="a"))
    claim = book.claim()
    assert claim is not None
    assert (claim.since.at, claim.said) == (1, 9)
    book.apply(report("working", 12, message="b"))
    claim = book.claim()
    assert claim is not None
    assert claim.since.at == 12


def test_clear_drops_an_id_and_everything_below_it() -> None:
    book = ReportBook()
    for path in ("", "a", "a/b", "ab"):
        book.apply(report("working", id=path))
    book.apply(report("clear", id="a"))
    assert len(book) == 2
    book.apply(report("clear"))
    assert len(book) == 0
    assert said(book) is Activity.UNKNOWN


def test_program_that_leaves_is_not_read_from_elsewhere_for_a_moment() -> None:
    book = ReportBook()
    book.apply(report("clear", 1))
    assert book.claim() is None  # there was nothing to take back
    book.apply(report("idle", 2))
    book.apply(report("clear", 3))
    claim = book.claim()
    assert claim is not None
    assert (claim.activity, claim.until) == (Activity.UNKNOWN, 3 + CLEAR_GRACE)
    book.apply(report("clear", 3.5))
    claim = book.claim()
    assert claim is not None
    assert claim.until == 3 + CLEAR_GRACE
    book.apply(report("working", 4))
    assert said(book) is Activity.WORKING
    book.apply(report("clear", 5))
    book.clear(ReportsCleared(moment(6), ClearCause.RESET))
    assert book.claim() is None


def test_reset_drops_all_and_a_prompt_what_lives() -> None:
    book = ReportBook()
    for path, state in enumerate(("idle", "working", "blocked", "done", "error")):
        book.apply(report(state, id=str(path)))
    book.clear(ReportsCleared(moment(1), ClearCause.PROMPT_MARK))
    assert len(book) == 2
    book.clear(ReportsCleared(moment(1), ClearCause.RESET))
    assert len(book) == 0


def test_blocked_part_speaks_for_the_whole_else_the_root_does() -> None:
    book = ReportBook()
    book.apply(report("done"))
    book.apply(report("working", id="tests"))
    assert said(book) is Activity.TURN_DONE
    book.apply(report("blocked", id="tests/db", kind=DialogKind.PERMISSION, message="drop it?"))
    claim = book.claim()
    assert claim is not None
    assert (claim.activity, claim.message) == (Activity.NEEDS_APPROVAL, "drop it?")


def test_part_that_waited_longer_keeps_speaking() -> None:
    """Else the second one's request would make the first one's vanish unanswered."""
    book = ReportBook()
    book.apply(report("blocked", 1, id="b", message="first"))
    book.apply(report("blocked", 2, id="a", message="second"))
    book.apply(report("blocked", 3, id="b", message="first"))
    claim = book.claim()
    assert claim is not None
    assert claim.message == "first"
    book.apply(report("working", 4, id="b"))
    claim = book.claim()
    assert claim is not None
    assert claim.message == "second"


def test_without_a_root_the_most_urgent_part_speaks() -> None:
    book = ReportBook()
    for path, state in enumerate(("idle", "done", "error", "working")):
        book.apply(report(state, id=str(path)))
        expected = [Activity.IDLE, Activity.TURN_DONE, Activity.ERRORED, Activity.WORKING][path]
        assert said(book) is expected


def test_reports_of_different_ids_commute() -> None:
    reports = [report("working", id="a"), report("error", id="b"), report("done", id="c")]
    outcomes = set()
    for order in permutations(reports):
        book = ReportBook()
        for each in order:
            book.apply(each)
        outcomes.add(said(book))
    assert len(outcomes) == 1


def test_limits_are_told_from_messages() -> None:
    book = ReportBook((compile_pattern(r"\b429\b"),))
    book.apply(report("error", message="status 429"))
    assert said(book) is Activity.LIMITED
    book.apply(report("error", message="status 4290"))
    assert said(book) is Activity.ERRORED
    book.apply(report("working", message="status 429"))
    assert said(book) is Activity.WORKING


@given(st.lists(st.tuples(st.sampled_from(list(ReportState)), st.integers(0, 200)), max_size=300))
def test_records_are_bounded(history: list[tuple[ReportState, int]]) -> None:
    book = ReportBook()
    for at, (state, path) in enumerate(history):
        book.apply(ProgramReport(moment(at), state, id=f"p{path}"))
        assert len(book) <= RECORD_LIMIT
        claim = book.claim()
        assert claim is not None or len(book) == 0
        assert claim is None or claim.evidence


def test_oldest_record_makes_room() -> None:
    book = ReportBook()
    book.apply(report("blocked", id="first"))
    for path in range(RECORD_LIMIT):
        book.apply(report("idle", id=f"p{path}"))
    assert said(book) is Activity.IDLE
