"""Full-screen agents under virtual time: prompts, queue, interruption, turns of their own."""

from __future__ import annotations

import re

import pyte
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.core.sessions.practice.agent import CRASH_CODE, QUEUE_LIMIT, Agent
from quarterdeck.core.sessions.practice.dice import Dice, Pace
from quarterdeck.core.sessions.practice.editor import SECOND_PRESS
from quarterdeck.core.sessions.practice.keys import KeyDecoder
from quarterdeck.core.sessions.practice.phrases import STORIES

SIZE = (80, 60)


class Stage:
    """An agent with a clock that jumps to what is due next, and a terminal to look at."""

    def __init__(
        self, role: str = "worker", *, pace: str = "1", size: tuple[int, int] = SIZE
    ) -> None:
        self.agent = Agent(role, 7, Pace(pace, Dice(7)), "~/ship")
        self.now = 0.0
        self.size = size
        self.raw = ""
        self.screen = pyte.Screen(*size)
        self._stream = pyte.Stream(self.screen)

    def show(self) -> str:
        output = self.agent.output(self.size)
        self.raw += output
        self._stream.feed(output)
        return "\n".join(line.rstrip() for line in self.screen.display)

    def press(self, data: str) -> None:
        decoder = KeyDecoder()
        for key in decoder.feed(data.encode()) + decoder.flush():
            self.agent.key(key, self.now)

    def step(self) -> bool:
        """Jump to what is due next; False when nothing is."""
        due = self.agent.due
        if due is None or self.agent.exit_code is not None:
            return False
        self.now = max(self.now, due)
        self.agent.tick(self.now)
        return True

    def run(self, steps: int = 10_000) -> None:
        """Go on until nothing is due."""
        while steps and self.step():
            steps -= 1

    def states(self) -> list[str]:
        self.show()
        return re.findall(r"7501;state=([a-z]+)", self.raw)

    def titles(self) -> list[str]:
        self.show()
        return re.findall(r"\x1b\]0;([^\x1b]*)", self.raw)


def test_it_waits_for_a_prompt() -> None:
    stage = Stage()
    assert stage.agent.due is None
    screen = stage.show()
    assert "Practice worker" in screen
    assert "seed 7 · ~/ship" in screen
    assert "❯ Say what should be done" in screen
    assert stage.show() == screen


def test_a_turn_ends_and_the_next_may_begin() -> None:
    stage = Stage()
    for count in (1, 2):
        stage.press("go\r")
        stage.run()
        assert stage.states().count("done") == count
    assert stage.agent.exit_code is None


def test_an_empty_prompt_begins_nothing() -> None:
    stage = Stage()
    stage.press("   \r")
    assert stage.agent.due is None


def test_what_it_is_at_stands_above_the_box() -> None:
    stage = Stage()
    stage.press("go\r")
    assert "✻ Reading the request… (esc to interrupt)" in stage.show()
    stage.run()
    assert "esc to interrupt" not in stage.show()


def test_prompts_typed_meanwhile_queue_up_and_follow() -> None:
    stage = Stage(size=(80, 120))
    for prompt in ("first", "second", "third"):
        stage.press(f"{prompt}\r")
    assert "  Queued: second\n  Queued: third" in stage.show()
    stage.run()
    screen = stage.show()
    assert screen.index("› first") < screen.index("› second") < screen.index("› third")
    assert stage.states().count("done") == 3
    assert "Queued" not in screen


def test_the_queue_is_bounded() -> None:
    stage = Stage(size=(80, 100))
    for _ in range(QUEUE_LIMIT + 5):
        stage.press("again\r")
    assert stage.show().count("Queued: again") == QUEUE_LIMIT


@pytest.mark.parametrize("key", ["\x03", "\x1b"])
def test_an_interruption_ends_the_turn_and_empties_the_queue(key: str) -> None:
    stage = Stage()
    stage.press("first\r")
    stage.press("second\r")
    stage.step()
    stage.press(key)
    assert stage.agent.due is None
    assert "■ Interrupted" in stage.show()
    assert stage.states()[-1] == "idle"
    assert "second" not in stage.show()


def test_an_interrupted_turn_does_not_change_those_that_follow() -> None:
    whole, cut = Stage(size=(80, 200)), Stage(size=(80, 200))
    for stage in (whole, cut):
        stage.press("first\r")
        if stage is cut:
            stage.step()
            stage.press("\x1b")
        stage.run()
        stage.press("second\r")
        stage.run()
    after = [
        stage.show().partition("› second")[2].partition("✻ Finished")[0] for stage in (whole, cut)
    ]
    assert after[0] == after[1] != ""


def test_ctrl_c_twice_in_time_leaves() -> None:
    stage = Stage()
    stage.press("\x03")
    assert "Press Ctrl-C again to leave" in stage.show()
    stage.now += SECOND_PRESS
    stage.press("\x03")
    assert stage.agent.exit_code == 0
    assert stage.agent.farewell == "Practice worker left after 0 turns.\r\n"


def test_ctrl_c_twice_too_slowly_does_not_leave() -> None:
    stage = Stage()
    stage.press("\x03")
    stage.show()
    assert stage.agent.due == SECOND_PRESS
    stage.run()
    assert "Press Ctrl-C again" not in stage.show()
    stage.press("\x03")
    assert stage.agent.exit_code is None


