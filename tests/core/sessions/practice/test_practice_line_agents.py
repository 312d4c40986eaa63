"""Idler and flooder without a terminal."""

from __future__ import annotations

import re

import pytest

from quarterdeck.core.sessions.practice.editor import SECOND_PRESS
from quarterdeck.core.sessions.practice.keys import KeyDecoder
from quarterdeck.core.sessions.practice.line_agents import BURST, BURSTS, Flooder, Idler
from quarterdeck.core.sessions.practice.program import Program

SIZE = (80, 24)


def press(program: Program, data: str, now: float = 0) -> None:
    decoder = KeyDecoder()
    for key in decoder.feed(data.encode()) + decoder.flush():
        program.key(key, now)


def shown(program: Program, size: tuple[int, int] = SIZE) -> str:
    return re.sub(r"\x1b\[[0-9;]*[mK]", "", program.output(size))


@pytest.fixture
def idler() -> Idler:
    idler = Idler(7, "~/ship")
    assert "Practice idler · seed 7 · ~/ship" in shown(idler)
    return idler


def test_the_idler_says_a_line_again(idler: Idler) -> None:
    press(idler, "hello\r")
    assert shown(idler) == "\ridle> hello\r\nhello\r\nidle> "
    assert shown(idler) == ""


def test_an_empty_line_is_only_a_new_prompt(idler: Idler) -> None:
    press(idler, "\r")
    assert shown(idler) == "\ridle> \r\nidle> "


def test_a_long_text_shows_its_end_beside_the_prompt(idler: Idler) -> None:
    press(idler, "abcdefghij")
    assert shown(idler, (12, 5)) == "\ridle> fghij"
    idler.resized()
    assert shown(idler, (4, 5)) == "\ridle> j"


def test_the_idler_is_never_due_and_makes_no_turns(idler: Idler) -> None:
    idler.begin(None, 5)
    assert idler.due is None
    assert shown(idler) == ""
    idler.begin("hello", 0)
    assert "hello\r\nhello\r\n" in shown(idler)


def test_what_was_typed_cannot_draw(idler: Idler) -> None:
    press(idler, "\x1b[200~a\x1b[31mb\x07\x1b[201~", now=0)
    press(idler, "\r", now=1)
    assert idler.line == "a[31mb"


@pytest.mark.parametrize(("pause", "code"), [(SECOND_PRESS, 0), (SECOND_PRESS + 0.1, None)])
def test_ctrl_c_twice_leaves_if_in_time(idler: Idler, pause: float, code: int | None) -> None:
    press(idler, "abc\x03", now=1)
    assert "Press Ctrl-C again to leave\r\nidle> " in shown(idler)
    press(idler, "\x03", now=1 + pause)
    assert idler.exit_code == code


def test_leaving_by_word_and_by_end_of_input(idler: Idler) -> None:
    press(idler, "a\x04")
    assert idler.exit_code is None
    press(idler, "\x15\x04")
    assert idler.exit_code == 0
    other = Idler(7, "~")
    other.output(SIZE)
    assert other.farewell == "\r\n"
    press(other, "/exit\r")
    assert other.exit_code == 0
    assert shown(other) + other.farewell == "\ridle> /exit\r\n"


@pytest.fixture
def flooder() -> Flooder:
    flooder = Flooder(7, "~/ship", 0)
    flooder.begin(None, 1)
    assert "\x1b]0;Flooder - working\x1b\\" in flooder.output(SIZE)
    return flooder


def test_a_burst_is_bounded_and_made_of_whole_lines(flooder: Flooder) -> None:
    assert flooder.pouring
    for _ in range(BURSTS + 1):
        flooder.pour()
        burst = flooder.output(SIZE)
        assert 0 < len(burst) <= BURST
        assert burst.endswith("\r\n")
        assert "\x1b[" in burst


def test_without_a_pour_it_writes_nothing(flooder: Flooder) -> None:
    assert flooder.output(SIZE) == ""


def test_the_same_seed_floods_with_the_same_text() -> None:
    first, second, other = (Flooder(seed, "~", 0) for seed in (1, 1, 2))
    for flooder in (first, second, other):
        flooder.begin("", 0)
        flooder.pour()
    texts = [flooder.output(SIZE).partition("\r\n")[2] for flooder in (first, second, other)]
    assert texts[0] == texts[1] != texts[2]


@pytest.mark.parametrize("key", ["x", "\r", "\x03", "\x1b", "\x1b[A"])
def test_any_key_stops_the_flood(flooder: Flooder, key: str) -> None:
    press(flooder, key)
    assert not flooder.pouring
    assert flooder.exit_code is None
    output = flooder.output(SIZE)
    assert "\x1b]0;Flooder - ready\x1b\\" in output
    assert output.endswith("\x1b[1mflood> \x1b[0m")


def test_enter_starts_it_again_and_slash_exit_leaves(flooder: Flooder) -> None:
    press(flooder, " ")
    press(flooder, "\r")
    assert flooder.pouring
    press(flooder, " ")
    press(flooder, "/exit\r")
    assert not flooder.pouring
    assert flooder.exit_code == 0


def test_a_rate_spaces_the_bursts() -> None:
    flooder = Flooder(7, "~", 1000)
    flooder.begin(None, 1)
    assert not flooder.pouring
    flooder.output(SIZE)
    now, written = 0.0, 0
    while now < 60:
        assert flooder.due is not None
        now = max(now, flooder.due)
        flooder.tick(now)
        written += len(flooder.output(SIZE))
    assert written == pytest.approx(60_000, rel=0.05)
    press(flooder, "x")
    assert flooder.due is None


def test_it_waits_if_told_to_make_no_turn() -> None:
    flooder = Flooder(7, "~", 0)
    flooder.begin(None, 0)
    assert not flooder.pouring
    assert "Flooder - ready" in flooder.output(SIZE)
