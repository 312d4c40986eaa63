"""What is typed to answer a dialog or to submit a prompt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from quarterdeck.core.protocol.screen import Modes
from quarterdeck.core.sessions.agents.definition import AgentDefinition
from quarterdeck.core.sessions.status.answers import AnswerNotOffered, answer_keys, prompt_steps
from quarterdeck.core.sessions.status.check import Recording
from quarterdeck.core.sessions.status.dialog import Dialog
from quarterdeck.core.sessions.status.steps import KeyStep, Pause, Send

Read = Callable[[str], Recording]
Drive = Callable[..., Any]
CLEAR = b"\x15"
DOWN, UP, RIGHT, ENTER, ESC = b"\x1b[B", b"\x1b[A", b"\x1b[C", b"\r", b"\x1b"


def agent_of(stem: str) -> str:
    words = stem.split("-")
    return "-".join(words[:2]) if words[0] == "practice" else words[0]


@pytest.fixture
def dialog(drive: Drive, recording: Read) -> Callable[[str], Dialog]:
    def read(stem: str) -> Dialog:
        session, shown = drive(agent_of(stem)), recording(stem)
        session.show(shown)
        found = session.detector.still_open(session.request.request_id, shown.lines)
        assert isinstance(found, Dialog)
        return found

    return read


def sent(steps: Sequence[KeyStep]) -> list[bytes]:
    return [step.data for step in steps if isinstance(step, Send)]


@pytest.mark.parametrize(
    ("stem", "choice", "keys"),
    [
        # Claude: a digit picks at once; its start-up dialogs have no numbers, and preselect "No".
        ("claude-permission-bash", "allow_once", [b"1"]),
        ("claude-permission-bash", "allow_always", [b"2"]),
        ("claude-permission-bash", "3", [b"3"]),
        ("claude-permission-bash", "reject", [b"4"]),
        ("claude-permission-edit", "reject", [b"3"]),
        ("claude-question", "2", [b"2"]),
        ("claude-trust-dialog", "allow_once", [DOWN, ENTER]),
        ("claude-trust-dialog", "reject", [ENTER]),
        ("claude-apikey-dialog", "allow_once", [UP, ENTER]),
        ("claude-apikey-dialog", "reject", [ENTER]),
        # It marks what it would not do by itself, and asks without numbers.
        ("claude-permission-unnumbered", "allow_once", [DOWN, ENTER]),
        ("claude-permission-unnumbered", "reject", [ENTER]),
        # Codex: the letters in its labels.
        ("codex-permission-command", "allow_once", [b"y"]),
        ("codex-permission-command", "allow_always", [b"p"]),
        ("codex-permission-write", "allow_always", [b"a"]),
        ("codex-permission-write", "reject", [ESC]),
        ("codex-trust-dialog", "allow_once", [ENTER]),
        ("codex-trust-dialog", "reject", [DOWN, ENTER]),
        ("codex-trust-hooks", "reject", [DOWN, DOWN, ENTER]),
        ("codex-question", "2", [DOWN, ENTER]),
        ("gemini-permission-shell", "allow_once", [ENTER]),
        ("gemini-permission-shell", "allow_always", [DOWN, ENTER]),
        ("gemini-permission-shell", "reject", [ESC]),
        ("gemini-permission-edit", "3", [DOWN, DOWN, ENTER]),
        ("gemini-auth-dialog", "1", [UP, ENTER]),
        ("gemini-trust-dialog", "reject", [DOWN, DOWN, ENTER]),
        ("opencode-permission-bash", "allow_once", [ENTER]),
        ("opencode-permission-bash", "allow_always", [RIGHT, ENTER]),
        ("opencode-permission-bash", "reject", [ESC]),
        ("opencode-question", "2", [DOWN, ENTER]),
        ("opencode-permission-always", "allow_always", [ENTER]),
        # aider: whatever someone has begun to type there is taken back first.
        ("aider-permission-typed", "reject", [CLEAR, b"n", ENTER]),
        ("aider-trust-gitignore", "reject", [CLEAR, b"n", ENTER]),
        ("aider-permission-shell", "allow_once", [CLEAR, b"y", ENTER]),
        ("aider-permission-shell", "reject", [CLEAR, b"n", ENTER]),
        ("aider-permission-shell", "d", [CLEAR, b"d", ENTER]),
        ("aider-permission-shell", "D", [CLEAR, b"d", ENTER]),
        ("practice-approver-permission", "allow_always", [DOWN, ENTER]),
        ("practice-approver-permission", "reject", [ESC]),
        ("practice-asker-question", "1", [UP, ENTER]),
        ("practice-asker-question", "reject", [ESC]),
    ],
)
def test_choice(
    stem: str,
    choice: str,
    keys: list[bytes],
    dialog: Callable[[str], Dialog],
    agents: dict[str, AgentDefinition],
) -> None:
    assert sent(answer_keys(agents[agent_of(stem)], dialog(stem), choice=choice)) == keys


@pytest.mark.parametrize(
    ("stem", "keys"),
    [
        ("claude-question", [b"3", b"a shade of green", ENTER]),
        ("codex-question", [DOWN, DOWN, b"\t", b"a shade of green", ENTER]),
        ("gemini-question", [DOWN, DOWN, b"a shade of green", ENTER]),
        ("opencode-question", [DOWN, DOWN, ENTER, b"a shade of green", ENTER]),
        ("practice-asker-question", [DOWN, DOWN, ENTER, b"a shade of green", ENTER]),
        ("gemini-api-key", [b"a shade of green", ENTER]),
    ],
)
def test_words(
    stem: str,
    keys: list[bytes],
    dialog: Callable[[str], Dialog],
    agents: dict[str, AgentDefinition],
) -> None:
    answer = " a shade\nof\tgreen "
    assert sent(answer_keys(agents[agent_of(stem)], dialog(stem), text=answer)) == keys


def test_keys_have_pauses_between_them(
    dialog: Callable[[str], Dialog], agents: dict[str, AgentDefinition]
) -> None:
    steps = answer_keys(agents["claude"], dialog("claude-trust-dialog"), choice="allow_once")
    assert steps == (Send(DOWN), Pause(0.1), Send(ENTER))


def test_moves_begin_at_the_mark(
    drive: Drive, recording: Read, agents: dict[str, AgentDefinition]
) -> None:
    """Someone moved it by hand: counting from the top would choose another option."""
    lines = [line.replace("● 1.", "  1.").replace("  3. No", "● 3. No")
             for line in recording("gemini-permission-shell").lines]  # fmt: skip
    session = drive("gemini")
    session.screen(*lines)
    found = session.detector.still_open(session.request.request_id, lines)
    assert sent(answer_keys(agents["gemini"], found, choice="allow_once")) == [UP, UP, ENTER]


def test_mark_that_can_not_be_seen_refuses_arrows(
    drive: Drive, recording: Read, agents: dict[str, AgentDefinition]
) -> None:
    lines = [line.replace("● 1.", "  1.") for line in recording("gemini-permission-shell").lines]
    session = drive("gemini")
    session.screen(*lines)
    found = session.detector.still_open(session.request.request_id, lines)
    with pytest.raises(AnswerNotOffered, match="can't be seen"):
        answer_keys(agents["gemini"], found, choice="allow_once")


@pytest.mark.parametrize("choice", ["5", "", "yes", "allow_forever"])
def test_choice_that_is_not_offered(
    choice: str, dialog: Callable[[str], Dialog], agents: dict[str, AgentDefinition]
) -> None:
    with pytest.raises(AnswerNotOffered, match=r"1 \(Yes\), 2") as caught:
        answer_keys(agents["claude"], dialog("claude-permission-bash"), choice=choice)
    assert caught.value.code == "answer_not_offered"
    assert caught.value.details["options"] == ["1", "2", "3", "4"]


def test_meaning_that_is_not_offered(
    dialog: Callable[[str], Dialog], agents: dict[str, AgentDefinition]
) -> None:
    """A trust dialog has no "always"; and a question means neither yes nor no."""
    for stem, meaning in (
        ("claude-trust-dialog", "allow_always"),
        ("claude-question", "allow_once"),
    ):
        with pytest.raises(AnswerNotOffered):
            answer_keys(agents["claude"], dialog(stem), choice=meaning)


def test_words_where_none_are_taken(
    dialog: Callable[[str], Dialog], agents: dict[str, AgentDefinition]
) -> None:
    with pytest.raises(AnswerNotOffered, match="answer in words"):
        answer_keys(agents["claude"], dialog("claude-permission-bash"), text="no, because")
    with pytest.raises(AnswerNotOffered):
        answer_keys(agents["claude"], dialog("claude-question"), choice="1", text="red")
    steps = answer_keys(agents["claude"], dialog("claude-question"), choice="3", text="green")
    assert sent(steps) == [b"3", b"green", ENTER]


def test_answer_speaks_the_terminals_modes(
    dialog: Callable[[str], Dialog], agents: dict[str, AgentDefinition]
) -> None:
    modes = Modes(application_cursor=True, keyboard_flags=7)
    steps = answer_keys(agents["claude"], dialog("claude-trust-dialog"), choice="2", modes=modes)
    assert sent(steps) == [b"\x1bOB", ENTER]
    steps = answer_keys(
        agents["gemini"], dialog("gemini-permission-shell"), choice="reject", modes=modes
    )
    assert sent(steps) == [b"\x1b[27u"]


def test_options_beyond_nine_are_reached_by_arrows(
    agents: dict[str, AgentDefinition], drive: Drive
) -> None:
    lines = ["─" * 40, " ☐ Many", "Which?", "❯ 1. a", *(f"  {n}. b{n}" for n in range(2, 13)),
             "Enter to select · ↑/↓ to navigate · Esc to cancel"]  # fmt: skip
    session = drive("claude")
    session.screen(*lines)
    found = session.detector.still_open(session.request.request_id, lines)
    assert sent(answer_keys(agents["claude"], found, choice="9")) == [b"9"]
    assert sent(answer_keys(agents["claude"], found, choice="11")) == [DOWN] * 10 + [ENTER]


def test_prompt_is_pasted_and_submitted_on_its_own(agents: dict[str, AgentDefinition]) -> None:
    modes = Modes(bracketed_paste=True)
    assert prompt_steps(agents["codex"], "fix\nit", modes) == (
        Send(b"\x1b[200~fix\nit\x1b[201~"), Pause(0.25), Send(ENTER),
    )  # fmt: skip


def test_prompt_to_a_shell_is_typed(agents: dict[str, AgentDefinition]) -> None:
    steps = prompt_steps(agents["shell"], "make\x1b[201~; rm", Modes(bracketed_paste=True))
    assert sent(steps) == [b"make[201~; rm", ENTER]
