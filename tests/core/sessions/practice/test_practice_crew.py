"""The practice crew as it runs: real processes in real terminals."""

from __future__ import annotations

import signal
import subprocess
import sys
import termios
from typing import TYPE_CHECKING

import pytest

from quarterdeck.core.sessions.practice import ROLES, crew_path

if TYPE_CHECKING:
    from tests.core.sessions.practice.conftest import MakePerson, Person

CTRL_C = "\x03"
ESC = "\x1b"
DOWN = "\x1b[B"


def paste(text: str) -> str:
    return f"\x1b[200~{text}\x1b[201~"


# ---- all roles -----------------------------------------------------------------------------


FULL_SCREEN = ("worker", "approver", "asker")


@pytest.mark.parametrize("role", [*FULL_SCREEN, "idler"])
def test_slash_exit_leaves_with_0_and_a_restored_terminal(
    at_terminal: MakePerson, role: str
) -> None:
    person = at_terminal(role)
    person.wait_for("touches no file")
    assert termios.tcgetattr(person.slave) != person.before
    person.type("/exit\r")
    assert person.leave() == 0
    assert termios.tcgetattr(person.slave) == person.before
    assert "\x1b[?2004l\x1b[?25h" in person.raw
    assert ("\x1b[?1049l" in person.raw) is (role in FULL_SCREEN)


@pytest.mark.parametrize("role", [*FULL_SCREEN, "idler"])
def test_ctrl_c_twice_leaves_with_0(at_terminal: MakePerson, role: str) -> None:
    person = at_terminal(role)
    person.wait_for("touches no file")
    person.type(CTRL_C)
    person.wait_for("Press Ctrl-C again to leave")
    person.type(CTRL_C)
    assert person.leave() == 0


@pytest.mark.parametrize("role", [*FULL_SCREEN, "idler"])
def test_end_of_input_leaves_with_0(at_terminal: MakePerson, role: str) -> None:
    person = at_terminal(role)
    person.wait_for("touches no file")
    person.type("\x04")
    assert person.leave() == 0


@pytest.mark.parametrize("role", [*FULL_SCREEN, "flooder", "idler"])
def test_sigterm_leaves_with_143_and_a_restored_terminal(
    at_terminal: MakePerson, role: str
) -> None:
    person = at_terminal(role)
    person.wait(lambda: "\x1b[?2004h" in person.raw)
    person.process.send_signal(signal.SIGTERM)
    assert person.leave() == 143
    assert termios.tcgetattr(person.slave) == person.before


@pytest.mark.parametrize("role", ["worker", "flooder", "idler"])
def test_a_terminal_that_is_closed_ends_it_with_0(at_terminal: MakePerson, role: str) -> None:
    person = at_terminal(role)
    person.wait(lambda: "\x1b[?2004h" in person.raw)
    person.hang_up()
    assert person.process.wait(timeout=60) == 0


def test_a_flooder_that_nobody_reads_can_be_ended(at_terminal: MakePerson) -> None:
    person = at_terminal("flooder")
    person.wait(lambda: "Flooder - working" in person.raw)
    # It has filled the terminal's buffer by now or will; either way its end doesn't wait for us.
    person.process.send_signal(signal.SIGTERM)
    assert person.process.wait(timeout=60) == 143


@pytest.mark.parametrize("role", [*FULL_SCREEN, "idler"])
def test_bracketed_paste_is_asked_for(at_terminal: MakePerson, role: str) -> None:
    person = at_terminal(role)
    person.wait_for("touches no file")
    assert person.raw.startswith("\x1b[?2004h")


@pytest.mark.parametrize("role", FULL_SCREEN)
def test_a_resize_paints_the_screen_again(at_terminal: MakePerson, role: str) -> None:
    person = at_terminal(role)
    person.wait_for("/exit leaves")
    person.resize(100, 30)
    person.wait(lambda: "─" * 100 in person.look())
    assert person.last_lines(1) == [
        "  enter sends · ctrl+j new line · ctrl+c interrupts · /exit leaves"
    ]
    person.resize(40, 10)
    person.wait(lambda: person.look().count("─" * 40) == 2)
    assert person.last_lines(3)[0] == "❯ Say what should be done"


def test_it_runs_alone_isolated_and_without_site() -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-X", "importtime", str(crew_path()), "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("usage: crew.py")
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    slow = {"argparse", "asyncio", "dataclasses", "random", "re", "subprocess", "typing", "pathlib"}
    assert loaded & slow == set()


def test_every_role_is_known_to_the_command_line() -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(crew_path()), "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    for role in ROLES:
        assert f" {role} " in done.stdout


def test_without_a_terminal_it_says_so_in_one_line() -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(crew_path()), "--role", "worker"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "crew.py: a practice agent needs a terminal\n"


# ---- worker --------------------------------------------------------------------------------


