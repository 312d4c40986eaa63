"""The scanner: what it takes out of a stream, what it lets pass, and what it holds back."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.core.sessions.terminal.scanner import MAX_PARAMETERS, MAX_STRING, Scanner


class Heard:
    """A sink that writes down what it hears; text in one piece."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, bytes | bool, bytes]] = []

    def text(self, piece: bytes) -> None:
        if self.heard and self.heard[-1][0] == "text":
            piece = bytes(self.heard.pop()[1]) + piece
        self.heard.append(("text", piece, b""))

    def synchronize(self, begin: bool) -> None:
        self.heard.append(("sync", begin, b""))

    def osc(self, payload: bytes, end: bytes) -> None:
        self.heard.append(("osc", payload, end))

    def string(self, kind: bytes, payload: bytes) -> None:
        self.heard.append(("string", kind, payload))

    def csi(self, body: bytes, final: bytes) -> None:
        self.heard.append(("csi", body, final))

    def escape(self, sequence: bytes) -> None:
        self.heard.append(("escape", sequence, b""))

    def control(self, byte: bytes) -> None:
        self.heard.append(("control", byte, b""))


def scan(*pieces: bytes) -> list[tuple[str, bytes | bool, bytes]]:
    scanner, sink = Scanner(), Heard()
    for piece in pieces:
        scanner.feed(piece, sink)
    return sink.heard


def decoded(heard: list[tuple[str, bytes | bool, bytes]]) -> list[tuple[str, object, bytes]]:
    """What was heard, its text as a grid decodes it."""
    return [
        (kind, value.decode("utf-8", "replace") if isinstance(value, bytes) else value, more)
        for kind, value, more in heard
    ]


PASSING = b"text\r\n\b\t\x1b[1;31mred\x1b[0m\x1b[2J\x1b[K\x1b[3;4H\x1b[?25l\x1b[?25h\x1bD\x1bM\x1bE\x1bH\x1b[2L"


def test_drawing_passes_in_one_piece() -> None:
    assert scan(PASSING) == [("text", PASSING, b"")]


@pytest.mark.parametrize(
    ("data", "heard"),
    [
        (b"\x1b[?2026h", ("sync", True, b"")),
        (b"\x1b[?2026l", ("sync", False, b"")),
        (b"\x1b]0;t\x07", ("osc", b"0;t", b"\x07")),
        (b"\x1b]0;t\x1b\\", ("osc", b"0;t", b"\x1b\\")),
        (b"\x1bP+q\x07x\x1b\\", ("string", b"P", b"+q\x07x")),
        (b"\x1b_Gi=1\x1b\\", ("string", b"_", b"Gi=1")),
        (b"\x1b[?1049h", ("csi", b"?1049", b"h")),
        (b"\x1b[c", ("csi", b"", b"c")),
        (b"\x1b[3J", ("csi", b"3", b"J")),
        (b"\x1b[1;2r", ("csi", b"1;2", b"r")),
        (b"\x1b[2 q", ("csi", b"2 ", b"q")),
        (b"\x1b[?1\n2h", ("csi", b"?1\n2", b"h")),
        (b"\x1b7", ("escape", b"7", b"")),
        (b"\x1b(0", ("escape", b"(0", b"")),
        (b"\x1b#8", ("escape", b"#8", b"")),
        (b"\x1b\\", ("escape", b"\\", b"")),
        (b"\x07", ("control", b"\x07", b"")),
        (b"\x0e", ("control", b"\x0e", b"")),
    ],
)
def test_tokens(data: bytes, heard: tuple[str, bytes | bool, bytes]) -> None:
    assert scan(data) == [heard]
    assert scan(*(bytes([byte]) for byte in data)) == [heard]
    assert scan(b"a" + data + b"b") == [("text", b"a", b""), heard, ("text", b"b", b"")]


@pytest.mark.parametrize(
    "data",
    [
        b"\x1b]0;t\x18",
        b"\x1b]0;t\x1a",
        b"\x1bPx\x18",
        b"\x1b[3\x18",
        b"\x1b[3\x1a",
        b"\x1b \x1b[0m",
    ],
)
def test_what_is_cut_off_is_dropped(data: bytes) -> None:
    heard = [item for item in scan(b"a" + data + b"b") if item[0] != "control"]
    assert b"".join(item[1] for item in heard).replace(b"\x1b[0m", b"") == b"ab"  # type: ignore[misc]  # text only
    assert {item[0] for item in heard} == {"text"}


