"""What a terminal sends is cut into whole keys, and nothing of it is lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.tui.keys.splitter import (
    ESCAPE_WAIT,
    PASTE_WAIT,
    SEQUENCE_WAIT,
    Splitter,
    is_escaped,
    is_paste,
    pasted,
)

PIECES = st.sampled_from(
    [
        *"ab:/ é漢\r\t\x7f\x1d\x03", "\x1b", "\x1b[A", "\x1bOP", "\x1b[15~", "\x1b[<0;3;4M", "\x1b[97;5u",
        "\x1bb", "\x1b[200~two\r\nlines\x1b[201~", "\x1b]11;rgb:00/00/00\x1b\\", "\x1b[?62;22c",
        "\x1b[[A", "\x1b[M abc", "\x1b[", "\x1bO", "\x1b[200~never ended", "\x1bP", "\x1b[1;",
    ]
)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "units"),
    [
        ("abc", ["a", "b", "c"]),
        ("\x1b[A\x1b[1;5C", ["\x1b[A", "\x1b[1;5C"]),
        ("\x1bOP\x1b[[A", ["\x1bOP", "\x1b[[A"]),
        ("\x1b:wq\r", ["\x1b:", "w", "q", "\r"]),
        ("\x1b\x1b[A", ["\x1b", "\x1b[A"]),
        ("\x1b\x1b\x1bb", ["\x1b", "\x1b", "\x1bb"]),
        ("\x1b[200~a\x1b[Ab\x1b[201~c", ["\x1b[200~a\x1b[Ab\x1b[201~", "c"]),
        ("\x1b[<35;10;20Mx", ["\x1b[<35;10;20M", "x"]),
        ("\x1b[M !!x", ["\x1b[M !!", "x"]),
        ("\x1b]11;rgb:ff/ff/ff\x07q", ["\x1b]11;rgb:ff/ff/ff\x07", "q"]),
        ("\x1bP1$r0m\x1b\\q", ["\x1bP1$r0m\x1b\\", "q"]),
        ("\x1b\r\x1b\x7f", ["\x1b\r", "\x1b\x7f"]),
    ],
)
def test_units(text: str, units: list[str]) -> None:
    splitter = Splitter()
    assert splitter.feed(text) == units
    assert splitter.wait is None
    assert splitter.flush() == []


@pytest.mark.parametrize(
    ("text", "wait", "flushed"),
    [
        ("\x1b", ESCAPE_WAIT, ["\x1b"]),
        ("\x1b[", SEQUENCE_WAIT, ["\x1b["]),
        ("\x1b[1;5", SEQUENCE_WAIT, ["\x1b[", "1", ";", "5"]),
        ("\x1bO", ESCAPE_WAIT, ["\x1bO"]),
        ("\x1bPaste", ESCAPE_WAIT, ["\x1bP", "a", "s", "t", "e"]),
        ("\x1b[200~half", PASTE_WAIT, ["\x1b[200~half"]),
    ],
)
def test_what_may_go_on_is_waited_for(text: str, wait: float, flushed: list[str]) -> None:
    splitter = Splitter()
    assert splitter.feed(text) == []
    assert splitter.wait == wait
    assert splitter.flush() == flushed
    assert splitter.wait is None


def test_an_escape_is_told_within_a_twentieth_of_a_second() -> None:
    assert ESCAPE_WAIT <= 0.05


@given(st.lists(PIECES), st.data())
def test_nothing_is_lost_or_reordered_however_it_is_cut(
    pieces: list[str], data: st.DataObject
) -> None:
    text = "".join(pieces)
    splitter = Splitter()
    units: list[str] = []
    while text:
        size = data.draw(st.integers(1, len(text)))
        units += splitter.feed(text[:size])
        text = text[size:]
        if data.draw(st.booleans()):
            units += splitter.flush()
    units += splitter.flush()
    assert "".join(units) == "".join(pieces)
    assert all(units)


@given(st.lists(PIECES))
def test_whole_reads_and_single_characters_give_the_same(pieces: list[str]) -> None:
    text = "".join(pieces)
    one, other = Splitter(), Splitter()
    whole = [*one.feed(text), *one.flush()]
    bits = [unit for character in text for unit in other.feed(character)]
    assert [*bits, *other.flush()] == whole


def test_a_paste_that_never_ends_is_given_up_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("quarterdeck.tui.keys.splitter.PASTE_LIMIT", 100)
    splitter = Splitter()
    assert splitter.feed("\x1b[200~" + "x" * 50) == []
    (unit,) = splitter.feed("x" * 100)
    assert is_paste(unit)
    assert pasted(unit) == "x" * 150


def test_an_answer_that_never_ends_is_text_in_the_end() -> None:
    splitter = Splitter()
    units = splitter.feed("\x1b]" + "x" * 5000)
    assert units[0] == "\x1b]"
    assert is_escaped(units[0])
    assert len(units) == 5001
