"""Tables without Textual: columns, drawn cells, what a line is about."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quarterdeck.core.base.priority import Priority
from quarterdeck.tui.model.about import about, about_words
from quarterdeck.tui.model.cells import Cell, row_text, row_width
from quarterdeck.tui.model.crew.words import Gauge, Slots, amount
from quarterdeck.tui.model.lanes.words import DepthBar, Spark
from quarterdeck.tui.model.table import Col, Line, TableRow, heading, lay_out, one

LAYOUT = (Col("name"), Col("count", 6, right=True, wide=9), Col("rest", 20, since=70), Col("why"))
COUNTS = st.dictionaries(st.sampled_from(list(Priority)), st.integers(0, 400))


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=40), st.integers(0, 10**7), st.integers(30, 200))
def test_a_row_fills_its_width_whatever_is_in_it(name: str, count: int, width: int) -> None:
    shown = name.replace("\n", " ").replace("\t", " ")
    row = TableRow(LAYOUT, (one(shown), one(str(count)), one("rest"), DepthBar((), 1)), "key")
    assert row_width(lay_out(row, width)) == width


def test_columns_are_as_wide_as_there_is_room() -> None:
    row = TableRow(LAYOUT, (one("abc"), one("7"), one("seen"), one("because")))
    narrow, wide = row_text(lay_out(row, 40)), row_text(lay_out(row, 100))
    assert "seen" not in narrow
    assert narrow.startswith("abc              " + "    7 ")
    assert "seen" in wide
    assert wide.index("7") - wide.index("abc") > narrow.index("7") - narrow.index("abc")
    assert row_text(lay_out(heading(LAYOUT), 40)).split() == ["name", "count", "why"]
    assert row_text(lay_out(Line((Cell("text " * 20),)), 12)) == "text text t…"
    assert row_text(lay_out(Line(one("a")), 4)) == "a   "


@settings(max_examples=80, deadline=None)
@given(COUNTS, st.integers(1, 600), st.integers(0, 40))
def test_a_depth_has_a_letter_for_each_priority_and_never_more_than_its_room(
    counts: dict[Priority, int], most: int, width: int
) -> None:
    bar = DepthBar(tuple(sorted(counts.items())), max(most, sum(counts.values())))
    row = bar.row(width)
    text = row_text(row)
    assert row_width(row) <= max(4, width)
    letters = text[5:]
    found = [one for one, count in sorted(counts.items()) if count]
    if width >= 4 + 1 + len(Priority):
        assert sorted(set(letters)) == sorted(one.name[0] for one in found)
    assert text[:4].strip() == (str(sum(counts.values())) if found else "·")


def test_the_deepest_lane_fills_the_bar_and_a_short_queue_is_counted_in_letters() -> None:
    assert row_text(DepthBar(((Priority.HIGH, 2), (Priority.NORMAL, 3)), 5).row(20)) == "   5 HHNNN"
    deep = row_text(DepthBar(((Priority.NORMAL, 400),), 400).row(15))
    assert deep == " 400 NNNNNNNNNN"


def test_a_sparkline_is_a_dot_where_nothing_ever_happened() -> None:
    assert row_text(Spark((0, 0)).row(8)) == "·"
    assert row_text(Spark((0, 4)).row(8)) == "▁█"


@settings(max_examples=60, deadline=None)
@given(st.floats(0, 1e9), st.floats(0, 1e9), st.integers(0, 30))
def test_a_gauge_fills_its_width_and_is_full_only_when_all_is_used(
    used: float, limit: float, width: int
) -> None:
    row = Gauge(used, limit, used / 2).row(width)
    assert row_width(row) == width
    free = sum(len(cell.text) for cell in row if "░" in cell.text)
    if width > 1 and 0 < used < limit * 0.99:
        assert 0 < free < width
    if used >= limit > 0:
        assert free == 0


@pytest.mark.parametrize(
    ("running", "capacity", "shown"),
    [(1, 3, "█░░"), (3, 3, "███"), (0, 1, "░"), (5, 40, "█░░░░░░░░░")],
)
def test_places_are_blocks_as_far_as_they_have_room(
    running: int, capacity: int, shown: str
) -> None:
    assert row_text(Slots(running, capacity).row(10)) == shown


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (20.4, "cost", "20.40"), (500_000, "tokens", "500k"), (12, "turns", "12"),
        (90, "wall_seconds", "90s"), (7200, "wall_seconds", "120m"), (25e6, "tokens", "25M"),
    ],
)  # fmt: skip
def test_amounts_are_short(value: float, unit: str, shown: str) -> None:
    assert amount(value, unit) == shown


def test_what_a_line_is_about_is_taken_apart() -> None:
    assert about("budget/daily/a/b") == ("budget", "daily", "a/b")
    assert about("halt/") == ("halt", "", "")
    assert about_words("budget/daily/2026") == "budget daily 2026"
    assert about_words("budget/flow/01JW0000000000000000000042") == "budget flow 000042"
    assert about_words("budget/flow/01JW0000000000000000000042", "release") == "budget flow release"
    assert about_words("payload/01JP0000000000000000000042") == "payload 000042"
    assert about_words("halt/") == "safety"
