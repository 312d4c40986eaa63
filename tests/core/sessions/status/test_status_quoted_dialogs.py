"""Text that only looks like a dialog: quoted in a transcript, typed into the box, shown by a pager."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from quarterdeck.core.protocol.status import Activity
from quarterdeck.core.sessions.agents.definition import AgentDefinition
from quarterdeck.core.sessions.agents.rules import WAITING
from quarterdeck.core.sessions.status.check import Recording, check_screen

SCREENS = Path(__file__).parents[3] / "recordings" / "screens"
DIALOG_WORDS = ("permission", "question", "trust", "apikey", "auth", "api")


def dialogs_of(agent: str) -> list[str]:
    files = [*SCREENS.glob(f"{agent}-*.txt"), *SCREENS.glob(f"synthetic/{agent}-*.txt")]
    return sorted(path.stem for path in files if path.stem.split("-")[1] in DIALOG_WORDS)


def last_index(lines: Iterable[str], test: Callable[[str], bool]) -> int:
    return max(number for number, line in enumerate(lines) if test(line))


def box_start(agent: str, lines: tuple[str, ...]) -> int:
    """Where the input box begins on a screen that shows one."""
    if agent == "claude":
        lower = last_index(lines, lambda line: line.startswith("────"))
        return last_index(lines[:lower], lambda line: line.startswith("────"))
    if agent == "codex":
        return last_index(lines, lambda line: line.startswith("› "))
    if agent == "gemini":
        return last_index(lines, lambda line: line.startswith("────")) - 1
    if agent == "opencode":
        return last_index(lines, lambda line: line.lstrip().startswith("╹▀")) - 4
    return last_index(lines, lambda line: line.startswith("────"))


RESTING = {
    "claude": "claude-finished",
    "codex": "codex-finished",
    "gemini": "gemini-finished",
    "opencode": "opencode-finished",
    "aider": "aider-finished",
}
CASES = [(agent, stem) for agent in RESTING for stem in dialogs_of(agent)]


@pytest.mark.parametrize(
    "prefix", ["", "  ", "  ⎿  ", "> "], ids=["plain", "indented", "tool", "quote"]
)
@pytest.mark.parametrize(("agent", "stem"), CASES, ids=[stem for _, stem in CASES])
def test_dialog_quoted_in_the_transcript_is_none(
    agent: str,
    stem: str,
    prefix: str,
    agents: dict[str, AgentDefinition],
    recording: Callable[[str], Recording],
) -> None:
    resting, dialog = recording(RESTING[agent]), recording(stem)
    at = box_start(agent, resting.lines)
    quoted = tuple(prefix + line for line in dialog.lines if line.strip())
    lines = (*resting.lines[:at], *quoted, "", "That is what it asked.", *resting.lines[at:])
    explanation = check_screen(agents[agent], resting.title, lines)
    assert explanation.status.activity not in WAITING, explanation.winner


@pytest.mark.parametrize(("agent", "stem"), CASES, ids=[stem for _, stem in CASES])
def test_dialog_right_above_the_box_is_none(
    agent: str,
    stem: str,
    agents: dict[str, AgentDefinition],
    recording: Callable[[str], Recording],
) -> None:
    """As when an agent prints a file that holds a screen, and that is all it prints."""
    resting, dialog = recording(RESTING[agent]), recording(stem)
    at = box_start(agent, resting.lines)
    quoted = tuple(line for line in dialog.lines if line.strip())
    lines = (*resting.lines[:at], *quoted, *resting.lines[at:])
    assert check_screen(agents[agent], "", lines).status.activity not in WAITING


PHRASES = (
    "Do you want to proceed?",
    "1. Yes",
    "2. No",
    "Would you like to run the following command?",
    "Allow execution of [Shell]?",
    "△ Permission required",
    "esc to interrupt",
    "Waiting for openai/gpt",
    "(esc to cancel, 3s)",
    "Esc to cancel · Tab to amend",
    "Press enter to confirm or esc to cancel",
    "enter confirm",
    "Create new file? (Y)es/(N)o [Yes]:",
)


def typed(agent: str, lines: tuple[str, ...], words: tuple[str, ...]) -> tuple[str, ...]:
    """The screen with ``words`` typed into its box, a line each."""
    at = box_start(agent, lines)
    if agent == "claude":
        body = [f"❯ {words[0]}", *(f"  {word}" for word in words[1:])]
        return (*lines[: at + 1], *body, *lines[at + 2 :])
    if agent == "codex":
        body = [f"› {words[0]}", *(f"  {word}" for word in words[1:])]
        return (*lines[:at], *body, *lines[at + 1 :])
    if agent == "gemini":
        at = last_index(lines, lambda line: line.startswith(" >   Type"))
        body = [f" > {words[0]}", *(f"   {word}" for word in words[1:])]
        return (*lines[:at], *body, *lines[at + 1 :])
    if agent == "opencode":
        return (*lines[: at + 1], *(f"  ┃  {word}" for word in words), *lines[at + 1 :])
    at = last_index(lines, lambda line: line.startswith("diff>"))
    return (*lines[:at], f"diff> {' '.join(words)}", *lines[at + 1 :])


@pytest.mark.parametrize("agent", RESTING)
@pytest.mark.parametrize("phrase", PHRASES)
def test_phrase_typed_into_the_box_changes_nothing(
    agent: str,
    phrase: str,
    agents: dict[str, AgentDefinition],
    recording: Callable[[str], Recording],
) -> None:
    resting = recording(RESTING[agent])
    lines = typed(agent, resting.lines, (phrase,))
    activity = check_screen(agents[agent], "", lines).status.activity
    assert activity in {Activity.IDLE, Activity.TURN_DONE}


@pytest.mark.parametrize("agent", RESTING)
def test_whole_dialog_typed_into_the_box_changes_nothing(
    agent: str, agents: dict[str, AgentDefinition], recording: Callable[[str], Recording]
) -> None:
    resting = recording(RESTING[agent])
    lines = typed(agent, resting.lines, PHRASES)
    activity = check_screen(agents[agent], "", lines).status.activity
    assert activity in {Activity.IDLE, Activity.TURN_DONE}


@pytest.mark.parametrize("agent", ["claude", "codex", "gemini", "opencode"])
@pytest.mark.parametrize(
    "shown",
    [
        "esc to interrupt",
        "esc interrupt",
        "(esc to cancel, 3s)",
        "• Working (2s • esc to interrupt)",
    ],
)
def test_words_of_work_in_the_transcript_are_no_work(
    agent: str,
    shown: str,
    agents: dict[str, AgentDefinition],
    recording: Callable[[str], Recording],
) -> None:
    resting = recording(RESTING[agent])
    at = box_start(agent, resting.lines)
    lines = (*resting.lines[:at], f"  {shown}", "", *resting.lines[at:])
    assert check_screen(agents[agent], "", lines).status.activity is not Activity.WORKING


def test_glyphs_that_are_always_there_are_no_evidence(agents: dict[str, AgentDefinition]) -> None:
    """Claude's effort hint holds a half-filled circle, as its working title does."""
    lines = ("◐ medium · /effort", "⏸ ◑ ⠸ ✻ ● ✦ △")
    for agent in RESTING:
        assert check_screen(agents[agent], "", lines).status.activity is Activity.UNKNOWN


