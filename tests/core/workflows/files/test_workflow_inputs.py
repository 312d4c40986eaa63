"""Inputs: words and values turned into what the file asks for."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.core.workflows.files import InputsInvalid
from quarterdeck.core.workflows.files.inputs import convert_inputs, pairs
from quarterdeck.core.workflows.files.model import INPUT_TYPES, InputEntry

HERE = Path("/home/ann/place")


def entry(kind: str, **more: Any) -> InputEntry:
    return InputEntry.model_validate({"type": kind, **more})


def convert(kind: str, value: Any, **more: Any) -> Any:
    return convert_inputs({"v": entry(kind, **more)}, {"v": value}, HERE)["v"]


@pytest.mark.parametrize(
    ("kind", "value", "made"),
    [
        ("string", "x", "x"),
        ("string", "", ""),
        ("string", "3", "3"),
        ("integer", "42", 42),
        ("integer", " -7 ", -7),
        ("integer", 42, 42),
        ("number", "2.5", 2.5),
        ("number", "3", 3),
        ("number", "1e3", 1000.0),
        ("number", 7, 7),
        ("boolean", "yes", True),
        ("boolean", "Off", False),
        ("boolean", "1", True),
        ("boolean", False, False),
        ("list", "a, b,c", ["a", "b", "c"]),
        ("list", "", []),
        ("list", '["a", 1]', ["a", 1]),
        ("list", [1], [1]),
        ("object", '{"a": [1]}', {"a": [1]}),
        ("object", {"a": 1}, {"a": 1}),
        ("path", "report.md", "/home/ann/place/report.md"),
        ("path", "/abs", "/abs"),
        ("path", "../x", "/home/ann/place/../x"),
    ],
)
def test_what_becomes_of_a_value(kind: str, value: Any, made: Any) -> None:
    found = convert(kind, value)
    assert found == made
    assert type(found) is type(made)


@pytest.mark.parametrize(
    ("kind", "value", "told"),
    [
        ("string", 3, "This is text, not 3."),
        ("integer", "four", "This is a whole number, not four."),
        ("integer", "2.5", "This is a whole number, not 2.5."),
        ("integer", True, "This is a whole number, not True."),
        ("integer", 2.5, "This is a whole number, not 2.5."),
        ("number", "nan", "This is a number, not nan."),
        ("number", "inf", "This is a number, not inf."),
        ("number", False, "This is a number, not False."),
        ("boolean", "maybe", "This is true or false, not maybe."),
        ("boolean", 1, "This is true or false, not 1."),
        ("list", "[1", "This is a list (JSON, or words with commas), not [1."),
        ("list", {"a": 1}, "This is a list (JSON, or words with commas), not {'a': 1}."),
        ("object", "[1]", "This is an object (JSON), not [1]."),
        ("object", "[" * 100_000, "This is an object (JSON), not [[["),
        ("path", "", "This is a path, not ."),
        ("path", "a\0b", "This is a path"),
    ],
)
def test_a_value_of_the_wrong_kind(kind: str, value: Any, told: str) -> None:
    with pytest.raises(InputsInvalid) as caught:
        convert(kind, value)
    assert caught.value.message.startswith(f"v: {told}")


def test_choices() -> None:
    choice = entry("choice", choices=["low", "high"])
    assert convert_inputs({"v": choice}, {"v": "low"}, HERE) == {"v": "low"}
    with pytest.raises(
        InputsInvalid, match=r"v: This is low or high, not hihg\. Did you mean high\?"
    ):
        convert_inputs({"v": choice}, {"v": "hihg"}, HERE)


def test_paths_that_must_be_there(tmp_path: Path) -> None:
    there = entry("path", must_exist=True)
    (tmp_path / "a").touch()
    assert convert_inputs({"v": there}, {"v": "a"}, tmp_path) == {"v": f"{tmp_path}/a"}
    with pytest.raises(InputsInvalid, match="/b is not there"):
        convert_inputs({"v": there}, {"v": "b"}, tmp_path)


def test_everything_that_is_wrong_at_once() -> None:
    entries = {
        "count": entry("integer"),
        "name": entry("string", description="what it is called"),
        "level": entry("choice", choices=["a"], default="a"),
    }
    with pytest.raises(InputsInvalid) as caught:
        convert_inputs(entries, {"count": "x", "levl": "a"}, HERE)
    assert caught.value.message.splitlines() == [
        "levl: There is no such input. Did you mean level?",
        "count: This is a whole number, not x.",
        "name: It is missing; it is text (what it is called).",
    ]


def test_defaults_hold_where_nothing_is_given() -> None:
    entries = {
        "a": entry("path", default="x"),
        "b": entry("list", default=None),
        "c": entry("integer", default=3),
    }
    assert convert_inputs(entries, {"c": "4"}, HERE) == {
        "a": "/home/ann/place/x",
        "b": None,
        "c": 4,
    }


def test_secrets_are_not_told() -> None:
    with pytest.raises(InputsInvalid) as caught:
        convert("integer", "hunter2", secret=True)
    assert caught.value.message == "v: This is a whole number, not what was given."
    with pytest.raises(InputsInvalid) as caught:
        convert("choice", "hunter2", secret=True, choices=["a"])
    assert "hunter2" not in caught.value.message


def test_words_of_a_command_line() -> None:
    assert pairs(["a=1", "b=x=y", "c="]) == {"a": "1", "b": "x=y", "c": ""}
    for words, told in (
        (["a"], "NAME=VALUE, not a"),
        (["=x"], "NAME=VALUE"),
        (["a=1", "a=2"], "twice"),
    ):
        with pytest.raises(InputsInvalid, match=told):
            pairs(words)


@given(st.sampled_from(INPUT_TYPES), st.text(max_size=30))
def test_any_word_is_taken_or_refused(kind: str, word: str) -> None:
    more = {"choices": ["a", "b"]} if kind == "choice" else {}
    with suppress(InputsInvalid):
        assert convert(kind, word, **more) is not None
