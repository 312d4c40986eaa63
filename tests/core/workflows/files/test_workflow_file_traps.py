"""What YAML takes for more than text: where it is, and what to do."""

from __future__ import annotations

import pytest

from quarterdeck.core.workflows.files.reading import parse_document


@pytest.mark.parametrize(
    ("text", "place", "hint"),
    [
        ("run: {a: what? }", (1, 14), "Within braces or brackets a text that holds ? must be quoted"),
        ("run: [what?, no]", (1, 11), "Within braces or brackets a text that holds ? must be quoted"),
        ("a: {b: c: d}", (1, 9), "Within braces or brackets a text that holds : must be quoted"),
        ("a: {b: 'x' y}", (1, 12), "Put a comma between the entries; if all of it is one text, put"),
        ("a: {b: c\n", (2, 1), "What is opened in line 1 is never closed: add the }, or put"),
        ("a: {b: c,\n", (2, 1), "A bracket that is opened above is never closed: close it, or put"),
        ("a:\n  - [b\n", (3, 1), "What is opened in line 2 is never closed: add the ], or put"),
        ("run: echo a: b", (1, 12), "A text that holds a colon with a space behind it must be quoted"),
        ("a:\n  - say: this: now", (2, 14), "A text that holds a colon with a space behind"),
        ("a: b\n  c: d", (2, 4), "Give this key the indent of its neighbours"),
        ("a:b\nc: d", (2, 2), "Give this key the indent of its neighbours; and a key in the line above"),
        ("when: {{ ok }}", (1, 8), 'A text that begins with { or [ must be quoted, as in "{{ ... }}"'),
        ("when: {{ ok }} and more", (1, 16), "A text that begins with {{ must be quoted"),
        ("a: [{{ x }} y]", (1, 13), "A text that begins with {{ must be quoted"),
        ("a: {x} done", (1, 8), "A text can't begin with { unless it is quoted"),
        ("a: [x] done", (1, 8), "A text can't begin with [ unless it is quoted"),
        ("a: %done", (1, 4), "A text can't begin with % unless it is quoted"),
        ("%a: b", (1, 3), "A text can't begin with % unless it is quoted"),
        ("a: @me", (1, 4), "A text can't begin with @ unless it is quoted"),
        ("a: [`date`]", (1, 5), "A text can't begin with ` unless it is quoted"),
        ("a: *.py", (1, 5), "A text can't begin with * unless it is quoted"),
        ("a: *all", (1, 4), "A text can't begin with * unless it is quoted"),
        ("a: & b", (1, 5), "A text can't begin with & unless it is quoted"),
        ("a: ? b", (1, 4), "A text can't begin with ? unless it is quoted"),
        ("a: , b", (1, 4), "A text can't begin with , unless it is quoted"),
        ("a: !x y", (1, 1), "Write plain values; put a text that begins with ! in quotes."),
        ("a: - b", (1, 4), "Begin a list in the line below its key; if this is a text, put"),
        ("a: > b", (1, 6), "Begin the text in the line below; if this sign belongs to it, put"),
        ("a:\n\tb: c", (2, 1), "Indent with spaces, not with tabs."),
        ("a:\tb", (1, 3), "Write spaces in place of the tab, or put the text in quotes"),
        ("a: 'it's'", (1, 8), "Quotes go around the whole text: put the whole text in quotes, and write a '"),
        ('a: "x" y', (1, 8), 'Quotes go around the whole text: put the whole text in quotes, and write a "'),
        ("a: 'x\nb: c", (2, 5), "The quote that is opened in line 1 is never closed."),
        ('a: "\\d+"', (1, 6), "Within double quotes write a backslash twice, or use single quotes."),
        ("- a\nb: c", (2, 1), "Give this line the indent of its neighbours."),
        ("a: b\nc: \x07", (2, 4), "Remove it."),
    ],
)  # fmt: skip
def test_what_must_be_quoted_is_said_with_its_place(
    text: str, place: tuple[int, int], hint: str
) -> None:
    (fault,) = parse_document(text).faults
    assert (fault.line, fault.column) == place
    assert fault.hint.startswith(hint)


@pytest.mark.parametrize(
    "text", ["{a: 'what? '}", 'a: "{{ x }}"', "a: '%done'", "a: 'b: c'", "a: '@me'", "a: '`x`'"]
)
def test_what_the_hints_say_is_right(text: str) -> None:
    assert not parse_document(text).faults


@pytest.mark.parametrize("text", ["[" * 5000, "{a: " * 5000, "- " * 5000 + "a"])
def test_what_is_nested_too_deeply_is_a_fault(text: str) -> None:
    (fault,) = parse_document(text).faults
    assert fault.message == "This is nested too deeply, too long, or within itself."
