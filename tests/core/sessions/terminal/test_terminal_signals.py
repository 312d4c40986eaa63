"""What programs tell beside the screen: titles, bells, notifications, marks, directories."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from quarterdeck.core.sessions.terminal.port import Emulator
from quarterdeck.core.sessions.terminal.signals import (
    MAX_NOTE,
    MAX_PENDING,
    MAX_TITLE,
    Bell,
    Notification,
    Osc99Reader,
    ProgramStatus,
    PromptMark,
    Signal,
    SignalQueue,
    TerminalReset,
    TitleChanged,
    WorkingDirectory,
)
from quarterdeck.core.sessions.terminal.status_protocol import ProgramState, Report
from quarterdeck.core.sessions.terminal.untrusted import one_line

Open = Callable[..., Emulator]

SIGNALS: dict[str, tuple[str, list[Signal]]] = {
    "title": ("\x1b]0;hello\x07", [TitleChanged("hello")]),
    "title by OSC 2": ("\x1b]2;hello\x1b\\", [TitleChanged("hello")]),
    "the icon's name is no title": ("\x1b]1;icon\x07", []),
    "the same title again": ("\x1b]0;a\x07\x1b]0;a\x07\x1b]0;b\x07", [TitleChanged("a"), TitleChanged("b")]),
    "padding goes": ("\x1b]0;◇  Ready (proj)          \x07", [TitleChanged("◇  Ready (proj)")]),
    "an emptied title": ("\x1b]0;a\x07\x1b]0;\x07", [TitleChanged("a"), TitleChanged("")]),
    "a title without its text": ("\x1b]0;a\x07\x1b]2\x07", [TitleChanged("a"), TitleChanged("")]),
    "a title kept and brought back": (
        "\x1b]0;a\x07\x1b[22;0t\x1b]0;b\x07\x1b[23;0t\x1b[23t",
        [TitleChanged("a"), TitleChanged("b"), TitleChanged("a")],
    ),
    "bidirectional overrides go": ("\x1b]0;a\u202eb\u2066c\u200bd\x07", [TitleChanged("abcd")]),
    "bells": ("\x07a\x07", [Bell(), Bell()]),
    "a bell within a sequence": ("\x1b[3\x07m", [Bell()]),
    "OSC 9": ("\x1b]9;Approval requested: touch t1\x07", [Notification(9, "", "Approval requested: touch t1")]),
    "OSC 9 that begins with a number": ("\x1b]9;42 files\x07", [Notification(9, "", "42 files")]),
    "progress is no notification": ("\x1b]9;4;1;50\x07\x1b]9;4;0\x07\x1b]9;4\x07", []),
    "other commands of ConEmu": ("\x1b]9;1;500\x07\x1b]9;12\x07\x1b]9;2;box\x07", []),
    "ConEmu's directory": ('\x1b]9;9;"C:\\x"\x07', [WorkingDirectory("C:\\x")]),
    "an empty OSC 9": ("\x1b]9;\x07\x1b]9\x07", []),
    "OSC 777": ("\x1b]777;notify;Gemini;Done; really\x07", [Notification(777, "Gemini", "Done; really")]),
    "OSC 777 without a body": ("\x1b]777;notify;Done\x07", [Notification(777, "Done", "")]),
    "another OSC 777": ("\x1b]777;preexec\x07", []),
    "OSC 99": ("\x1b]99;;Hello\x1b\\", [Notification(99, "", "Hello")]),
    "OSC 99 in pieces": (
        "\x1b]99;i=1:d=0;Ti\x1b\\\x1b]99;i=1:d=0:p=title;tle\x1b\\\x1b]99;i=1:p=body;Body\x1b\\",
        [Notification(99, "Title", "Body")],
    ),
    "OSC 99 in base64": ("\x1b]99;e=1;SGVsbG8\x1b\\", [Notification(99, "", "Hello")]),
    "OSC 99 in bad base64": ("\x1b]99;e=1;!!\x1b\\", []),
    "OSC 99, buttons and icons": ("\x1b]99;i=1:p=icon;x\x1b\\\x1b]99;i=1:p=close;\x1b\\", []),
    "prompt marks": (
        "\x1b]133;A\x07\x1b]133;B;x=1\x07\x1b]133;C\x07\x1b]133;D;3\x07\x1b]133;D\x07\x1b]133;D;x\x07",
        [PromptMark("A"), PromptMark("B"), PromptMark("C"), PromptMark("D", 3), PromptMark("D"), PromptMark("D")],
    ),
    "other marks": ("\x1b]133;P;k=i\x07\x1b]133\x07", []),
    "directory": ("\x1b]7;file://host/home/a%20b\x07", [WorkingDirectory("/home/a b")]),
    "a directory with controls": ("\x1b]7;file:///a%0ab%1b\x07", [WorkingDirectory("/a b")]),
    "no directory": ("\x1b]7;http://x/y\x07\x1b]7;file://\x07\x1b]7;file://[x\x07", []),
    "status": ("\x1b]7501;state=idle\x07", [ProgramStatus(Report(ProgramState.IDLE))]),
    "a dropped status": ("\x1b]7501;state=bogus\x07", []),
    "full reset": ("\x1b]0;a\x07\x1bc", [TitleChanged("a"), TitleChanged(""), TerminalReset()]),
    "the clipboard is never passed on": ("\x1b]52;c;aGk=\x07", []),
    "hyperlinks, colours and the rest": ("\x1b]8;;http://x\x07\x1b]104\x07\x1b]1337;x\x07\x1b]x\x07\x1b]\x07", []),
}  # fmt: skip


@pytest.mark.parametrize("name", SIGNALS)
def test_signals(terminal: Open, name: str) -> None:
    data, signals = SIGNALS[name]
    emulator = terminal(data)
    assert emulator.take_signals() == signals
    assert emulator.take_signals() == []


def test_a_muted_terminal_keeps_its_state(terminal: Open) -> None:
    emulator = terminal()
    with emulator.mute():
        emulator.feed(b"\x07\x1b]0;title\x07\x1b]7501;state=working\x07\x1b]9;note\x07")
    assert emulator.take_signals() == []
    assert emulator.title == "title"
    assert len(emulator.status.records()) == 1


def test_texts_are_bounded(terminal: Open) -> None:
    emulator = terminal("\x1b]0;" + "t" * 5000 + "\x07\x1b]9;" + "n" * 5000 + "\x07")
    title, note = emulator.take_signals()
    assert title == TitleChanged("t" * MAX_TITLE)
    assert note == Notification(9, "", "n" * MAX_NOTE)


def test_an_endless_string_is_swallowed(terminal: Open) -> None:
    emulator = terminal()
    for _ in range(50):
        emulator.feed(b"\x1b]0;" + b"t" * 4000)
        emulator.feed(b"t" * 8000)
        emulator.feed(b"t\x1b")
        emulator.feed(b"\\x\r")
    assert emulator.take_signals() == []
    assert emulator.lines()[0] == "x"


def test_the_oldest_signals_go_first(terminal: Open) -> None:
    emulator = terminal("".join(f"\x1b]0;{n}\x07" for n in range(MAX_PENDING + 5)))
    signals = emulator.take_signals()
    assert len(signals) == MAX_PENDING
    assert signals[0] == TitleChanged("5")
    assert emulator.dropped_signals == 5


def test_a_queue_counts_what_it_drops() -> None:
    queue = SignalQueue(limit=2)
    for _ in range(5):
        queue.put(Bell())
    assert (queue.dropped, len(queue.take())) == (3, 2)


def test_unfinished_notifications_are_bounded() -> None:
    reader = Osc99Reader(limit=2)
    for n in range(5):
        assert reader.feed(f"i={n}:d=0;part") is None
    assert reader.feed("i=0:p=body;end") == Notification(99, "", "end"), "the oldest was forgotten"
    assert reader.feed("i=4:p=body;end") == Notification(99, "part", "end")


def test_the_title_stack_is_bounded(terminal: Open) -> None:
    emulator = terminal("".join(f"\x1b]0;{n}\x07\x1b[22t" for n in range(30)) + "\x1b[23t" * 30)
    assert emulator.title == "20"


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("a\r\n\tb", "a b"),
        ("  a  ", "a"),
        ("\u202eabc\u202c", "abc"),
        ("a\u200d\ufeffb", "ab"),
        ("\x9bx", "x"),
        ("a\x00\x00b", "a b"),
        ("漢字 👍", "漢字 👍"),
        ("\ud800x", "x"),
    ],
)
def test_one_line(text: str, clean: str) -> None:
    assert one_line(text, 100) == clean


def test_one_line_is_cut() -> None:
    assert one_line("x" * 10, 4) == "xxxx"
