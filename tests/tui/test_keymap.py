"""The keymap: presets, overrides, and what is wrong with them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.tui.crew import Crew
from tests.tui.hand import aboard
from textual.events import Key

from quarterdeck import tui
from quarterdeck.tui.keys.actions import ACTIONS, PRESETS, SWALLOWED_BY_VSCODE, Context
from quarterdeck.tui.keys.keymap import clashes, resolve
from quarterdeck.tui.keys.names import is_key, name_of, parse_keys, plain_name, wire_name
from quarterdeck.tui.keys.repeats import Repeats

DESIGNED = {
    "n": "nav.next_actionable", "N": "nav.previous_actionable", "b": "nav.back",
    "m": "ui.toggle_minimal", "c": "session.create", "s": "agent.start", "S": "agent.stop",
    "r": "agent.restart", "D": "session.delete", "enter": "session.enter",
    "i": "session.prompt", "y": "answer.allow_once", "A": "answer.allow_always",
    "x": "answer.reject", "space": "attention.peek", "z": "attention.snooze", "/": "ui.filter",
}  # fmt: skip
EVERYWHERE = {
    ":": "ui.palette", "1": "screen.deck", "2": "screen.flows", "3": "screen.pipelines",
    "4": "screen.crew", "5": "screen.log", "j": "nav.down", "k": "nav.up",
    "?": "ui.help", "q": "app.quit",
}  # fmt: skip


@pytest.mark.parametrize(("key", "action"), DESIGNED.items())
def test_the_deck_has_the_keys_of_the_design(key: str, action: str) -> None:
    found = (resolve().find(context, key) for context in (Context.DECK, Context.BOARD))
    assert action in found


@pytest.mark.parametrize(("key", "action"), EVERYWHERE.items())
def test_every_screen_has_the_keys_of_the_design(key: str, action: str) -> None:
    assert resolve().find(Context.APP, key) == action


def test_the_way_out_of_a_session_is_the_only_key_there() -> None:
    found = [name for name, action in ACTIONS.items() if action.context is Context.ENTERED]
    assert found == ["session.leave"]
    assert resolve().keys["session.leave"] == ("ctrl+]",)


@pytest.mark.parametrize("preset", PRESETS)
def test_no_preset_has_a_key_twice_where_it_is_read(preset: str) -> None:
    keymap = resolve(preset)
    assert keymap.problems == ()
    for name, keys in keymap.keys.items():
        assert keys, name
        for key in keys:
            assert clashes(keymap.keys, key, name) == []


@pytest.mark.parametrize("preset", PRESETS)
def test_every_key_of_every_preset_can_be_pressed(preset: str) -> None:
    for name, keys in resolve(preset).keys.items():
        assert all(is_key(key) for key in keys), name


def test_presets_change_actions_that_exist() -> None:
    for changes in PRESETS.values():
        assert set(changes) <= set(ACTIONS)


def test_the_preset_for_vscode_needs_no_key_that_its_terminal_keeps() -> None:
    for name, keys in resolve("vscode").keys.items():
        assert not set(keys) & SWALLOWED_BY_VSCODE, name


def test_every_action_has_words_for_palette_help_and_hint() -> None:
    for name, action in ACTIONS.items():
        assert "." in name
        assert action.title[0].isupper()
        assert action.hint
        assert len(action.hint) <= 15


def test_an_override_replaces_the_keys() -> None:
    keymap = resolve(overrides={"session.create": "ctrl+n, insert"})
    assert keymap.keys["session.create"] == ("ctrl+n", "insert")
    assert keymap.find(Context.DECK, "c") is None
    assert keymap.problems == ()


def test_an_override_wins_and_the_loser_is_told() -> None:
    keymap = resolve(overrides={"session.create": "n"})
    assert keymap.find(Context.DECK, "n") == "session.create"
    assert keymap.keys["nav.next_actionable"] == ()
    assert keymap.problems == (
        "n now stands for session.create; nav.next_actionable has no key left.",
    )


def test_a_key_of_every_screen_clashes_with_one_of_a_screen() -> None:
    keymap = resolve(overrides={"ui.filter": "j"})
    assert keymap.keys["nav.down"] == ("down",)
    assert "nav.down has down left" in keymap.problems[0]


def test_the_same_key_may_stand_on_two_screens() -> None:
    assert resolve(overrides={"log.follow": "c"}).problems == ()


def test_a_key_may_mean_something_else_while_scrolled_back() -> None:
    keymap = resolve()
    assert keymap.find(Context.HISTORY, "n") == "search.next"
    assert keymap.find(Context.BOARD, "n") == "nav.next_actionable"


def test_unknown_names_are_told_with_the_nearest() -> None:
    keymap = resolve("emacs", {"session.crate": "c"})
    assert keymap.problems == (
        "There is no preset of keys 'emacs'; there are default, vim, vscode.",
        "There is no action 'session.crate' to give keys to. Did you mean session.create?",
    )
    assert keymap.keys == resolve().keys


def test_what_is_no_key_is_left_out() -> None:
    keymap = resolve(overrides={"session.create": "ctrl+whatever,C"})
    assert keymap.keys["session.create"] == ("C",)
    assert "'ctrl+whatever' for session.create is no key" in keymap.problems[0]


def test_an_override_without_any_usable_key_changes_nothing() -> None:
    keymap = resolve(overrides={"session.create": "nonsense"})
    assert keymap.keys["session.create"] == ("c",)
    assert keymap.problems[-1] == "session.create keeps c."


def test_keys_can_be_taken_off_an_action_but_never_off_the_way_out() -> None:
    keymap = resolve(overrides={"session.create": "", "session.leave": ""})
    assert keymap.keys["session.create"] == ()
    assert keymap.label("session.create") == ""
    assert keymap.keys["session.leave"] == ("ctrl+]",)


@given(
    st.dictionaries(
        st.sampled_from(sorted(ACTIONS)), st.text(alphabet="abcnqyzS?,/+: ctrlenf15", max_size=12)
    ),
    st.sampled_from(sorted(PRESETS)),
)
def test_whatever_the_overrides_no_key_is_left_with_two_meanings(
    overrides: dict[str, str], preset: str
) -> None:
    keymap = resolve(preset, overrides)
    assert keymap.keys["session.leave"]
    for name in overrides:
        for key in keymap.keys[name]:
            assert is_key(key)
            assert clashes(keymap.keys, key, name) == []


@pytest.mark.parametrize(
    ("key", "character", "name"),
    [
        ("a", "a", "a"),
        ("S", "S", "S"),
        ("question_mark", "?", "?"),
        ("space", " ", "space"),
        ("comma", ",", ","),
        ("enter", "\r", "enter"),
        ("escape", "\x1b", "escape"),
        ("delete", None, "delete"),
        ("ctrl+right_square_bracket", "\x1d", "ctrl+]"),
        ("ctrl+underscore", "\x1f", "ctrl+_"),
        ("shift+tab", None, "shift+tab"),
        ("alt+full_stop", None, "alt+."),
        ("f5", None, "f5"),
        ("no_such_thing", None, "no_such_thing"),
        ("latin_small_letter_e_with_acute", "é", "é"),
    ],
)
def test_keys_are_called_by_their_characters(key: str, character: str | None, name: str) -> None:
    assert name_of(Key(key, character)) == name


def test_a_session_gets_characters_as_they_stand() -> None:
    assert wire_name(Key("space", " ")) == " "
    assert wire_name(Key("question_mark", "?")) == "?"
    assert wire_name(Key("ctrl+right_square_bracket", "\x1d")) == "ctrl+]"
    assert wire_name(Key("enter", "\r")) == "enter"


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("a,b", ("a", "b")),
        (" ctrl+X , f5 ", ("ctrl+X", "f5")),
        (",", (",",)),
        ("comma,colon", (",", "colon")),
        ("CTRL+esc", ("ctrl+escape",)),
        ("a,a,", ("a",)),
        ("+", ("+",)),
        ("ctrl++", ("ctrl++",)),
        ("", ()),
    ],
)
def test_lists_of_keys_are_read(text: str, keys: tuple[str, ...]) -> None:
    assert parse_keys(text) == keys


@pytest.mark.parametrize("key", ["x", "?", "ctrl+x", "ctrl+alt+f5", "shift+tab", "f24", "é"])
def test_keys_that_are(key: str) -> None:
    assert is_key(key)


@pytest.mark.parametrize("key", ["", " ", "xx", "ctrl+", "hold+x", "ctrl+ctrl+x", "f25", "\x1b"])
def test_keys_that_are_not(key: str) -> None:
    assert not is_key(key)


@given(st.text(max_size=20))
def test_any_text_has_a_plain_name(text: str) -> None:
    assert isinstance(plain_name(text), str)


def test_a_key_is_held_when_it_comes_again_at_once() -> None:
    repeats = Repeats()
    assert not repeats.press("S", 10.0)
    assert repeats.press("S", 10.05)
    assert not repeats.press("y", 10.1)
    assert not repeats.press("S", 10.41)
    assert not repeats.press("S", 10.72)


def test_a_different_key_between_resets_the_hold() -> None:
    repeats = Repeats()
    assert not any(repeats.press(key, 1.0) for key in ("S", "n", "S"))
    assert repeats.press("S", 1.05)
    repeats.forget()
    assert not repeats.press("S", 1.1)


def test_texts_name_only_actions_that_there_are() -> None:
    named = [
        name
        for file in Path(tui.__path__[0]).rglob("*.py")
        for name in re.findall(r"<([a-z_]+\.[a-z_]+)>", file.read_text())
    ]
    assert len(named) > 10
    assert set(named) <= set(ACTIONS)


async def test_what_to_press_instead_is_said_with_the_keys_in_force(crew: Crew) -> None:
    keys = {"flow.run": "f9", "nav.next_actionable": ""}
    async with aboard(crew, keys=keys) as hand:
        await hand.press("y", "2", "p")
        assert hand.toasts() == [
            "Nothing here needs you; nav.next_actionable goes to what does.",
            "There is no workflow here; f9 runs a file.",
        ]
        assert hand.bridge.keymap.told("a <b.c> d") == "a <b.c> d"
