"""Words, signs, ages, cells: what is shown is safe, short and true."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from tests.tui.crew import Crew

from quarterdeck.core.protocol.attention import AttentionKind
from quarterdeck.core.protocol.status import Activity, Lifecycle, shown_status
from quarterdeck.tui.model.ages import age_lasts, age_of, age_text
from quarterdeck.tui.model.cells import (
    Cell,
    Column,
    arrange,
    both_ends,
    cut,
    fit,
    row_text,
    row_width,
)
from quarterdeck.tui.model.words import (
    BIDI,
    KIND_SIGNS,
    SIGNS,
    clean,
    clean_cells,
    clean_lines,
    plural,
    repo_name,
    short_path,
    short_status,
    sign,
    wrapped,
)
from quarterdeck.tui.widgets.panel import _notice


@given(st.text())
def test_clean_text_has_no_control_and_no_direction_characters(text: str) -> None:
    shown = clean(text)
    assert len(shown) <= 400
    assert not set(shown) & set(BIDI)
    assert not any(unicodedata.category(character) == "Cc" for character in shown)


@given(st.text(alphabet="ab \t\u00a0\u202e\u3000\x1bé漢", max_size=12))
def test_clean_text_has_single_blanks_only_between_words(text: str) -> None:
    shown = clean(text)
    assert shown == " ".join(shown.split())
    assert set(shown) <= set("ab é漢")
    assert clean(shown) == shown


def test_what_would_end_an_escape_sequence_is_gone() -> None:
    assert clean("a\x1b]0;evil\x07b\nc\x9bd") == "a ]0;evil b c d"


def test_long_text_is_cut_with_an_ellipsis() -> None:
    assert clean("x" * 50, 10) == "x" * 9 + "…"


@given(st.text())
def test_cells_of_a_screen_keep_their_places(text: str) -> None:
    shown = clean_cells(text)
    assert len(shown) == len([c for c in text if c not in BIDI])
    assert "\x1b" not in shown


def test_a_joined_emoji_stays_whole() -> None:
    family = "👩\u200d👧"
    assert clean_cells(family) == family


def test_lines_keep_their_indents() -> None:
    assert clean_lines("if x:\n\tpass\x00  \n") == ["if x:", "    pass"]


def test_every_state_has_a_sign_a_tone_and_a_word() -> None:
    shown = {shown_status(life, act) for life in Lifecycle for act in Activity}
    assert shown == set(SIGNS)
    assert all(cell_len(mark) == 1 for mark, _ in SIGNS.values())
    assert set(KIND_SIGNS) == set(AttentionKind)
    assert all(cell_len(mark) == 1 for mark, _ in KIND_SIGNS.values())


def test_states_that_need_someone_differ_by_sign_from_all_others() -> None:
    needing = {SIGNS["needs approval"][0], SIGNS["needs answer"][0]}
    others = {mark for word, (mark, _) in SIGNS.items() if not word.startswith("needs")}
    assert not needing & others


def test_an_exit_is_shown_with_its_code(crew: Crew) -> None:
    bad = crew.add("bad", lifecycle=Lifecycle.EXITED, exit_code=3)
    fine = crew.add("fine", lifecycle=Lifecycle.EXITED, exit_code=0)
    unknown = crew.add("unknown", lifecycle=Lifecycle.EXITED)
    assert (short_status(bad), sign(bad)) == ("exit 3", ("□", "muted"))
    assert (short_status(fine), sign(fine)) == ("exit 0", ("□", "muted"))
    assert short_status(unknown) == "exited"
    stopped = crew.add("stopped", lifecycle=Lifecycle.EXITED, exit_code=143)
    assert short_status(stopped) == "exit143", "a code is never cut in its column of eight"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"exit_code": 0, "reason": "exited with code 0"}, "exited with code 0"),
        ({"exit_code": 1, "reason": "No API key was found"}, "exited with code 1: No API key was found"),
        ({"exit_code": 1}, "exited with code 1"),
        ({"lifecycle": Lifecycle.CRASHED, "exit_code": 3, "reason": "exited with code 3"}, "crashed: exited with code 3"),
        ({"lifecycle": Lifecycle.CRASHED, "exit_signal": 9, "reason": "ended by signal 9"}, "crashed: ended by signal 9"),
        ({"lifecycle": Lifecycle.LOST, "reason": "its keeper is gone"}, "lost: its keeper is gone"),
    ],
)  # fmt: skip
def test_an_ending_is_said_once(crew: Crew, changes: dict[str, Any], told: str) -> None:
    session = crew.add("old", **{"lifecycle": Lifecycle.EXITED, **changes})
    assert row_text(_notice(session)).endswith(f" {told}")


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/home/ann", "~"),
        ("/home/ann/shop", "~/shop"),
        ("/home/anna", "/home/anna"),
        ("/srv/x\ny", "/srv/x y"),
    ],
)
def test_the_home_is_a_tilde(path: str, shown: str) -> None:
    assert short_path(path, home="/home/ann") == shown
    assert short_path(path) == shown


def test_a_repository_is_called_by_its_last_part(crew: Crew) -> None:
    assert repo_name(crew.add("a", repo="/home/ann/shop/")) == "shop"
    assert repo_name(crew.add("b", repo="")) == ""


def test_nouns_follow_their_number() -> None:
    assert (plural(1, "item"), plural(2, "item"), plural(0, "branch", "branches")) == (
        "1 item",
        "2 items",
        "0 branches",
    )


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0:00"),
        (42.9, "0:42"),
        (190, "3:10"),
        (599.9, "9:59"),
        (600, "10m"),
        (3599, "59m"),
        (3600, "1h"),
        (86399, "23h"),
        (86400, "1d"),
        (864000, "10d"),
    ],
)
def test_ages_are_short(seconds: float, text: str) -> None:
    assert age_text(seconds) == text


@given(st.floats(0, 10**7))
def test_an_age_says_the_same_until_it_says_something_else(seconds: float) -> None:
    rest = age_lasts(seconds)
    assert rest > 0
    assert age_text(seconds + rest * 0.99) == age_text(seconds)
    assert age_text(seconds + rest + 0.001) != age_text(seconds)


def test_a_clock_that_went_back_gives_no_negative_age() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert age_of(now + timedelta(hours=1), now) == 0


@given(st.text(), st.integers(0, 40), st.booleans())
def test_fitted_text_takes_exactly_its_room(text: str, width: int, right: bool) -> None:
    assert cell_len(fit(clean(text), width, right=right)) == width


def test_fitted_text_is_cut_with_an_ellipsis() -> None:
    assert fit("quarterdeck", 6) == "quart…"
    assert fit("deck", 6, right=True) == "  deck"


@given(st.integers(0, 80), st.lists(st.sampled_from([0, 0, 2, 8]), min_size=1, max_size=4))
def test_columns_fill_the_row(width: int, widths: list[int]) -> None:
    row = arrange([Column("some text", "", one) for one in widths], width)
    expected = max(width, sum(widths)) if 0 in widths else sum(widths)
    assert row_width(row) == expected


def test_both_ends_stand_at_the_ends() -> None:
    row = both_ends((Cell("left"),), (Cell("right", "head"),), 14)
    assert row_text(row) == "left     right"
    assert row[-1] == Cell("right", "head")


@given(st.lists(st.text(max_size=8), max_size=4), st.integers(0, 30))
def test_a_cut_row_has_room(texts: list[str], width: int) -> None:
    row = tuple(Cell(clean(text)) for text in texts)
    assert row_width(cut(row, width)) <= width


@given(st.text("ab 漢\u0301", max_size=40), st.integers(2, 12))
def test_wrapped_text_fits_and_loses_nothing_but_spaces(text: str, width: int) -> None:
    lines = wrapped(text, width)
    assert all(cell_len(line) <= width for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")


def test_text_is_wrapped_between_words() -> None:
    assert wrapped("no handler two any more", 11) == ["no handler", "two any", "more"]
    assert wrapped("", 5) == [""]
    assert wrapped("a verylongword b", 6) == ["a", "verylo", "ngword", "b"]
