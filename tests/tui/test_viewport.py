"""Which lines a panel shows, in the present and in the past."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.core.client.screen import ScreenModel
from quarterdeck.core.protocol.screen import Cursor, Row, Run, row_text
from quarterdeck.tui.model.viewport import PAST_KEPT, Viewport, used_lines


def model_of(
    texts: list[str], *, lines: int = 10, history: int = 0, cursor: int = 0
) -> ScreenModel:
    model = ScreenModel("id")
    model.generation, model.cols, model.lines, model.history = 1, 20, lines, history
    rows: list[Row] = [(Run(text),) if text else () for text in texts]
    model.rows = rows + [()] * (lines - len(texts))
    model.cursor = Cursor(0, cursor)
    return model


def window(viewport: Viewport, model: ScreenModel) -> list[str]:
    first = viewport.first(model)
    rows = [viewport.row(model, line) for line in range(first, first + viewport.height)]
    return ["?" if row is None else row_text(row) for row in rows]


def past(*numbers: int) -> list[Row]:
    return [(Run(f"p{number}"),) for number in numbers]


def test_a_screen_that_fits_is_shown_from_its_top() -> None:
    viewport = Viewport()
    viewport.height = 4
    assert window(viewport, model_of(["a", "b"], lines=4)) == ["a", "b", "", ""]


def test_of_a_larger_screen_the_used_lower_end_is_shown() -> None:
    viewport = Viewport()
    viewport.height = 3
    model = model_of(list("abcdef"), lines=10)
    assert used_lines(model) == 6
    assert window(viewport, model) == ["d", "e", "f"]


def test_the_cursor_counts_as_used() -> None:
    viewport = Viewport()
    viewport.height = 3
    model = model_of(["a"], lines=10, cursor=5)
    assert used_lines(model) == 6
    assert viewport.first(model) == 3


def test_scrolling_back_asks_for_lines_with_room_to_move() -> None:
    viewport = Viewport()
    viewport.height = 4
    model = model_of(list("abcd"), lines=4, history=20)
    assert viewport.scroll(model, -4)
    assert viewport.back(model) == 4
    assert viewport.missing(model) == (12, 12)
    assert window(viewport, model) == ["?", "?", "?", "?"]
    viewport.keep(12, past(*range(12, 24)))
    assert viewport.missing(model) is None
    assert window(viewport, model) == ["p16", "p17", "p18", "p19"]


def test_the_past_stands_still_while_the_program_writes_on() -> None:
    viewport = Viewport()
    viewport.height = 2
    model = model_of(["a", "b"], lines=2, history=10)
    viewport.scroll(model, -3)
    viewport.keep(0, past(*range(12)))
    before = window(viewport, model)
    model.history = 15
    model.rows = past(100, 101)
    assert window(viewport, model) == before
    assert viewport.back(model) == 8


def test_the_end_of_scrolling_on_is_the_present() -> None:
    viewport = Viewport()
    viewport.height = 2
    model = model_of(["a", "b"], lines=2, history=10)
    viewport.scroll(model, -5)
    assert viewport.scrolled
    assert viewport.scroll(model, 50)
    assert not viewport.scrolled
    assert not viewport.scroll(model, 1)


def test_there_is_nothing_before_the_oldest_line() -> None:
    viewport = Viewport()
    viewport.height = 2
    model = model_of(["a", "b"], lines=2, history=3)
    viewport.scroll(model, -100)
    assert viewport.first(model) == 0
    assert not viewport.scroll(model, -1)


def test_a_line_can_be_brought_to_the_top() -> None:
    viewport = Viewport()
    viewport.height = 2
    model = model_of(["a", "b"], lines=2, history=30)
    viewport.show(model, 7)
    assert viewport.first(model) == 7
    viewport.forget()
    assert viewport.first(model) == 30


def test_lines_of_the_past_have_a_bound() -> None:
    viewport = Viewport()
    for start in range(0, PAST_KEPT * 3, 500):
        viewport.keep(start, past(*range(500)))
        assert len(viewport._past) <= PAST_KEPT


@given(st.integers(1, 50), st.integers(1, 60), st.integers(0, 200), st.lists(st.integers(-80, 80)))
def test_the_window_never_leaves_what_there_is(
    height: int, lines: int, history: int, steps: list[int]
) -> None:
    viewport = Viewport()
    viewport.height = height
    model = model_of(["x"] * lines, lines=lines, history=history, cursor=lines - 1)
    for step in steps:
        viewport.scroll(model, step)
        assert 0 <= viewport.first(model) <= viewport.present(model)
        wanted = viewport.missing(model)
        if wanted is not None:
            start, number = wanted
            assert 0 <= start < start + number <= history + lines
            viewport.keep(start, past(*range(number)))
            assert viewport.missing(model) is None
        assert "?" not in window(viewport, model)
