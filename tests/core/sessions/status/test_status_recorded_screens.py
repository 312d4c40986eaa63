"""What every recorded screen shows: no file may be left out, none may be read wrongly."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from quarterdeck.core.protocol.status import Activity, DialogKind
from quarterdeck.core.sessions.agents.definition import AgentDefinition
from quarterdeck.core.sessions.status.check import Recording, check_recording, check_screen

SCREENS = Path(__file__).parents[3] / "recordings" / "screens"
FILES = sorted([*SCREENS.glob("*.txt"), *SCREENS.glob("synthetic/*.txt")])

APPROVAL, ANSWER = Activity.NEEDS_APPROVAL, Activity.NEEDS_ANSWER
STATES: dict[str, tuple[Activity, DialogKind | None]] = {
    "permission": (APPROVAL, DialogKind.PERMISSION),
    "question": (ANSWER, DialogKind.QUESTION),
    "trust": (APPROVAL, DialogKind.TRUST),
    "apikey": (APPROVAL, DialogKind.AUTH),
    "auth": (ANSWER, DialogKind.AUTH),
    "api": (ANSWER, DialogKind.AUTH),
    "idle": (Activity.IDLE, None),
    "interrupted": (Activity.IDLE, None),
    "cancelled": (Activity.IDLE, None),
    "working": (Activity.WORKING, None),
    "retrying": (Activity.WORKING, None),
    "queued": (Activity.WORKING, None),
    "error": (Activity.ERRORED, None),
    "limited": (Activity.LIMITED, None),
    "exited": (Activity.UNKNOWN, None),
    "starting": (Activity.UNKNOWN, None),
}
SPECIAL: dict[str, Activity] = {
    # The second word of the name says less than the screen does.
    "aider-error-retrying": Activity.WORKING,
    "claude-mode-plan": Activity.TURN_DONE,
    # Where a finished turn leaves a mark, it is read; else only its history tells it from idle.
    "claude-finished": Activity.TURN_DONE,
    "codex-finished": Activity.TURN_DONE,
    "opencode-finished": Activity.TURN_DONE,
    "aider-finished": Activity.IDLE,
    "gemini-finished": Activity.IDLE,
    "gemini-finished-old-error": Activity.IDLE,
}


def agent_of(stem: str) -> str:
    words = stem.split("-")
    return "-".join(words[:2]) if words[0] == "practice" else words[0]


def expected(stem: str) -> tuple[Activity, DialogKind | None]:
    if stem in SPECIAL:
        return SPECIAL[stem], None
    state = stem.removeprefix(agent_of(stem) + "-").split("-")[0]
    return STATES[state]


def test_there_are_screens_of_every_agent_with_rules(agents: dict[str, AgentDefinition]) -> None:
    shown = {agent_of(path.stem) for path in FILES}
    assert shown == {name for name, each in agents.items() if each.has_rules}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_screen_shows_its_state(path: Path, agents: dict[str, AgentDefinition]) -> None:
    explanation = check_recording(agents[agent_of(path.stem)], path.read_text(encoding="utf-8"))
    status = explanation.status
    activity, kind = expected(path.stem)
    assert (status.activity, status.request and status.request.kind) == (activity, kind)
    assert status.evidence
    assert explanation.winner is not None


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_screen_shows_its_state_without_its_title(
    path: Path, agents: dict[str, AgentDefinition], recording: Callable[[str], Recording]
) -> None:
    """Titles can be switched off; the screen alone must never claim another kind of thing."""
    shown = recording(path.stem)
    status = check_screen(agents[agent_of(path.stem)], "", shown.lines, dead=shown.dead).status
    activity, kind = expected(path.stem)
    streams_unmarked = {"codex-working"}  # while its text streams only the title says that it works
    if path.stem in streams_unmarked or path.stem.startswith("practice-flooder"):
        assert status.activity in {Activity.IDLE, Activity.UNKNOWN}
    else:
        assert (status.activity, status.request and status.request.kind) == (activity, kind)


CHOICES: dict[str, list[str | None]] = {
    "claude-permission-bash": ["allow_once", "allow_always", None, "reject"],
    "claude-permission-edit": ["allow_once", "allow_always", "reject"],
    "claude-permission-write": ["allow_once", "allow_always", "reject"],
    "claude-permission-unnumbered": ["reject", "allow_once"],
    "claude-permission-narrow": ["allow_once", "allow_always", None, "reject"],
    "claude-trust-dialog": ["reject", "allow_once"],
    "claude-apikey-dialog": ["allow_once", "reject"],
    "claude-question": [None, None, None, None],
    "codex-permission-write": ["allow_once", "allow_always", "reject"],
    "codex-permission-command": ["allow_once", "allow_always", "reject"],
    "codex-permission-run": ["allow_once", "allow_always", "reject"],
    "codex-trust-dialog": ["allow_once", "reject"],
    "codex-trust-hooks": [None, "allow_once", "reject"],
    "codex-trust-hooks-review": [None, "allow_once", "reject"],
    "gemini-permission-shell": ["allow_once", "allow_always", "reject"],
    "gemini-permission-edit": ["allow_once", "allow_always", None, "reject"],
    "gemini-trust-dialog": ["allow_once", None, "reject"],
    "gemini-auth-dialog": [None, None, None],
    "opencode-permission-bash": ["allow_once", "allow_always", "reject"],
    "opencode-permission-always": ["allow_always", "reject"],
    "aider-trust-gitignore": ["allow_once", "reject"],
    "aider-permission-shell": ["allow_once", "reject", None],
    "practice-approver-permission": ["allow_once", "allow_always", "reject"],
}
TEXTS = {
    "claude-permission-bash": "echo hello > hello.txt",
    "claude-permission-edit": "Do you want to create new.txt?",
    "claude-permission-hook-pending": "touch c",
    "claude-permission-unnumbered": "touch z1",
    "claude-permission-write": "Do you want to create zz?",
    "claude-question": "Which colour do you want?",
    "claude-question-tabs": "Which size do you want?",
    "claude-trust-dialog": "/home/user/agent/claude-i/proj",
    "codex-permission-command": "$ touch t1 && \\\nls -l t1",
    "codex-permission-run": "$ ls -l",
    "codex-question": "Which colour do you want?",
    "codex-question-narrow": "Which colour do you want?",
    "codex-trust-dialog": "/home/user/agent/codex-i/proj",
    "gemini-permission-shell": "Shell  echo hello > hello.txt\necho hello > hello.txt",
    "gemini-question": "Which colour do you want?",
    "opencode-permission-bash": "$ echo hello > hello.txt",
    "opencode-permission-command": "$ ls -l",
    "opencode-question": "Which colour do you want?",
    "aider-permission-shell": "echo hello > hello.txt",
    "aider-permission-typed": "ls",
    "aider-trust-gitignore": "Add .aider* to .gitignore (recommended)?",
    "aider-permission-multi": "pip install -e .\npytest -q",
    "practice-approver-permission": "npm install --save-dev prettier",
    "practice-asker-question": "Which colour should the warning have?",
}


@pytest.mark.parametrize("stem", CHOICES)
def test_options_are_read_with_their_meanings(
    stem: str, agents: dict[str, AgentDefinition], recording: Callable[[str], Recording]
) -> None:
    shown = recording(stem)
    request = check_screen(agents[agent_of(stem)], shown.title, shown.lines).status.request
    assert request is not None
    assert [choice.meaning for choice in request.choices] == CHOICES[stem]
    assert all(choice.key and choice.label for choice in request.choices)


@pytest.mark.parametrize("stem", TEXTS)
def test_text_of_a_request_is_what_is_asked(
    stem: str, agents: dict[str, AgentDefinition], recording: Callable[[str], Recording]
) -> None:
    shown = recording(stem)
    request = check_screen(agents[agent_of(stem)], shown.title, shown.lines).status.request
    assert request is not None
    assert request.text == TEXTS[stem]


@pytest.mark.parametrize(
    "stem",
    ["claude-question", "codex-question", "gemini-question", "opencode-question",
     "practice-asker-question", "gemini-api-key"],
)  # fmt: skip
def test_questions_take_words(
    stem: str, agents: dict[str, AgentDefinition], recording: Callable[[str], Recording]
) -> None:
    shown = recording(stem)
    request = check_screen(agents[agent_of(stem)], shown.title, shown.lines).status.request
    assert request is not None
    assert request.free_text


def test_wrapped_dialog_reads_as_the_wide_one(
    agents: dict[str, AgentDefinition], recording: Callable[[str], Recording]
) -> None:
    """Resizing a terminal must not turn an open request into another one."""
    wide, narrow = recording("claude-trust-dialog"), recording("claude-trust-narrow")
    claude = agents["claude"]
    asked = [check_screen(claude, "", shown.lines).status.request for shown in (wide, narrow)]
    assert asked[0] is not None
    assert asked[0] == asked[1]


def test_wrapped_option_is_read_whole(
    agents: dict[str, AgentDefinition], recording: Callable[[str], Recording]
) -> None:
    shown = recording("claude-permission-narrow")
    request = check_screen(agents["claude"], shown.title, shown.lines).status.request
    assert request is not None
    assert request.choices[1].label == (
        "Yes, and always allow access to /home/user/agent/claude-i/proj from this project"
    )


@pytest.mark.parametrize(
    ("stem", "above"),
    [
        ("claude-permission-bash", " echo hello"),
        ("claude-question", "Which colour"),
        ("opencode-permission-bash", "  ┃  $ echo"),
        ("codex-permission-command", "  $ touch"),
        ("gemini-permission-shell", "│ │ echo hello"),
        ("aider-permission-shell", "echo hello"),
    ],
)
def test_dialog_longer_than_a_screen_is_no_idleness(
    stem: str,
    above: str,
    agents: dict[str, AgentDefinition],
    recording: Callable[[str], Recording],
) -> None:
    """What is asked can be so long that its beginning is out of reach; that it asks is not."""
    shown = recording(stem)
    at = max(n for n, line in enumerate(shown.lines) if line.startswith(above))
    more = [shown.lines[at].replace("echo", f"part {number} echo") for number in range(80)]
    lines = (*shown.lines[:at], *more, *shown.lines[at:])
    status = check_screen(agents[agent_of(stem)], shown.title, lines).status
    activity, kind = expected(stem)
    assert status.activity is activity
    assert status.request is not None
    assert status.request.kind is kind
    assert status.request.choices
