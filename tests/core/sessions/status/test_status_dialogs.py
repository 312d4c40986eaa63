"""Reading a dialog: its question, its options, its fingerprint."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.core.protocol.status import Activity, DialogKind
from quarterdeck.core.sessions.agents.definition import Meanings
from quarterdeck.core.sessions.agents.rules import ScreenRule
from quarterdeck.core.sessions.status.check import Recording
from quarterdeck.core.sessions.status.dialog import Dialog, read_dialog, read_options, steady

APPROVE = {"id": "r", "activity": "needs_approval", "kind": "permission", "all": ["."]}
ASK = {"id": "r", "activity": "needs_answer", "kind": "question", "all": ["."]}


def rule(base: dict[str, Any] = APPROVE, **more: Any) -> ScreenRule:
    return ScreenRule.model_validate({**base, **more})


def read(lines: list[str], made: ScreenRule | None = None) -> Dialog:
    return read_dialog(made or rule(start="^Run"), lines, Meanings())


LINES = [
    "Run this?",
    "  $ rm -rf build",
    "❯ 1. Yes",
    "  2. Yes, always",
    "  3. No",
    "Enter to select",
]


def test_dialog() -> None:
    dialog = read(LINES)
    assert (dialog.kind, dialog.activity) == (DialogKind.PERMISSION, Activity.NEEDS_APPROVAL)
    assert dialog.text == "Run this?\n$ rm -rf build"
    assert [(each.key, each.label, each.meaning) for each in dialog.options] == [
        ("1", "Yes", "allow_once"),
        ("2", "Yes, always", "allow_always"),
        ("3", "No", "reject"),
    ]
    assert dialog.marked == 0
    assert not dialog.free_text


@pytest.mark.parametrize(
    ("label", "meaning"),
    [
        ("Yes", "allow_once"),
        ("Yes, proceed", "allow_once"),
        ("Allow once", "allow_once"),
        ("Just this once", "allow_once"),
        ("Trust and continue", "allow_once"),
        ("Yes, and always allow access to x", "allow_always"),
        ("Yes, and don't ask again for these files", "allow_always"),
        ("Yes, and don\u2019t ask again", "allow_always"),
        ("Allow for this session", "allow_always"),
        ("Yes, and switch to accept edits", "allow_always"),
        ("No", "reject"),
        ("No, exit", "reject"),
        ("No, and always reject such things", "reject"),
        ("Don't trust", "reject"),
        ("Reject", "reject"),
        ("Continue without trusting", "reject"),
        ("Yes, and switch to auto mode", None),
        ("Nothing", None),
        ("Maybe later", None),
        ("Yesterday", None),
    ],
)
def test_meaning_of_a_label(label: str, meaning: str | None) -> None:
    dialog = read(["Run", f"❯ 1. {label}", "  2. Other", "end"])
    assert dialog.options[0].meaning == meaning


def test_options_of_a_question_mean_nothing() -> None:
    dialog = read(["Run", "1. Yes", "2. No", "end"], rule(ASK, start="^Run"))
    assert [option.meaning for option in dialog.options] == [None, None]


def test_numbered_list_in_the_question_is_no_option() -> None:
    """An agent's command may hold a list that looks like one."""
    lines = ["Run", "1. rm -rf ~", "2. Yes", "text", "❯ 1. Yes", "  2. No", "end"]
    dialog = read(lines)
    assert [option.label for option in dialog.options] == ["Yes", "No"]
    assert dialog.text == "Run\n1. rm -rf ~\n2. Yes\ntext"


def test_options_that_scrolled_begin_later() -> None:
    assert [each.key for each in read(["Run", "❯ 4. d", "  5. e", "end"]).options] == ["4", "5"]


def test_wrapped_label_is_joined_and_descriptions_are_dropped() -> None:
    lines = ["Run", "❯ 1. Yes, and do it", "     for ever", "  2. No", "end"]
    assert read(lines).options[0].label == "Yes, and do it for ever"
    assert read(lines, rule(ASK, start="^Run")).options[0].label == "Yes, and do it"