@pytest.mark.parametrize("between", ["a", "\x1b[A"])
def test_another_key_between_two_ctrl_c_keeps_it(between: str) -> None:
    stage = Stage()
    for keys in ("\x03", between, "\x03"):
        stage.press(keys)
    assert stage.agent.exit_code is None


def test_ctrl_c_throws_a_half_typed_text_away() -> None:
    stage = Stage()
    stage.press("half")
    assert "❯ half" in stage.show()
    stage.press("\x03")
    assert "half" not in stage.show()


def test_ctrl_d_leaves_only_an_empty_box() -> None:
    stage = Stage()
    stage.press("a\x04")
    assert stage.agent.exit_code is None
    stage.press("\x7f\x04")
    assert stage.agent.exit_code == 0


def test_slash_exit_leaves_even_during_a_turn() -> None:
    stage = Stage()
    stage.press("go\r")
    stage.press("/exit\r")
    assert stage.agent.exit_code == 0
    assert stage.agent.farewell == "Practice worker left after 1 turn.\r\n"


def test_it_begins_with_a_prompt_and_goes_on_with_its_own() -> None:
    stage = Stage(size=(80, 300))
    stage.agent.begin("from outside", 3)
    stage.run()
    prompts = re.findall(r"^› (.*)$", stage.show(), re.MULTILINE)
    assert prompts[0] == "from outside"
    assert len(set(prompts)) == 3
    assert set(prompts[1:]) <= {story.prompt for story in STORIES}
    assert stage.agent.due is None


def test_a_prompt_alone_is_one_turn() -> None:
    stage = Stage()
    stage.agent.begin("from outside", 0)
    stage.run()
    assert stage.states().count("done") == 1


def test_its_own_turn_waits_while_somebody_types() -> None:
    stage = Stage()
    stage.agent.begin(None, 1)
    stage.press("half")
    for _ in range(5):
        stage.step()
    assert "›" not in stage.show()
    stage.press("\x15")
    stage.run()
    assert stage.states().count("done") == 1


def test_between_its_own_turns_it_rests() -> None:
    stage = Stage()
    stage.agent.begin(None, 2)
    while stage.states().count("done") < 1:
        stage.step()
    assert stage.agent.due == pytest.approx(stage.now + 4, abs=0.5)


def test_a_late_tick_catches_up() -> None:
    stage = Stage()
    stage.press("go\r")
    stage.agent.tick(1e6)
    assert stage.states()[-1] == "done"


def test_the_crasher_ends_with_its_code_and_its_last_words() -> None:
    stage = Stage("crasher")
    stage.agent.begin(None, 1)
    stage.run()
    assert stage.agent.crashed
    assert stage.agent.exit_code == CRASH_CODE
    assert stage.agent.farewell.startswith("Traceback (most recent call last):\r\n")
    assert "\n" not in stage.agent.farewell.replace("\r\n", "")


def test_the_limited_one_says_which_limit_and_takes_another_prompt() -> None:
    stage = Stage("limited")
    stage.press("go\r")
    stage.run()
    assert stage.states()[-1] == "error"
    assert not stage.agent.crashed
    stage.press("again\r")
    assert stage.states()[-1] == "working"


def test_the_approver_speaks_by_its_title_alone() -> None:
    stage = Stage("approver")
    stage.press("go\r")
    stage.run()
    assert stage.titles()[-1] == "Approver - waiting"
    assert stage.agent.due is None
    stage.press("2")
    assert stage.titles()[-1] == "Approver - working"
    stage.run()
    assert stage.titles()[-1] == "Approver - ready"
    assert stage.titles()[0] == "Approver - ready"
    assert stage.states() == []


def test_keys_of_the_box_do_nothing_while_a_dialog_is_open() -> None:
    stage = Stage("approver")
    stage.press("go\r")
    stage.run()
    stage.press("\x04")
    stage.press("/exit")
    assert stage.agent.exit_code is None
    assert stage.show().endswith("Enter to select · Esc to reject")


def test_the_asker_reports_what_it_is_blocked_by_and_goes_on() -> None:
    stage = Stage("asker")
    stage.press("go\r")
    stage.run()
    assert stage.states() == ["idle", "working", "blocked"]
    assert "state=blocked:kind=question:msg=" in stage.raw
    stage.press("1")
    assert stage.states()[-1] == "working"


@given(
    st.sampled_from(["worker", "approver", "asker"]),
    st.lists(st.sampled_from(["go\r", "1", "2", "3", "\x1b", "\x1b[B", "\r", "\x7f", "tick", "x"])),
    st.integers(1, 120),
    st.integers(1, 50),
)
def test_no_keys_and_no_size_break_it(role: str, keys: list[str], cols: int, lines: int) -> None:
    stage = Stage(role, size=(cols, lines))
    for key in keys:
        if key == "tick":
            stage.step()
        else:
            stage.press(key)
        stage.show()
        assert 0 <= stage.screen.cursor.x <= cols
        assert 0 <= stage.screen.cursor.y < lines
    assert stage.agent.exit_code is None
