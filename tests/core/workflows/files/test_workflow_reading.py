"""YAML and JSON with their places."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from quarterdeck.core.workflows.files.faults import WorkflowFileUnreadable
from quarterdeck.core.workflows.files.reading import (
    MOST_BYTES,
    Document,
    Place,
    parse_document,
    read_document,
    shown_key,
)


def told(document: Document) -> list[tuple[int, int, str]]:
    return [(fault.line, fault.column, fault.message) for fault in document.faults]


def test_words_mean_what_yaml_1_2_says() -> None:
    text = "{yes: no, on: off, time: 22:30, date: 2026-01-31, n: 010, h: 0x1F, o: 0o17, e: 1e3, t: true}"
    assert parse_document(text).value == {
        "yes": "no", "on": "off", "time": "22:30", "date": "2026-01-31", "n": 10, "h": 31,
        "o": 15, "e": 1000.0, "t": True,
    }  # fmt: skip


def test_keys_are_text_whatever_they_look_like() -> None:
    assert parse_document("{1: a, true: b, null: c, 1.5: d}").value == {
        "1": "a", "true": "b", "null": "c", "1.5": "d",
    }  # fmt: skip


def test_every_key_and_item_is_found_again() -> None:
    document = parse_document("a:\n  b: [x, y]\n  c: |\n    one\n    two\n")
    assert document.place(("a", "b")) == Place(2, 3, 2, 6)
    assert document.place(("a", "b", 1)) == Place(2, 10, 2, 10)
    assert document.place(("a", "c")).block
    assert document.place(("a", "b", 1, "deeper")) == document.place(("a", "b", 1))
    assert document.place(("nowhere",)) == Place(1, 1, 1, 1)


def test_a_row_of_a_block_is_a_line_of_the_file() -> None:
    document = parse_document("a: |\n  one\n  two\nb: 'x'\n")
    document.fault(("a",), "here", row=2)
    document.fault(("b",), "there", row=1)
    assert told(document) == [(3, 1, "here"), (4, 4, "there")]


def test_a_key_that_stands_twice_is_a_fault_and_the_first_one_holds() -> None:
    document = parse_document("a: 1\nb: 2\na: 3\n")
    assert document.value == {"a": 1, "b": 2}
    assert told(document) == [(3, 1, "This key stands here twice; the first is in line 1.")]


def test_anchors_and_merges() -> None:
    text = "base: &base {retry: 3, env: x}\none: {<<: *base, env: y}\ntwo: {<<: [*base, {z: 1}]}"
    document = parse_document(text)
    assert document.value["one"] == {"env": "y", "retry": 3}
    assert document.value["two"] == {"retry": 3, "env": "x", "z": 1}
    assert not document.faults
    assert parse_document("'<<': 1").value == {"<<": 1}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: !!python/object:os.system x", "The tag !!python/object:os.system is not known here."),
        ("a: !!binary aGVsbG8=", "The tag !!binary is not known here."),
        ("a: .nan", ".nan is no value that can be kept."),
        ("a: -.inf", "-.inf is no value that can be kept."),
        ("? [a, b]\n: c", "A key is a word, not a list or a mapping."),
        ("a: {<<: 3}", "<< takes a mapping, or a list of mappings."),
        ("a: &a [*a]", "This is nested too deeply, too long, or within itself."),
        ("a: &a {<<: *a}", ""),
        ("[" * 70 + "]" * 70, "This is nested too deeply, too long, or within itself."),
    ],
)
def test_what_can_be_no_part_of_a_workflow(text: str, message: str) -> None:
    messages = [one for _, _, one in told(parse_document(text))]
    assert messages == ([message] if message else [])


def test_aliases_of_aliases_do_not_fill_the_memory() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    document = parse_document("\n".join(lines))
    assert "too long" in document.faults[0].message


@pytest.mark.parametrize(
    ("text", "line"),
    [("a: [1\nb: 2", 2), ("a: 'x", 1), ("a:\n\t- 1", 2), ("a: b: c", 1), ("x: *nowhere", 1)],
)
def test_what_is_no_yaml_has_a_place(text: str, line: int) -> None:
    (fault,) = parse_document(text).faults
    assert fault.line == line
    assert fault.message.startswith("This is no YAML")


def test_json_with_tabs_escapes_and_places() -> None:
    text = '{\n\t"name": "\\ud83d\\ude00 \\/ x",\n\t"n": [1, 2.5, null, true],\n\t"name": 1}'
    document = parse_document(text, as_json=True)
    assert document.value == {"name": 1, "n": [1, 2.5, None, True]}
    assert document.place(("n", 1)).line == 3
    assert told(document) == [(4, 2, "This key stands here twice; the first is in line 2.")]


@pytest.mark.parametrize(
    ("text", "place"), [('{"a" 1}', (1, 6)), ("{'a': 1}", (1, 2)), ('{"a": NaN}', (1, 1))]
)
def test_what_is_no_json_has_a_place(text: str, place: tuple[int, int]) -> None:
    (fault,) = parse_document(text, as_json=True).faults
    assert (fault.line, fault.column) == place
    assert fault.message.startswith("This is no JSON")


def test_files_that_can_not_be_read(tmp_path: Path) -> None:
    with pytest.raises(WorkflowFileUnreadable, match="No such file"):
        read_document(tmp_path / "none.yaml")
    with pytest.raises(WorkflowFileUnreadable, match="can't be read"):
        read_document(tmp_path)
    latin = tmp_path / "latin.yaml"
    latin.write_bytes(b"name: \xe9")
    with pytest.raises(WorkflowFileUnreadable, match="no text in UTF-8"):
        read_document(latin)
    large = tmp_path / "large.yaml"
    with large.open("wb") as file:
        file.truncate(MOST_BYTES + 1)
    with pytest.raises(WorkflowFileUnreadable, match="larger"):
        read_document(large)


def test_a_byte_order_mark_is_no_part_of_the_first_key(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(b"\xef\xbb\xbfname: x")
    assert read_document(path).value == {"name": "x"}


def test_an_empty_file_is_nothing() -> None:
    assert parse_document("").value is None
    assert parse_document("# only a remark\n").value is None


def test_shown_keys() -> None:
    assert shown_key(("tasks", "a", "needs", 0)) == "tasks.a.needs[0]"
    assert shown_key(()) == ""


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4)
    ),
    max_leaves=20,
)


# Text that neither version of YAML takes for anything else: what is dumped quotes by YAML 1.1.
words = st.text(max_size=8).map(lambda text: f"t {text}")
plain_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | words,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=4),
    max_leaves=20,
)


@settings(max_examples=150, deadline=None)
@given(json_values)
def test_json_is_read_as_json(value: Any) -> None:
    document = parse_document(json.dumps({"v": value}, indent=1), as_json=True)
    assert document.value == {"v": value}
    assert not document.faults


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet="ab: -[]{}&*!|>'\"#\n\t,?<%@", max_size=60))
def test_no_text_breaks_the_reader(text: str) -> None:
    document = parse_document(text)
    assert all(fault.line >= 1 and fault.column >= 1 for fault in document.faults)


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.from_regex(r"[a-z]{1,5}", fullmatch=True), plain_values, max_size=5))
def test_yaml_that_was_dumped_is_read_again(value: dict[str, Any]) -> None:
    assert (parse_document(yaml.safe_dump(value)).value or {}) == value
