"""The leave key among what is typed, and what of a session's bytes may reach a real terminal."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.cli.faults import CliFault
from quarterdeck.cli.leaving import LeaveKey
from quarterdeck.cli.passing import Passage

# ---- the leave key -------------------------------------------------------------------------


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[a:b] for a, b in itertools.pairwise(edges)]


def fed(key: LeaveKey, parts: list[bytes]) -> tuple[bytes, bool]:
    passed = b""
    for part in parts:
        taken = key.feed(part)
        passed += taken.data
        if taken.left:
            return passed, True
    return passed + key.flush(), False


TOKENS = st.sampled_from(
    [b"a", b"\r", b"\x1b", b"\x1b[A", b"\x1b[200~", b"\x1b[201~", b"\x1b[<0;3;4M", b"\xc3\xa9",
     b"\x1b[93;5", b"\x1b[93u", b"\x1b[97;5u", b"9"]
)  # fmt: skip


@given(st.lists(TOKENS, max_size=12), st.lists(st.integers(0, 99), max_size=6))
def test_without_the_key_everything_passes_however_it_was_split(
    tokens: list[bytes], cuts: list[int]
) -> None:
    data = b"".join(tokens)
    if b"\x1b[93;5u" in data:
        return
    assert fed(LeaveKey("ctrl+]"), pieces(data, cuts)) == (data, False)


@given(
    st.lists(TOKENS.filter(lambda one: b"200~" not in one), max_size=8),
    st.sampled_from(
        [b"\x1d", b"\x1b[93;5u", b"\x1b[93;5:1u", b"\x1b[93:125;133u", b"\x1b[27;5;93~"]
    ),
    st.binary(max_size=5),
)
def test_the_key_ends_what_passes(tokens: list[bytes], pressed: bytes, after: bytes) -> None:
    before = b"".join(tokens) + b"."
    if b"\x1b[93;5u" in before:
        return
    assert fed(LeaveKey("ctrl+]"), [before + pressed + after]) == (before, True)


def test_a_key_cut_in_two_is_found_and_a_lone_escape_never_waits() -> None:
    key = LeaveKey("ctrl+]")
    assert key.feed(b"\x1b") == (b"\x1b", False)
    assert not key.waiting
    assert key.feed(b"x\x1b[93") == (b"x", False)
    assert key.waiting
    assert key.feed(b";5u") == (b"", True)


def test_a_release_of_the_key_does_not_leave() -> None:
    assert LeaveKey("ctrl+]").feed(b"\x1b[93;5:3u") == (b"\x1b[93;5:3u", False)


def test_the_key_in_a_paste_is_text() -> None:
    pasted = b"\x1b[200~a\x1db\x1b[201~"
    assert fed(LeaveKey("ctrl+]"), [pasted, b"\x1d"]) == (pasted, True)


def test_names_of_keys_are_read_as_people_write_them() -> None:
    assert LeaveKey("^]").name == LeaveKey("Ctrl+]").name == LeaveKey("C-]").name == "ctrl+]"
    assert LeaveKey("ctrl+\\").feed(b"\x1c").left
    with pytest.raises(CliFault):
        LeaveKey("alt+x")


# ---- what passes ---------------------------------------------------------------------------

DROPPED = [
    b"\x1b[6n", b"\x1b[5n", b"\x1b[?6n", b"\x1b[c", b"\x1b[>c", b"\x1b[=c", b"\x1b[0c", b"\x1b[18t",
    b"\x1b[8;40;100t", b"\x1b[?u", b"\x1b[>q", b"\x1b[?2026$p", b"\x1b[4$p", b"\x1b[x", b"\x1b[3J",
    b"\x1b[?1;1;0S", b"\x1b]0;title\x07", b"\x1b]2;title\x1b\\", b"\x1b]52;c;aGk=\x07",
    b"\x1b]11;?\x07", b"\x1b]4;1;?\x07", b"\x1b]7501;?\x1b\\", b"\x1b]9;note\x07",
    b"\x1bP$qm\x1b\\", b"\x1bP+q544e\x1b\\", b"\x1b_Gi=1;AAAA\x1b\\", b"\x05", b"\x1bZ",
    b"\x1b[?2048h", b"\x1b[?2031l", b"\x1b[1$w",
]  # fmt: skip
PASSED = [
    b"text", b"\xe2\x94\x80", b"\r\n", b"\x1b[1;31m", b"\x1b[10;5H", b"\x1b[2J", b"\x1b[K",
    b"\x1b[?1049h", b"\x1b[?1000;1006h", b"\x1b[?2004l", b"\x1b[?25l", b"\x1b[>1u", b"\x1b[<u",
    b"\x1b[=1;1u", b"\x1b[>4;1m", b"\x1b[2 q", b"\x1b7", b"\x1b8", b"\x1b(0", b"\x1b]8;;http://x\x1b\\",
    b"\x1b]133;A\x07", b"\x07", b"\x1b[?2026h", b"\x1b[?2026l", b"\x1b=", b"\x1b[3S", b"\x1b[!p",
]  # fmt: skip


@pytest.mark.parametrize("sequence", DROPPED)
def test_what_makes_a_terminal_answer_does_not_pass(sequence: bytes) -> None:
    assert Passage().feed(b"a" + sequence + b"b") == b"ab"


@pytest.mark.parametrize("sequence", PASSED)
def test_what_draws_passes(sequence: bytes) -> None:
    assert Passage().feed(b"a" + sequence + b"b") == b"a" + sequence + b"b"


def test_a_list_of_modes_loses_only_what_must_not_pass() -> None:
    assert Passage().feed(b"\x1b[?2004;2048;1004h") == b"\x1b[?2004;1004h"


def test_a_full_reset_leaves_the_scrollback_alone() -> None:
    assert Passage().feed(b"\x1bc") == b"\x1b[!p\x1b[?1049l\x1b[2J\x1b[H"


@given(
    st.lists(st.sampled_from([*PASSED, *DROPPED]), max_size=12),
    st.lists(st.integers(0, 400), max_size=8),
)
def test_what_passes_does_not_depend_on_how_bytes_were_split(
    sequences: list[bytes], cuts: list[int]
) -> None:
    data = b"".join(sequences)
    split = Passage()
    whole = Passage().feed(data)
    assert b"".join(split.feed(part) for part in pieces(data, cuts)) == whole
    assert not any(dropped in whole for dropped in DROPPED if len(dropped) > 4)