@pytest.mark.parametrize(
    "rest",
    [b"\x1b", b"\x1b[", b"\x1b[1;2", b"\x1b]", b"\x1b]0;title", b"\x1b]0;title\x1b", b"\x1bP+q\x1b", b"\x1b(",
     b"\xe6", b"\xe6\xbc", b"\xf0\x9f\x91", b"\x1b[?2026"],
)  # fmt: skip
def test_what_is_unfinished_waits(rest: bytes) -> None:
    scanner, sink = Scanner(), Heard()
    scanner.feed(b"a" + rest, sink)
    assert sink.heard == [("text", b"a", b"")]
    assert scanner.dump() == (rest, "")
    again = Scanner()
    again.load(*scanner.dump())
    again.feed(b"", sink)
    assert sink.heard == [("text", b"a", b"")]


def test_a_character_cut_off_by_a_sequence_is_replaced() -> None:
    heard = scan(b"a\xe6\xbc\x1b[?1h")
    assert heard[0] == ("text", "a\ufffd".encode(), b"")


@pytest.mark.parametrize("lead", [b"\xc0", b"\xf5", b"\xff", b"\x80"])
def test_bytes_that_begin_nothing_do_not_wait(lead: bytes) -> None:
    assert scan(lead) == [("text", lead, b"")]


@pytest.mark.parametrize(
    ("opener", "filler", "end", "state"),
    [
        (b"\x1b]0;", b"t", b"\x07", "osc"),
        (b"\x1b]0;", b"t", b"\x1b\\", "osc"),
        (b"\x1bP", b"q\x07", b"\x1b\\", "string"),
        (b"\x1b_", b"G", b"\x18", "string"),
        (b"\x1b[", b"1;", b"m", "csi"),
        (b"\x1b[", b"1;", b"\x1a", "csi"),
    ],
)
def test_what_never_ends_is_swallowed_without_being_kept(
    opener: bytes, filler: bytes, end: bytes, state: str
) -> None:
    scanner, sink = Scanner(), Heard()
    scanner.feed(b"a" + opener, sink)
    for _ in range(40):
        scanner.feed(filler * 1000, sink)
        assert len(scanner.carry) <= MAX_STRING + 1003
    assert scanner.dump() == (b"", state)
    for byte in end + b"b":
        scanner.feed(bytes([byte]), sink)
    assert sink.heard == [("text", b"ab", b"")]


def test_an_escape_ends_what_is_swallowed() -> None:
    scanner, sink = Scanner(), Heard()
    scanner.feed(b"\x1b]0;" + b"t" * MAX_STRING * 2, sink)
    scanner.feed(b"\x1b", sink)
    scanner.feed(b"[1m", sink)
    assert sink.heard == [("text", b"\x1b[1m", b"")]


@pytest.mark.parametrize("size", [MAX_STRING - 1, MAX_STRING, MAX_STRING + 1, MAX_STRING * 3])
@pytest.mark.parametrize("end", [b"\x07", b"\x1b\\"])
def test_the_limit_of_a_string_is_exact(size: int, end: bytes) -> None:
    data = b"\x1b]" + b"x" * size + end
    expected = scan(data)
    assert bool(expected) == (size <= MAX_STRING)
    for cut in (1, size - 1, size + 1, size + 2, size + 3):
        assert scan(data[:cut], data[cut:]) == expected


@pytest.mark.parametrize("size", [MAX_PARAMETERS, MAX_PARAMETERS + 1, MAX_PARAMETERS * 3])
@pytest.mark.parametrize("final", [b"m", b"c"])
def test_the_limit_of_parameters_is_exact(size: int, final: bytes) -> None:
    data = b"\x1b[" + b"1" * size + final + b"x"
    expected = scan(data)
    for cut in range(1, len(data), 50):
        assert scan(data[:cut], data[cut:]) == expected


ODD = st.sampled_from(
    [b"\x1b", b"]", b"[", b"P", b"\\", b"\x07", b"\x18", b"\x1a", b"?", b"2026h", b"3J", b"m", b"\xe6", b"\xbc",
     b"\xa2", b"\xed\xa0", b"\xf4\x90", b" ", b";", b"0", b"x", b"\n", b"\x7f", b"\x9b", b"\xff"]
)  # fmt: skip


@given(parts=st.lists(ODD, max_size=40), places=st.lists(st.integers(0, 200), max_size=8))
def test_the_same_is_heard_however_it_is_split(parts: list[bytes], places: list[int]) -> None:
    data = b"".join(parts)
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    pieces = [data[a:b] for a, b in pairwise(edges)]
    assert decoded(scan(*pieces)) == decoded(scan(data))


@given(data=st.binary(max_size=300))
def test_nothing_dangerous_passes(data: bytes) -> None:
    for kind, piece, _ in scan(data):
        if kind == "text":
            assert isinstance(piece, bytes)
            assert not {0x05, 0x07, 0x0B, 0x0C, 0x0E, 0x0F, 0x18, 0x1A} & set(piece)
            assert b"\x1b]" not in piece
            assert b"\x1bP" not in piece
            assert b"\x1b_" not in piece
