"""Keys out of bytes, however the bytes are cut."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.core.sessions.practice.keys import PASTE_LIMIT, Key, KeyDecoder

TEXT = st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1)


def decode(*pieces: bytes) -> list[Key]:
    decoder = KeyDecoder()
    return [key for piece in pieces for key in decoder.feed(piece)] + decoder.flush()


def joined(keys: list[Key]) -> list[Key]:
    """``keys`` with neighbouring texts as one: where reads are cut must not matter."""
    result: list[Key] = []
    for name, text in keys:
        if name == "text" and result and result[-1][0] == "text":
            result[-1] = ("text", result[-1][1] + text)
        else:
            result.append((name, text))
    return result


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"\r", "enter"),
        (b"\n", "newline"),
        (b"\x1b\r", "newline"),
        (b"\x7f", "backspace"),
        (b"\x08", "backspace"),
        (b"\x03", "ctrl-c"),
        (b"\x04", "ctrl-d"),
        (b"\x15", "ctrl-u"),
        (b"\x17", "ctrl-w"),
        (b"\x1b[A", "up"),
        (b"\x1bOB", "down"),
        (b"\x1b[1;5C", "right"),
        (b"\x1b[H", "home"),
        (b"\x1b", "esc"),
    ],
)
def test_a_key_by_its_bytes(data: bytes, name: str) -> None:
    assert decode(data) == [(name, "")]


def test_esc_waits_for_what_may_follow() -> None:
    decoder = KeyDecoder()
    assert decoder.feed(b"\x1b") == []
    assert decoder.pending
    assert decoder.feed(b"[A") == [("up", "")]
    assert not decoder.pending
    assert decoder.flush() == []


def test_two_escapes_are_two_keys() -> None:
    assert decode(b"\x1b\x1b") == [("esc", ""), ("esc", "")]


@pytest.mark.parametrize(
    "answer",
    [
        b"\x1b]7501;?\x1b\\",
        b"\x1b]11;rgb:0000/0000/0000\x07",
        b"\x1bP>|probe\x1b\\",
        b"\x1b[?62;22c",
        b"\x1b[1;1R",
        b"\x1b[?2026;2$y",
        b"\x1bx",
        b"\x00\x01\x1f",
    ],
)
def test_answers_and_unknown_keys_are_swallowed(answer: bytes) -> None:
    assert decode(answer + b"a") == [("text", "a")]


def test_an_unfinished_sequence_is_forgotten() -> None:
    assert decode(b"\x1b[12") == []
    assert decode(b"\x1bO") == []
    assert decode(b"\x1b]0;never ended") == []


def test_a_paste_is_one_key_whatever_it_holds() -> None:
    data = b"a\x1b[200~one\rtwo\x03\x1b[A\x1b[201~b"
    assert decode(data) == [("text", "a"), ("paste", "one\rtwo\x03\x1b[A"), ("text", "b")]


def test_an_open_paste_is_not_flushed() -> None:
    decoder = KeyDecoder()
    assert decoder.feed(b"\x1b[200~half\x1b") == []
    assert not decoder.pending
    assert decoder.flush() == []
    assert decoder.feed(b"[201~") == [("paste", "half")]


def test_an_endless_paste_is_bounded() -> None:
    decoder = KeyDecoder()
    decoder.feed(b"\x1b[200~")
    for _ in range(3):
        decoder.feed(b"x" * PASTE_LIMIT)
    ((name, text),) = decoder.feed(b"\x1b[201~")
    assert (name, len(text)) == ("paste", PASTE_LIMIT)


def test_a_broken_character_is_replaced() -> None:
    assert decode(b"a\xff", b"b") == [("text", "a\ufffd"), ("text", "b")]


PIECES = st.lists(
    st.one_of(
        TEXT.map(str.encode),
        TEXT.map(lambda text: b"\x1b[200~" + text.encode() + b"\x1b[201~"),
        st.sampled_from([b"\r", b"\x1b[A", b"\x1bOB", b"\x03", b"\x1b[?1;2c", b"\x1b]0;t\x1b\\"]),
    )
)


@given(PIECES, st.lists(st.integers(0, 200)))
def test_where_the_reads_are_cut_does_not_matter(pieces: list[bytes], cuts: list[int]) -> None:
    data = b"".join(pieces)
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    parts = [data[start:end] for start, end in pairwise(places)]
    assert joined(decode(*parts)) == joined(decode(data))


@given(st.binary())
def test_no_bytes_are_too_odd(data: bytes) -> None:
    decoder = KeyDecoder()
    decoder.feed(data)
    decoder.flush()
    assert not decoder.pending