@pytest.mark.parametrize("agent", ["claude", "codex", "gemini", "opencode"])
def test_pager_over_a_dialog_is_no_dialog(
    agent: str, agents: dict[str, AgentDefinition], recording: Callable[[str], Recording]
) -> None:
    """A program that shows a recorded screen ends with a line of its own."""
    for stem in dialogs_of(agent):
        shown = [line for line in recording(stem).lines if line.strip()]
        for ending in (":", "(END)", "screens/dialog.txt lines 1-40/40 (END)", "~"):
            status = check_screen(agents[agent], "", (*shown, ending)).status
            assert status.activity not in WAITING, (stem, ending)


def test_agents_without_rules_never_wait_by_their_screen(
    agents: dict[str, AgentDefinition], recording: Callable[[str], Recording]
) -> None:
    for agent, stem in CASES:
        status = check_screen(agents["shell"], "", recording(stem).lines).status
        assert status.activity not in WAITING, agent


def test_error_of_an_earlier_turn_is_over(
    agents: dict[str, AgentDefinition], recording: Callable[[str], Recording]
) -> None:
    """Only the last thing in a transcript tells how the agent is now."""
    for stem in ("codex-idle-old-turns", "gemini-finished-old-error", "claude-mode-plan"):
        shown = recording(stem)
        status = check_screen(agents[stem.split("-")[0]], "", shown.lines).status
        assert status.activity in {Activity.IDLE, Activity.TURN_DONE}, stem
