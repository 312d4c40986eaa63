"""Device queries: one answer each, in order, and nothing else."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from quarterdeck.core.sessions.terminal.port import Emulator
from quarterdeck.core.sessions.terminal.queries import (
    MAX_REPLIES,
    XTERM_PALETTE,
    CellSize,
    Colours,
    ReplyBuffer,
    colour_scheme,
)

Open = Callable[..., Emulator]

ANSWERS = {
    "DA1": ("\x1b[c", "\x1b[?62;22c"),
    "DA1 with a zero": ("\x1b[0c", "\x1b[?62;22c"),
    "DA1 with another number": ("\x1b[1c", ""),
    "DA2": ("\x1b[>c", "\x1b[>1;10;0c"),
    "DA3": ("\x1b[=c", "\x1bP!|00000000\x1b\\"),
    "DSR": ("\x1b[5n", "\x1b[0n"),
    "an unknown DSR": ("\x1b[99n", ""),
    "CPR": ("ab\x1b[6n", "\x1b[1;3R"),
    "DECXCPR": ("ab\r\nc\x1b[?6n", "\x1b[?2;2R"),
    "CPR in origin mode": ("\x1b[2;4r\x1b[?6h\x1b[2;3H\x1b[6n", "\x1b[2;3R"),
    "CPR in a pending wrap": ("a" * 20 + "\x1b[6n", "\x1b[1;20R"),
    "colour scheme": ("\x1b[?996n", "\x1b[?997;1n"),
    "another private DSR": ("\x1b[?15n", ""),
    "XTVERSION": ("\x1b[>q", "\x1bP>|quarterdeck\x1b\\"),
    "XTVERSION with a zero": ("\x1b[>0q", "\x1bP>|quarterdeck\x1b\\"),
    "kitty keyboard": ("\x1b[?u", "\x1b[?0u"),
    "kitty keyboard in use": ("\x1b[>1u\x1b[?u", "\x1b[?1u"),
    "text area in pixels": ("\x1b[14t", "\x1b[4;100;200t"),
    "cell in pixels": ("\x1b[16t", "\x1b[6;20;10t"),
    "text area in cells": ("\x1b[18t", "\x1b[8;5;20t"),
    "window operations that are none": ("\x1b[8;40;100t\x1b[2t\x1b[21t", ""),
    "DECRQM, synchronized output": ("\x1b[?2026$p", "\x1b[?2026;2$y"),
    "DECRQM, synchronized output in use": ("\x1b[?2026h\x1b[?2026$p", "\x1b[?2026;1$y"),
    "DECRQM, bracketed paste": ("\x1b[?2004$p\x1b[?2004h\x1b[?2004$p", "\x1b[?2004;2$y\x1b[?2004;1$y"),
    "DECRQM, autowrap": ("\x1b[?7$p", "\x1b[?7;1$y"),
    "DECRQM, cursor": ("\x1b[?25$p\x1b[?25l\x1b[?25$p", "\x1b[?25;1$y\x1b[?25;2$y"),
    "DECRQM, alternate screen": ("\x1b[?1049h\x1b[?1049$p\x1b[?47$p", "\x1b[?1049;1$y\x1b[?47;1$y"),
    "DECRQM, mouse": (
        "\x1b[?1000h\x1b[?1003h\x1b[?1000$p\x1b[?1003$p\x1b[?1006$p",
        "\x1b[?1000;2$y\x1b[?1003;1$y\x1b[?1006;2$y",
    ),
    "DECRQM, unknown": ("\x1b[?1016$p\x1b[?2027$p\x1b[?$p", "\x1b[?1016;0$y\x1b[?2027;0$y\x1b[?0;0$y"),
    "DECRQM, ANSI": ("\x1b[4h\x1b[4$p\x1b[20$p\x1b[2$p", "\x1b[4;1$y\x1b[20;2$y\x1b[2;0$y"),
    "foreground": ("\x1b]10;?\x1b\\", "\x1b]10;rgb:e5e5/e5e5/e5e5\x1b\\"),
    "background, ended by BEL": ("\x1b]11;?\x07", "\x1b]11;rgb:1212/1212/1212\x07"),
    "three colours at once": (
        "\x1b]10;?;?;?\x07",
        "\x1b]10;rgb:e5e5/e5e5/e5e5\x07\x1b]11;rgb:1212/1212/1212\x07\x1b]12;rgb:e5e5/e5e5/e5e5\x07",
    ),
    "setting colours is not asking": ("\x1b]10;#ffffff\x07\x1b]11;rgb:0/0/0\x07\x1b]4;1;red\x07", ""),
    "colours beyond": ("\x1b]12;?;?\x07", "\x1b]12;rgb:e5e5/e5e5/e5e5\x07"),
    "palette": (
        "\x1b]4;1;?;196;?\x07",
        "\x1b]4;1;rgb:cdcd/0000/0000\x07\x1b]4;196;rgb:ffff/0000/0000\x07",
    ),
    "palette beyond": ("\x1b]4;256;?;x;?;-1;?;²;?\x07", ""),
    "program status": ("\x1b]7501;?\x1b\\", "\x1b]7501;?\x1b\\"),
    "program status, ended by BEL": ("\x1b]7501;?\x07", "\x1b]7501;?\x07"),
    "notifications": ("\x1b]99;i=a1:p=?;\x1b\\", "\x1b]99;i=a1:p=?;p=title,body\x1b\\"),
    "notifications with a strange id": ("\x1b]99;i=a\u00e9:p=?;\x1b\\\x1b]99;p=?;\x1b\\", ""),
    "capabilities": ("\x1bP+q544e\x1b\\", "\x1bP0+r\x1b\\"),
    "settings": ("\x1bP$qm\x1b\\", "\x1bP0$r\x1b\\"),
    "other device strings": ("\x1bPq#0\x1b\\\x1bP1$r0m\x1b\\", ""),
    "kitty graphics": ("\x1b_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\", ""),
    "answerback": ("\x05", ""),
    "clipboard": ("\x1b]52;c;?\x07", ""),
    "in order": ("\x1b[c\x1b[6n\x1b[>q\x1b[5n", "\x1b[?62;22c\x1b[1;1R\x1bP>|quarterdeck\x1b\\\x1b[0n"),
}  # fmt: skip


@pytest.mark.parametrize("name", ANSWERS)
def test_answer(terminal: Open, name: str) -> None:
    asked, answer = ANSWERS[name]
    emulator = terminal(asked)
    assert emulator.take_replies() == answer.encode()
    assert emulator.take_replies() == b""


@pytest.mark.parametrize("name", ANSWERS)
def test_muted(terminal: Open, name: str) -> None:
    emulator = terminal()
    with emulator.mute():
        emulator.feed(ANSWERS[name][0].encode())
    assert emulator.take_replies() == b""


def test_muting_nests_and_ends(terminal: Open) -> None:
    emulator = terminal()
    with emulator.mute():
        with emulator.mute():
            emulator.feed(b"\x1b[c")
        emulator.feed(b"\x1b[c")
    emulator.feed(b"\x1b[5n")
    assert emulator.take_replies() == b"\x1b[0n"


def test_nothing_of_a_question_is_shown(terminal: Open) -> None:
    asked = "".join(
        question for question, _ in ANSWERS.values() if question.startswith(("\x1b]", "\x1bP"))
    )
    assert terminal(asked).lines() == [""] * 5


def test_colours_are_those_of_the_theme(terminal: Open) -> None:
    colours = Colours(foreground=(0, 0, 0), background=(250, 251, 252), palette=[(1, 2, 3)])
    emulator = terminal("\x1b]11;?\x07\x1b[?996n\x1b]4;0;?;1;?\x07", colours=colours)
    assert emulator.take_replies() == (
        b"\x1b]11;rgb:fafa/fbfb/fcfc\x07\x1b[?997;2n\x1b]4;0;rgb:0101/0202/0303\x07"
    )
    assert colour_scheme(Colours()) == b"\x1b[?997;1n"


def test_cells_have_the_size_that_is_told(terminal: Open) -> None:
    emulator = terminal("\x1b[16t\x1b[14t", cell=CellSize(9, 18))
    assert emulator.take_replies() == b"\x1b[6;18;9t\x1b[4;90;180t"


def test_the_size_is_the_present_one(terminal: Open) -> None:
    emulator = terminal()
    emulator.resize(100, 30)
    emulator.feed(b"\x1b[18t")
    assert emulator.take_replies() == b"\x1b[8;30;100t"


def test_a_flood_of_questions_is_bounded(terminal: Open) -> None:
    emulator = terminal()
    for _ in range(3):
        emulator.feed(b"\x1b]4;1;?\x07" * 1000)
    assert len(emulator.take_replies()) <= MAX_REPLIES
    emulator.feed(b"\x1b[5n")
    assert emulator.take_replies() == b"\x1b[0n"


def test_what_does_not_fit_is_counted() -> None:
    buffer = ReplyBuffer(limit=4)
    buffer.put(b"abc")
    buffer.put(b"de")
    assert buffer.dropped == 1
    assert buffer.take() == b"abc"


def test_the_palette_is_xterms() -> None:
    assert len(XTERM_PALETTE) == 256
    assert XTERM_PALETTE[16] == (0, 0, 0)
    assert XTERM_PALETTE[231] == (255, 255, 255)
    assert XTERM_PALETTE[232] == (8, 8, 8)
    assert XTERM_PALETTE[255] == (238, 238, 238)
