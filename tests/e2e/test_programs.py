"""Programs of every day in sessions, used through the dashboard."""

from __future__ import annotations

import re
import shutil

import pytest
from tests.e2e.machine import PROMPT, Machine, eventually
from tests.e2e.terminal import Terminal


def require(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not installed")
    return path


@pytest.fixture
def shell(machine: Machine) -> Terminal:
    """The dashboard, typing into a shell that has just started."""
    deck = machine.open(size=(100, 30))
    deck.wait_for("s shell")
    deck.press("s")
    deck.wait_for(PROMPT.strip())
    deck.press("enter")
    deck.wait_for("all keys go to it")
    return deck


def run(shell: Terminal, command: str) -> None:
    shell.press(command, "enter")


def test_less_scrolls_and_gives_the_screen_back(shell: Terminal, machine: Machine) -> None:
    require("less")
    (machine.work / "long.txt").write_text("".join(f"line {n:03}\n" for n in range(1, 301)))
    run(shell, "echo before-less; less long.txt")
    shell.wait_for("line 001")
    shell.press("G")
    shell.wait_for("line 300")
    shell.press("g")
    shell.wait_for("line 001")
    shell.press("pagedown")
    shell.wait_for(lambda text: "line 001" not in text and "line 030" in text)
    shell.press("/line 123", "enter")
    shell.wait_for("line 123")
    shell.press("q")
    shell.wait_for(lambda text: "before-less" in text and "line 123" not in text)


def test_vi_writes_a_file(shell: Terminal, machine: Machine) -> None:
    require("vi")
    run(shell, 'vi -u NONE -c "set showmode" note.txt')
    shell.wait_for("note.txt")
    shell.press("i")
    shell.wait_for("INSERT")
    shell.press("first line", "enter", "grüße, 漢字")
    shell.wait_for("grüße")
    shell.press("escape")
    shell.press(":wq", "enter")
    shell.wait_for(re.compile(r"ready>\s*┃", re.MULTILINE))
    note = machine.work / "note.txt"
    eventually(note.exists, what="the file")
    assert note.read_text() == "first line\ngrüße, 漢字\n"


def test_top_goes_on_by_itself(shell: Terminal) -> None:
    require("top")
    run(shell, "top -d 0.5")
    first = shell.wait_for(re.compile(r"PID USER"))
    shell.wait_for(lambda text: text != first)
    shell.press("q")
    shell.wait_for(re.compile(r"ready>\s*┃"))  # top throws away what was typed before its end
    run(shell, "echo top-$((1+1))")
    shell.wait_for("top-2")


def test_alt_and_a_quick_escape_reach_the_program(shell: Terminal, machine: Machine) -> None:
    run(shell, "cat -v")
    shell.wait_for("cat -v")
    shell.press("\x1bb", "enter")
    shell.wait_for(re.compile(r"┃\^\[b\s*┃"))
    shell.press("\x1b:", "enter")  # as Escape and a colon come when typed fast, or over a network
    shell.wait_for(re.compile(r"┃\^\[:\s*┃"))
    shell.press("\x1b[1;5C\x1b[15~\x1bOP", "enter")
    shell.wait_for("^[[1;5C^[[15~^[OP")
    shell.press("ctrl+c")
    shell.wait_for(re.compile(r"ready>\s*┃"))

    shell.burst("echo one three\x1bbtwo-\r")  # Alt-b goes back by a word
    shell.wait_for("one two-three")

    require("vi")
    shell.burst('vi -u NONE -c "set showmode" note.txt\r')
    shell.wait_for("note.txt")
    shell.burst("ifirst line\x1b:wq\r")
    note = machine.work / "note.txt"
    eventually(note.exists, what="the file")
    eventually(lambda: note.read_text() == "first line\n", what="its text")

    shell.burst("\x1b[200~pasted\x1b[201~")
    shell.wait_for("ready> pasted")
    shell.burst("\x1b\x1d")  # an escape for the shell, and out
    shell.wait_for("c create")


def test_a_burst_before_and_after_entering_goes_where_it_was_meant(
    shell: Terminal, machine: Machine
) -> None:
    shell.burst("echo in-$((1+1))\r\x1d")
    shell.wait_for("in-2")
    shell.wait_for("c create")
    shell.burst("\recho again-$((1+2))\r\x1d?snooze")  # enter it, type, leave it, ask for help
    shell.wait_for(lambda text: "Help" in text and "Put the item aside" in text)
    shell.burst("\x1b")
    shell.wait_for("again-3")
    assert set(machine.sessions()) == {"shell"}