def test_columns_and_hotkeys_are_no_part_of_a_label() -> None:
    dialog = read(
        ["Run", "› 1. Yes (y)", "  2. Later      when there is time", "  3. No (esc)", "end"]
    )
    assert [(each.label, each.hotkey) for each in dialog.options] == [
        ("Yes", "y"), ("Later", None), ("No", "esc"),
    ]  # fmt: skip


def test_options_side_by_side() -> None:
    made = rule(start="^Run", choices=r"(?P<label>Allow|Reject)")
    dialog = read(["Run", "  Allow   Reject   enter confirm"], made)
    assert [(each.key, each.label) for each in dialog.options] == [("1", "Allow"), ("2", "Reject")]


def test_lettered_options() -> None:
    made = rule(start="^Run", choices=r"(?P<label>\((?P<key>[A-Z])\)[^/\[]+)")
    dialog = read(["Run it? (Y)es/(N)o/(D)on't ask again [Yes]:"], made)
    assert [(each.key, each.label) for each in dialog.options] == [
        ("y", "Yes"), ("n", "No"), ("d", "Don't ask again"),
    ]  # fmt: skip


def test_text_pattern_and_what_stands_in_for_it() -> None:
    made = rule(start="^Run", text=[r"nothing (?P<text>here)", r"\$ (?P<text>[^\n]*)"])
    assert read(LINES, made).text == "rm -rf build"
    made = rule(start="^Run", text=[r"nothing (?P<text>here)"])
    assert read(LINES, made).text == "Run this?\n$ rm -rf build"


def test_dialog_without_options_takes_words_if_it_asks() -> None:
    assert read(["Run", "Which?", "end"], rule(ASK, start="^Run")).free_text
    assert not read(["Run", "Which?", "end"]).free_text


def test_option_for_words() -> None:
    made = rule(ASK, start="^Run", free_text="^Other")
    dialog = read(["Run", "1. Red", "2. Other", "end"], made)
    assert (dialog.free_key, dialog.free_text) == ("2", True)


def test_rule_that_finds_no_dialogs_reads_none() -> None:
    made = ScreenRule.model_validate({"id": "r", "activity": "idle", "all": ["."]})
    assert read_options(made, ["1. a"], Meanings()) == ()
    with pytest.raises(ValueError, match="finds no dialogs"):
        read_dialog(made, ["1. a"], Meanings())


@pytest.mark.parametrize(
    "change",
    [
        lambda lines: [line.replace("❯ 1", "  1").replace("  3", "❯ 3") for line in lines],
        lambda lines: [line + "   " for line in lines],
        lambda lines: ["Run this?", "  $ rm -rf", "  build", *lines[2:]],
        lambda lines: [*lines[:-1], "⠋ Enter to select"],
        lambda lines: [*lines[:2], "─────", *lines[2:]],
    ],
    ids=["mark", "padding", "wrap", "spinner", "rule"],
)
def test_fingerprint_stays_while_the_dialog_does(change: Any) -> None:
    dialog, changed = read(LINES), read(change(LINES))
    assert dialog.fingerprint == changed.fingerprint
    assert dialog.same_as(changed)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("rm -rf build", "rm -rf /"),
        ("rm -rf build", "rm -rf  buil d"),
        ("2. Yes, always", "2. Yes, for ever"),
        ("3. No", "3. Yes"),
        ("Run this?", "Run that?"),
        ("rm -rf build", "sleep 5s"),
    ],
)
def test_fingerprint_differs_for_another_dialog(old: str, new: str) -> None:
    other = read([line.replace(old, new) for line in LINES])
    assert read(LINES).fingerprint != other.fingerprint
    assert not read(LINES).same_as(other)


def test_times_in_the_command_are_told_apart() -> None:
    """Elapsed times around a dialog don't matter; in what is approved they do."""
    short, long = (read([line.replace("rm -rf build", text) for line in LINES])
                   for text in ("sleep 5s", "sleep 500s"))  # fmt: skip
    assert not short.same_as(long)