def test_the_worker_works_on_a_prompt_and_reports_how_it_stands(at_terminal: MakePerson) -> None:
    person = at_terminal("worker", lines=50)
    person.wait_for("Say what should be done")
    assert person.states() == ["idle"]
    person.type("fix the login\r")
    person.wait_for("✻ Finished in")
    assert person.states() == ["idle", "working", "done"]
    assert "› fix the login" in person.look()
    working = [report for report in person.reports() if report["state"] == "working"]
    progress = [int(report["progress"]) for report in working]
    assert progress == sorted(progress)
    assert progress[0] == 0
    assert working[0]["msg"] == "reading the request"
    assert working[-1]["msg"] == "running the tests"
    assert person.titles() == ["Worker"]


def test_the_worker_answers_no_query_and_asks_none(at_terminal: MakePerson) -> None:
    person = at_terminal("worker", lines=60)
    person.wait_for("Say what should be done")
    person.type("\x1b]7501;?\x1b\\\x1b[?62;22c\x1b[1;1R")
    person.type("go\r")
    person.wait_for("✻ Finished in")
    assert "7501;?" not in person.raw
    assert "› go\n" in person.look()


def test_ctrl_c_interrupts_a_turn_and_does_not_count_for_leaving(at_terminal: MakePerson) -> None:
    person = at_terminal("worker", "--pace", "0.5", "--prompt", "take your time")
    person.wait_for("esc to interrupt")
    person.type(CTRL_C)
    person.wait_for("■ Interrupted")
    assert person.states() == ["idle", "working", "idle"]
    person.type(CTRL_C)
    person.wait_for("Press Ctrl-C again to leave")
    assert person.process.poll() is None


def test_an_outside_sigint_is_a_ctrl_c(at_terminal: MakePerson) -> None:
    person = at_terminal("worker", "--pace", "0.5", "--prompt", "take your time")
    person.wait_for("esc to interrupt")
    person.process.send_signal(signal.SIGINT)
    person.wait_for("■ Interrupted")


def test_esc_interrupts_a_turn(at_terminal: MakePerson) -> None:
    person = at_terminal("worker", "--pace", "0.5", "--prompt", "take your time")
    person.wait_for("esc to interrupt")
    person.type(ESC)
    person.wait_for("■ Interrupted")


def test_enter_in_the_same_write_as_a_paste_is_text(at_terminal: MakePerson) -> None:
    person = at_terminal("worker")
    person.wait_for("Say what should be done")
    person.type(paste("first line") + "\r")
    person.wait_for("❯ first line")
    person.type("second line")
    person.wait_for("  second line")
    assert person.states() == ["idle"]


def test_enter_on_its_own_submits_a_paste_of_several_lines(at_terminal: MakePerson) -> None:
    person = at_terminal("worker", lines=50)
    person.wait_for("Say what should be done")
    person.type(paste("one\ntwo"))
    person.wait_for("  two")
    while person.read_some(0.2):  # the pause that a careful sender makes
        pass
    person.type("\r")
    person.wait_for("✻ Finished in")
    assert "› one\n  two\n" in person.look()


def test_turns_start_by_themselves(at_terminal: MakePerson) -> None:
    person = at_terminal("worker", "--turns", "3")
    person.wait(lambda: [report["state"] for report in person.reports()].count("done") == 3)
    person.type("/exit\r")
    assert person.leave() == 0
    assert "Practice worker left after 3 turns." in person.look()


def everything_said(person: Person) -> tuple[str, list[dict[str, str]], list[str]]:
    person.wait(lambda: [report["state"] for report in person.reports()].count("done") == 2)
    person.wait_for("✻ Finished in")
    return person.look(), person.reports(), person.titles()


def test_the_same_seed_gives_the_same_screen_and_reports(at_terminal: MakePerson) -> None:
    first = everything_said(at_terminal("worker", "--turns", "2", lines=100))
    second = everything_said(at_terminal("worker", "--turns", "2", lines=100))
    other = everything_said(at_terminal("worker", "--turns", "2", "--seed", "8", lines=100))
    assert first == second
    assert first[0] != other[0]


# ---- approver ------------------------------------------------------------------------------


def dialog(person: Person) -> list[str]:
    person.wait(lambda: person.last_lines(1) == ["Enter to select · Esc to reject"])
    return person.last_lines(6)


def test_the_approver_shows_its_dialog_to_the_letter(at_terminal: MakePerson) -> None:
    person = at_terminal("approver", "--prompt", "set it up")
    lines = dialog(person)
    assert lines[0] == " Run this command?"
    assert lines[1].startswith("   $ ")
    assert lines[2:] == [
        "❯ 1. Yes, once",
        "  2. Yes, always",
        "  3. No",
        "Enter to select · Esc to reject",
    ]
    assert person.titles()[0] == "Approver - ready"
    assert person.titles()[-1] == "Approver - waiting"
    assert "Approver - working" in person.titles()
    assert person.reports() == []


