from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.core.base import toml_lines
from quarterdeck.core.base.toml_lines import line_map, line_of
from quarterdeck.core.sessions import agents

TEXT = '''\
# a comment with [brackets] and key = 1
name = "x"
"quoted key" = 1
a.b.c = 2
list = [
  "one", # not = a key
  "two = 2",
]
long = """
inside = "no key"
[nor a table]
"""
raw = \'\'\'one line\'\'\'

[table]
key = "va=lue"
inline = { x = 1, y = [1, 2] }

[table.sub]
deep = true

[[rules]]
id = "first"

[rules.inner]
z = 1

[[rules]]
id = 'second'
any = ['^\\[x', "a]"]
last = 1
'''


def line_with(part: str) -> int:
    return next(n for n, line in enumerate(TEXT.splitlines(), 1) if part in line)


def test_lines_of_keys_and_tables() -> None:
    tomllib.loads(TEXT)
    lines = line_map(TEXT)
    for path, part in {
        ("name",): 'name = "x"',
        ("quoted key",): '"quoted key"',
        ("a", "b", "c"): "a.b.c",
        ("list",): "list = [",
        ("long",): 'long = """',
        ("raw",): "raw =",
        ("table",): "[table]",
        ("table", "key"): "va=lue",
        ("table", "inline"): "inline",
        ("table", "sub", "deep"): "deep",
        ("rules", 0, "id"): '"first"',
        ("rules", 0, "inner", "z"): "z = 1",
        ("rules", 1): "[[rules]]",
        ("rules", 1, "id"): "'second'",
        ("rules", 1, "any"): "any =",
        ("rules", 1, "last"): "last = 1",
    }.items():
        expected = line_with(part)
        if path == ("rules", 1):
            expected = line_with("'second'") - 1
        assert lines[path] == expected, path
    assert ("inside",) not in lines
    assert ("two",) not in lines


def test_unknown_path_is_the_nearest_thing_around_it() -> None:
    lines = line_map(TEXT)
    assert line_of(lines, ("rules", 1, "any", 0)) == line_with("any =")
    assert line_of(lines, ("table", "missing")) == line_with("[table]")
    assert line_of(lines, ("nothing",)) is None
    assert line_of({}, ()) is None


def test_multi_line_string_that_ends_on_its_own_line() -> None:
    assert line_map("a = '''\nx\n'''\nb = 1") == {("a",): 1, ("b",): 4}


keys = st.text("abcdefgh_-", min_size=1, max_size=5)
scalars = st.one_of(
    st.integers(0, 9),
    st.booleans(),
    st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=9),
)


def toml_of(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'


@given(st.dictionaries(keys, st.dictionaries(keys, scalars, min_size=1, max_size=4), max_size=4))
def test_every_key_of_a_valid_file_has_its_line(tables: dict[str, dict[str, Any]]) -> None:
    text = ""
    expected: dict[toml_lines.KeyPath, int] = {}
    number = 0
    for table, entries in tables.items():
        number += 1
        text += f"[{table}]\n"
        for key, value in entries.items():
            number += 1
            text += f"{key} = {toml_of(value)}\n"
            expected[table, key] = number
    assert tomllib.loads(text) == tables
    lines = line_map(text)
    assert {path: line for path, line in lines.items() if len(path) == 2} == expected


def test_shipped_files_are_mapped_whole() -> None:
    def paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        if isinstance(value, dict):
            inner = [found for key, item in value.items() for found in paths(item, (*path, key))]
            return [path, *inner]
        if isinstance(value, list) and value and isinstance(value[0], dict):
            return [found for n, item in enumerate(value) for found in paths(item, (*path, n))]
        return [path]

    for file in Path(agents.__file__).parent.glob("*.toml"):
        text = file.read_text(encoding="utf-8")
        lines = line_map(text)
        for path in paths(tomllib.loads(text)):
            outer = path
            while outer and outer not in lines:
                outer = outer[:-1]  # what stands inline stands in its key's line
            assert outer or not path, (file.name, path)