def test_times_around_the_dialog_do_not_matter() -> None:
    made = rule(start="^Run", text=[r"\$ (?P<text>[^\n]*)"])
    one = read([*LINES[:2], "waiting (3s)", *LINES[2:]], made)
    two = read([*LINES[:2], "waiting (14s)", *LINES[2:]], made)
    assert one.same_as(two)


def test_transcript_above_a_dialog_without_a_start_does_not_matter() -> None:
    made = rule(text=[r"(?P<text>Run [^\n]*)"])
    assert read(["something", *LINES], made).same_as(read(["other", *LINES], made))


def test_only_the_option_for_words_may_change() -> None:
    made = rule(ASK, start="^Run", free_text="^Type")
    asked = read(["Run", "1. Red", "2. Type something", "end"], made)
    typed = read(["Run", "1. Red", "2. Green", "end"], made)
    assert asked.same_as(typed)
    assert not asked.same_as(read(["Run", "1. Blue", "2. Type something", "end"], made))
    assert not asked.same_as(read(["Run", "1. Red", "2. Green", "3. Blue", "end"], made))
    assert not asked.same_as(read(["Runs", "1. Red", "2. Green", "end"], made))
    assert not typed.same_as(asked)  # nothing tells that option 2 takes words


words = st.text("abc$/-. ", min_size=1, max_size=20).filter(str.strip)


@given(words, words)
def test_other_texts_have_other_fingerprints(one: str, two: str) -> None:
    first, second = (read([line.replace("rm -rf build", text) for line in LINES])
                     for text in (one, two))  # fmt: skip
    assert first.same_as(second) == (one.split() == two.split())


def test_steady_drops_what_moves() -> None:
    assert steady(["❯ a (3s)", "──", "⠋ b at 5:40 PM", "☐ c ☒ d"]) == "a ( ) b at c d"


def test_steady_drops_what_is_typed_behind_a_line_that_asks() -> None:
    asks = "Run it? (Y)es/(N)o [Yes]:"
    assert steady(["ls", f"{asks} y"]) == steady(["ls", asks])
    assert steady(["ls [x]: y", asks]) == f"ls [x]: y {asks}"


def test_dialog_that_is_being_answered_by_letters_is_the_same(
    drive: Callable[..., Any], recording: Callable[[str], Recording]
) -> None:
    """Seen: the letter that was typed made another request of it, and its Enter was not typed."""
    session, shown = drive("aider"), recording("aider-permission-typed")
    typed = [line for line in shown.lines if line.endswith("]: y")]
    assert typed
    bare = [line.removesuffix(" y") if line in typed else line for line in shown.lines]
    session.screen(*bare)
    request_id = session.request.request_id
    session.screen(*shown.lines)
    assert session.request.request_id == request_id


def test_ticked_option_is_the_same_option(
    drive: Callable[..., Any], recording: Callable[[str], Recording]
) -> None:
    """Seen: opencode ticks the chosen option for a moment before it closes."""
    session, shown = drive("opencode"), recording("opencode-question")
    session.screen(*shown.lines)
    request_id = session.request.request_id
    ticked = [line.replace("2. Blue", "2. Blue ✓") for line in shown.lines]
    assert list(shown.lines) != ticked
    session.screen(*ticked)
    assert session.request.request_id == request_id
    assert session.request.choices[1].label == "Blue"


def test_words_typed_into_a_dialog_without_options_are_no_other_one(
    drive: Callable[..., Any], recording: Callable[[str], Recording]
) -> None:
    session, shown = drive("gemini"), recording("gemini-api-key")
    session.screen(*shown.lines)
    request_id = session.request.request_id
    typed = [line.replace("│ │ test", "│ │ sk-123") for line in shown.lines]
    assert list(shown.lines) != typed
    session.screen(*typed)
    assert session.request.request_id == request_id
    assert "sk-123" not in session.request.text