def answer_all(person: Person, keys: str) -> tuple[list[str], list[str]]:
    """Answer each dialog of a turn with ``keys``: the commands asked for, and the screen after."""
    asked: list[str] = []
    titles = 0
    while True:
        person.wait(lambda before=titles: len(person.titles()) > before + 1)  # type: ignore[misc]  # a default binds the count
        person.wait(lambda: person.titles()[-1] in {"Approver - waiting", "Approver - ready"})
        titles = len(person.titles())
        if person.titles()[-1] == "Approver - ready":
            person.wait_for("✻ Finished in")
            return asked, person.look().split("\n")
        asked.append(dialog(person)[1].removeprefix("   $ "))
        person.type(keys)


@pytest.mark.parametrize("keys", ["1", "\r", DOWN * 3 + "\r"])
def test_yes_once_runs_each_command(at_terminal: MakePerson, keys: str) -> None:
    person = at_terminal("approver", "--prompt", "set it up", lines=60)
    asked, screen = answer_all(person, keys)
    assert len(asked) > 1
    for command in asked:
        assert f"● Ran: {command}" in screen


@pytest.mark.parametrize("keys", ["3", ESC, DOWN + DOWN + "\r", "\x1b[A\r", "\x1bOA\r"])
def test_no_skips_each_command_and_goes_on(at_terminal: MakePerson, keys: str) -> None:
    person = at_terminal("approver", "--prompt", "set it up", lines=60)
    asked, screen = answer_all(person, keys)
    assert len(asked) > 1
    for command in asked:
        assert f"● Skipped: {command}" in screen


@pytest.mark.parametrize("keys", ["2", DOWN + "\r"])
def test_yes_always_holds_for_the_rest_of_the_turn_only(at_terminal: MakePerson, keys: str) -> None:
    person = at_terminal("approver", "--prompt", "set it up", lines=60)
    asked, screen = answer_all(person, keys)
    assert len(asked) == 1
    assert sum(line.startswith("● Ran: ") for line in screen) > 1
    person.type("and again\r")
    person.wait(lambda: person.titles()[-1] == "Approver - waiting")


def test_ctrl_c_in_a_dialog_gives_the_turn_up(at_terminal: MakePerson) -> None:
    person = at_terminal("approver", "--prompt", "set it up")
    dialog(person)
    person.type(CTRL_C)
    person.wait_for("■ Interrupted")
    assert person.titles()[-1] == "Approver - ready"
    assert "Run this command?" not in person.look()


def test_text_for_the_input_box_does_not_answer_a_dialog(at_terminal: MakePerson) -> None:
    person = at_terminal("approver", "--prompt", "set it up")
    before = dialog(person)
    person.type("please use yarn")
    person.type(paste("2"))
    person.type(DOWN)
    person.wait_for("❯ 2. Yes, always")
    assert dialog(person)[1] == before[1]
    assert person.titles()[-1] == "Approver - waiting"


# ---- asker ---------------------------------------------------------------------------------


def question(person: Person) -> str:
    person.wait(lambda: person.last_lines(1) == ["Enter to answer · Esc to skip"])
    (line,) = [row for row in person.look().split("\n") if row.startswith("Question: ")]
    return line.removeprefix("Question: ")


def test_the_asker_shows_its_question_and_reports_it(at_terminal: MakePerson) -> None:
    person = at_terminal("asker", "--prompt", "go")
    text = question(person)
    options = person.look().split("\n")
    options = options[options.index(f"Question: {text}") + 1 : -1]
    assert options[0].startswith("❯ 1. ")
    assert options[1].startswith("  2. ")
    assert options[-1] == f"  {len(options)}. Type something"
    assert person.reports()[-1] == {"state": "blocked", "kind": "question", "msg": text}


def test_a_digit_answers_and_the_turn_goes_on(at_terminal: MakePerson) -> None:
    person = at_terminal("asker", "--prompt", "go", lines=60)
    text = question(person)
    (option,) = [row[5:] for row in person.look().split("\n") if row.startswith("  2. ")]
    person.type("2")
    person.wait_for(f"● Asked: {text}")
    person.wait_for(f"⎿  {option}")
    assert "working" in [report["state"] for report in person.reports()][-3:]


def test_esc_skips_a_question(at_terminal: MakePerson) -> None:
    person = at_terminal("asker", "--prompt", "go", lines=60)
    question(person)
    person.type(ESC)
    person.wait_for("⎿  skipped")


