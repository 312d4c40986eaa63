"""What is printed: tables drawn on a terminal and plain elsewhere, nothing that drives a terminal."""

from __future__ import annotations

import io
import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quarterdeck.cli.durations import seconds
from quarterdeck.cli.faults import CliFault
from quarterdeck.cli.naming import short_ids
from quarterdeck.cli.presenting import choices_text, ending
from quarterdeck.cli.printing import Printer, clean, clean_lines, homely
from quarterdeck.cli.styling import styled_line
from quarterdeck.cli.telling import event_line

HEADS = ("name", "state", "about")
ROWS = [("docs", "working", "[bold]not markup[/]"), ("fix-login", "needs approval", "x" * 90)]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "60")
    return Terminal()


def table(out: io.StringIO) -> str:
    Printer(as_json=False, out=out).table(HEADS, ROWS, "nothing")
    return out.getvalue()


def test_a_terminal_gets_colours_within_its_width(terminal: Terminal) -> None:
    shown = table(terminal)
    assert "\x1b[1;33mneeds approval" in shown
    assert "[bold]not markup[/]" in shown
    assert len(shown.splitlines()) > 3  # what is too wide is folded, not cut


def test_no_colour_is_honoured(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[1;33m" not in table(terminal)
    assert "\x1b[32m" not in terminal.getvalue()


@pytest.mark.parametrize("name", ["dumb"])
def test_a_dumb_terminal_gets_plain_text(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("TERM", name)
    assert "\x1b" not in table(terminal)


def test_elsewhere_columns_are_aligned_and_lines_whole() -> None:
    shown = table(io.StringIO()).splitlines()
    assert shown[0] == "NAME       STATE           ABOUT"
    assert shown[1] == "docs       working         [bold]not markup[/]"
    assert shown[2].endswith("x" * 90)
    assert [line.index("w") for line in shown[1:2]] == [11]


def test_json_is_asked_for_or_not() -> None:
    out = io.StringIO()
    Printer(as_json=True, out=out).show({"é": 1}, lambda: pytest.fail("that is for people"))
    assert json.loads(out.getvalue()) == {"é": 1}
    assert "é" in out.getvalue()


def test_empty_fields_are_left_out() -> None:
    out = io.StringIO()
    Printer(as_json=False, out=out).fields((("a", 0), ("bb", ""), ("ccc", None), ("dd", "x")))
    assert out.getvalue() == "a   0\ndd  x\n"


@given(st.text())
def test_clean_text_can_t_drive_a_terminal(text: str) -> None:
    assert not any(ord(char) < 32 or 127 <= ord(char) < 160 for char in clean(text))
    kept = clean_lines(text)
    assert not any(
        (ord(char) < 32 and char not in "\n\t") or 127 <= ord(char) < 160 for char in kept
    )


def test_text_is_shown_in_the_order_in_which_it_is_written() -> None:
    assert clean_lines("rm \u202egpj.a\u202c\u2066 \u200f!\tb\nc") == "rm gpj.a !\tb\nc"


def test_styles_become_sequences() -> None:
    assert styled_line([["plain", -1, -1, 0]]) == "plain"
    assert styled_line([["a\x1bb", 9, -1, 1 | 32]]) == "\x1b[1;7;38;5;9mab\x1b[0m"
    assert styled_line([["c", -1, 0x1FF8000, 0]]) == "\x1b[48;2;255;128;0mc\x1b[0m"


@pytest.mark.parametrize(
    ("text", "wanted"), [("0", 0), ("30", 30), ("1.5m", 90), ("2h", 7200), ("1d", 86_400)]
)
def test_spans_of_time(text: str, wanted: float) -> None:
    assert seconds(text, "--for") == wanted


@pytest.mark.parametrize("text", ["", "m", "-3", "1w", "1 2", "1h30"])
def test_what_is_no_span_of_time(text: str) -> None:
    with pytest.raises(CliFault):
        seconds(text, "--for")


def test_endings_and_choices() -> None:
    record = {"lifecycle": "crashed", "exit_signal": 9, "exit_code": None}
    assert ending(record) == "signal 9"
    assert ending(record | {"exit_signal": None}) == ""
    assert ending(record | {"lifecycle": "running"}) == ""
    assert choices_text([{"key": "1", "label": "Yes", "meaning": None}]) == "[1] Yes"


@pytest.mark.parametrize(
    ("kind", "payload", "said"),
    [
        ("status.progress", {"session_id": "S", "progress": 40, "message": "tests"}, "40% tests"),
        ("status.progress", {"session_id": "S", "progress": None, "title": "shop"}, "shop"),
        ("env.ready", {"session_id": "S", "cwd": "/shop"}, "/shop"),
        ("env.error", {"session_id": "S", "error": {"code": "x", "message": "no"}}, "x: no"),
        ("system.info", {"code": "started", "message": "It runs."}, "started: It runs."),
        ("of a newer engine", {"body": {}}, ""),
        ("attention.closed", {"item": {"session_id": "S", "kind": "approval", "title": "npm",
         "state": "answered", "answer": "1"}}, "approval: npm: answered with 1"),
        ("session.updated", {"session": {"id": "S", "name": "docs"}, "changed": ["name"]}, "name"),
        ("session.deleted", {"session_id": "S", "name": "docs"}, ""),
        ("system.health_status", {"health": {"status": "healthy"}}, "healthy"),
    ],
)  # fmt: skip
def test_events_in_words(kind: str, payload: dict[str, object], said: str) -> None:
    metadata = {"sequence": 7, "timestamp": "2026-01-01T12:00:00Z", "session_id": None}
    line = event_line({"type": kind, "metadata": metadata, "payload": payload}, {"S": "docs"})
    assert line.startswith("     7 ")
    assert kind in line
    assert line.endswith(said)
    assert ("docs" in line) == ("session" in str(payload))


# ---- narrow terminals ------------------------------------------------------------------------

LIST_HEADS = ("name", "agent", "state", "since", "in", "about")
LIST = [
    ("fix-login", "practice-approver", "needs approval", "12m", "~/shop/backend", "rm -rf build"),
    ("docs", "claude", "working", "3h", "~", "writes " * 30),
]


def listed(terminal: Terminal, width: int, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("NO_COLOR", "1")
    printer = Printer(as_json=False, out=terminal)
    printer.table(LIST_HEADS, LIST, "nothing", ("in", "agent", "since"))
    return [
        re.sub(r"\x1b\[[0-9;]*m", "", line).rstrip() for line in terminal.getvalue().splitlines()
    ]


@pytest.mark.parametrize(
    ("width", "heads"),
    [
        (200, "name agent state since in about"),
        (80, "name agent state since about"),
        (60, "name state since about"),
        (50, "name state about"),
    ],
)
def test_columns_give_way_and_every_row_stays_one_line(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, width: int, heads: str
) -> None:
    shown = listed(terminal, width, monkeypatch)
    assert shown[0].split() == heads.split()
    assert len(shown) == 3
    assert all(len(line) <= width for line in shown)
    assert shown[1].split()[0] == "fix-login"
    assert "needs approval" in shown[1]


@settings(deadline=None)  # the first one loads rich
@given(st.integers(min_value=40, max_value=300))
def test_the_name_and_the_state_are_whole_at_any_width(width: int) -> None:
    out = Terminal()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TERM", "xterm")
        shown = listed(out, width, patch)
    assert shown[1].startswith("fix-login  ")
    assert "needs approval" in shown[1]
    assert len(shown) == 3


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/home/ada", "~"),
        ("/home/ada/shop", "~/shop"),
        ("/home/adam", "/home/adam"),
        ("/srv", "/srv"),
    ],
)
def test_a_home_is_short(monkeypatch: pytest.MonkeyPatch, path: str, shown: str) -> None:
    monkeypatch.setenv("HOME", "/home/ada/")
    assert homely(path) == shown
    monkeypatch.delenv("HOME")
    assert homely(path) == path


@given(st.lists(st.text("0123456789ABCDEFGHJKMNPQRSTVWXYZ", min_size=26, max_size=26), unique=True))
def test_short_ids_tell_items_apart(ids: list[str]) -> None:
    short = short_ids(ids)
    assert len(set(short.values())) == len(ids)
    assert all(one.endswith(end) and len(end) >= 6 for one, end in short.items())