@pytest.mark.parametrize("pasted", [False, True])
def test_type_something_takes_free_text(at_terminal: MakePerson, *, pasted: bool) -> None:
    person = at_terminal("asker", "--prompt", "go", lines=60)
    question(person)
    last = len([row for row in person.look().split("\n") if row[3:5] == ". "])
    person.type(str(last))
    person.wait(lambda: "Type something" not in person.look())
    person.type(paste("2 shades of teal") if pasted else "2 shades of teal")
    person.wait_for(f"❯ {last}. 2 shades of teal")
    person.type("\r")
    person.wait_for("⎿  2 shades of teal")


# ---- crasher -------------------------------------------------------------------------------


def test_the_crasher_dies_with_3_and_a_traceback(at_terminal: MakePerson) -> None:
    person = at_terminal("crasher")
    assert person.leave() == 3
    assert person.states() == ["idle", "working"]
    assert "Traceback (most recent call last):" in person.look()
    assert person.raw.rstrip().endswith("the scripted crash of the practice crasher")
    assert termios.tcgetattr(person.slave) == person.before


def test_the_crasher_dies_of_a_signal_if_asked_to(at_terminal: MakePerson) -> None:
    person = at_terminal("crasher", "--signal")
    assert person.leave() == -signal.SIGABRT


def test_a_crasher_may_wait_for_a_prompt(at_terminal: MakePerson) -> None:
    person = at_terminal("crasher", "--turns", "0")
    person.wait_for("Say what should be done")
    person.type("go on\r")
    assert person.leave() == 3


# ---- flooder -------------------------------------------------------------------------------


def test_the_flooder_floods_until_a_key_and_again_at_enter(at_terminal: MakePerson) -> None:
    person = at_terminal("flooder")
    person.wait(lambda: len(person.raw) > 50_000)
    assert person.titles() == ["Flooder - working"]
    person.type(" ")
    person.wait(lambda: person.titles()[-1] == "Flooder - ready")
    person.wait(lambda: person.last_lines(1) == ["flood>"])
    person.type("\r")
    person.wait(lambda: person.titles()[-1] == "Flooder - working")
    size = len(person.raw)
    person.wait(lambda: len(person.raw) > size + 20_000)
    person.type(CTRL_C)
    person.wait(lambda: person.titles()[-1] == "Flooder - ready")
    person.wait(lambda: person.last_lines(1) == ["flood>"])
    person.type("/exit\r")
    assert person.leave() == 0


@pytest.mark.parametrize("key", [ESC, DOWN, "x"])
def test_any_key_stops_the_flood_of_an_open_tap(at_terminal: MakePerson, key: str) -> None:
    person = at_terminal("flooder")
    person.wait(lambda: len(person.raw) > 10_000)
    person.type(key)
    person.wait(lambda: person.titles()[-1] == "Flooder - ready")
    person.wait(lambda: person.last_lines(1) == ["flood>"])


def test_its_rate_bounds_what_it_writes(at_terminal: MakePerson) -> None:
    person = at_terminal("flooder", "--rate", "100000")
    person.wait(lambda: person.raw.count("\n") > 100)
    person.type(" ")
    person.wait(lambda: person.titles()[-1] == "Flooder - ready")


def test_a_flooder_may_wait(at_terminal: MakePerson) -> None:
    person = at_terminal("flooder", "--turns", "0")
    person.wait_for("flood>")
    assert person.titles() == ["Flooder - ready"]


# ---- idler ---------------------------------------------------------------------------------


def test_the_idler_echoes_lines(at_terminal: MakePerson) -> None:
    person = at_terminal("idler")
    person.wait_for("idle>")
    person.type("hello\r")
    person.wait_for("idle> hello\nhello\nidle>")
    person.type("wrong\x7f\x7f")
    person.wait_for("idle> wro")
    person.type("\x15right\r")
    person.wait_for("idle> right\nright\nidle>")
    assert person.titles() == []
    assert person.reports() == []


def test_the_idler_takes_a_paste_of_several_lines(at_terminal: MakePerson) -> None:
    person = at_terminal("idler", "--prompt", "begin")
    person.wait_for("idle> begin\nbegin\nidle>")
    person.type(paste("a\nb"))
    person.wait_for("idle> a⏎b")
    while person.read_some(0.2):  # the pause that a careful sender makes
        pass
    person.type("\r")
    person.wait_for("idle> a\nb\na\nb\nidle>")


def test_the_idler_paints_its_prompt_again_at_a_resize(at_terminal: MakePerson) -> None:
    person = at_terminal("idler")
    person.wait_for("idle>")
    person.type("half a line")
    person.wait_for("idle> half a line")
    prompts = person.raw.count("idle> ")
    person.resize(20, 24)
    person.wait_for_count("idle> ", prompts + 1)


def test_a_worker_writes_nothing_while_nothing_happens(at_terminal: MakePerson) -> None:
    person = at_terminal("worker")
    person.wait_for("Say what should be done")
    while person.read_some(0.1):
        pass
    assert not person.read_some(0.3)
    assert person.process.poll() is None
