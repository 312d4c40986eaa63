"""Templates: what they give, what they may not do, what they don't tell."""

from __future__ import annotations

import json
import shlex
import time
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quarterdeck.core.workflows.files import Scope, TemplateFailed, TemplateTooLong
from quarterdeck.core.workflows.files.bounds import (
    MOST_CHARACTERS,
    MOST_STEPS,
    Bounded,
    check_power,
    plain,
    step,
)
from quarterdeck.core.workflows.files.references import look_into
from quarterdeck.core.workflows.files.templates import condition_text, holds, render, render_text

SCOPE = Scope(
    inputs={"items": [1, 2], "n": 5, "keys": "k", "text": "a b", "none": None, "yes": True},
    tasks={"a-b": {"result": {"x": [1, {"y": "z"}]}, "status": "completed", "outputs": {}}},
    loop={"item": "one", "index": 0},
    env={"HOME": "/home"},
)
SECRET = "s3cr3t-value-of-mine"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("plain", "plain"),
        ("{{ inputs.items }}", [1, 2]),
        ("  {{ inputs.items }}", "  [1, 2]"),
        ("{{- inputs.n -}}", 5),
        ("{{ inputs.keys }}", "k"),
        ("{{ inputs.none }}", None),
        ("<{{ inputs.none }}|{{ inputs.yes }}|{{ inputs.items }}>", "<|true|[1, 2]>"),
        ("{{ tasks['a-b'].result.x[1].y }}", "z"),
        ("{{ tasks['a-b'].result }}", {"x": [1, {"y": "z"}]}),
        ("{{ inputs.n + 1 }}", 6),
        ("{{ inputs.n * 2 }}", 10),
        ("{{ 2 ** 10 }}", 1024),
        ("{{ 7 % 3 }}", 1),
        ("{{ inputs.text ~ '-' ~ inputs.items }}", "a b-[1, 2]"),
        ("{{ inputs.items | map('string') }}", ["1", "2"]),
        ("{{ inputs.items | join(', ') }}", "1, 2"),
        ("{{ inputs.text.split() }}", ["a", "b"]),
        ("{{ inputs.text | replace(' ', '+') }}", "a+b"),
        ("{{ inputs.text | quote }}", "'a b'"),
        ("{{ inputs.items | tojson }}", "[1, 2]"),
        ("{{ {'b': 1} | tojson(2) }}", '{\n  "b": 1\n}'),
        ("{{ inputs.nothing | default('d') }}", "d"),
        ("{{ inputs.items if inputs.yes else none }}", [1, 2]),
        ("{% if inputs.yes %}y{% else %}n{% endif %}", "y"),
        ("{% for i in inputs.items %}{{ loop.index }}={{ i }};{% endfor %}", "1=1;2=2;"),
        ("{% set t = inputs.n %}{{ t }}", "5"),
        ("{{ item }}{{ index }}", "one0"),
        ("{{ 'a\nb' | indent(2) }}", "a\n  b"),
        ("{{ inputs.items | batch(1) | list }}", [[1], [2]]),
        ("line\n", "line\n"),
        ("{{ '{{' }}", "{{"),
        ("{# nothing #}", ""),
        ("{{ dict(a=1) }}", {"a": 1}),
        ("{{ [{'n': 'x'}, {'n': 'y'}] | join('', 'n') }}", "xy"),
    ],
)
def test_what_templates_give(text: str, value: Any) -> None:
    assert render(text, SCOPE) == value


def test_a_whole_structure_is_rendered() -> None:
    given = {"a": ["{{ inputs.n }}", 3, {"b": "n={{ inputs.n }}"}], "c": None}
    assert render(given, SCOPE) == {"a": [5, 3, {"b": "n=5"}], "c": None}


def test_text_stays_text_where_it_is_wanted() -> None:
    assert render_text("{{ inputs.items }}", SCOPE) == "[1, 2]"
    assert render_text("{{ inputs.n }}", SCOPE) == "5"
    assert render_text("{{ inputs.none }}", SCOPE) == ""


def test_what_is_rendered_is_a_copy() -> None:
    found = render("{{ inputs.items }}", SCOPE)
    found.append(3)
    assert SCOPE.inputs["items"] == [1, 2]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{{ inputs.nope }}", "'dict object' has no attribute 'nope'"),
        ("{{ nothing }}", "'nothing' is undefined"),
        ("{{ nothing.at.all }}", "'nothing' is undefined"),
        ("x{{ inputs.nope }}", "has no attribute 'nope'"),
        ("{{ inputs.nope | quote }}", "has no attribute 'nope'"),
        ("{{ inputs.nope ~ 'x' }}", "has no attribute 'nope'"),
        ("{{ inputs.nope | tojson }}", "has no attribute 'nope'"),
        ("{{ 1 / 0 }}", "division by zero"),
        ("{{ inputs.n + 'x' }}", "unsupported operand"),
        ("{{ x", "unexpected end of template"),
        ("{{ ''.__class__ }}", "unsafe"),
        ("{{ inputs.__class__ }}", "unsafe"),
        ("{{ inputs.items.append(3) }}", "unsafe"),
        ("{{ inputs.items.__init__.__globals__ }}", "unsafe"),
        ("{{ (inputs.text | attr('__class__')) }}", "unsafe"),
        ("{{ 'a{}'.format(inputs) }}", "unsafe"),
        ("{{ '%s' % inputs.n }}", "put values side by side"),
        ("{{ cycler }}", "'cycler' is undefined"),
        ("{{ lipsum() }}", "'lipsum' is undefined"),
        ("{{ inputs.text | pprint }}", "No filter named 'pprint'"),
        ("{{ range }}", "no JSON"),
        ("{{ 1e308 * 10 }}", "no JSON"),
    ],
)
def test_what_templates_refuse(text: str, told: str) -> None:
    with pytest.raises(TemplateFailed) as caught:
        render(text, SCOPE, "prompt of plan")
    assert caught.value.message.startswith("prompt of plan: ")
    assert told in caught.value.message
    assert caught.value.__cause__ is None


def test_a_message_names_the_place_within_a_structure() -> None:
    with pytest.raises(TemplateFailed, match=r"^run of a\.x\[1\]: "):
        render({"x": ["ok", "{{ nope }}"]}, SCOPE, "run of a")


# ---- bounds --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}",
        "{% for i in range(100000) %}{% for j in range(100000) %}{{ i }}{% endfor %}{% endfor %}",
        "{% for a in range(300) %}{% for b in range(300) %}{% for c in range(300) %}{% endfor %}{% endfor %}{% endfor %}",
        "{{ range(100000) | map('abs') | map('string') | join }}{% for i in range(99999) if i.x %}{% endfor %}{% for i in range(99999) if i.x %}{% endfor %}",
        "{{ 'a' * 10 ** 9 }}",
        "{{ [1] * 10 ** 9 }}",
        "{{ 10 ** 9 * 'a' }}",
        "{{ 10 ** 10 ** 10 }}",
        "{{ 9 ** 60 }}",
        "{{ 999999999999 * 999999999999 }}",
        "{{ 'aaa' | replace('', 'b' * 600000) }}",
        "{{ range(100000) | join('-' * 1000) }}",
        "{{ range(10 ** 9) | list }}",
        "{{ [1] | batch(10 ** 9, 'x') | list }}",
        "{{ 'a\na' | indent(10 ** 9) }}",
        "{% set a = 'x' * 1000000 %}{{ a ~ a }}",
        "{% set a = 'x' * 1000000 %}{{ a + a }}",
        "{% for i in range(100) %}{{ 'x' * 100000 }}{% endfor %}",
    ],
)  # fmt: skip
def test_no_template_hangs_or_fills_the_memory(text: str) -> None:
    begun = time.process_time()
    with pytest.raises(TemplateTooLong):
        render(text, SCOPE)
    assert time.process_time() - begun < 5


def test_steps_of_all_texts_of_one_value_count_together() -> None:
    text = "{% for i in range(60000) %}{% endfor %}"
    assert render(text, SCOPE) == ""
    with pytest.raises(TemplateTooLong):
        render([text] * 4, SCOPE)


def test_time_is_bounded_too() -> None:
    seconds = iter(range(1000))
    with Bounded(1.0, lambda: float(next(seconds))):
        for _ in range(0x1FF):
            step()
        with pytest.raises(TemplateTooLong, match="takes too long"):
            step()


def test_outside_of_a_rendering_nothing_counts() -> None:
    for _ in range(MOST_STEPS + 1):
        step()


def test_small_powers_are_right() -> None:
    check_power(2, -3)
    check_power(2.5, 3)
    with pytest.raises(TemplateTooLong):
        check_power(2.0, 1000)


def test_values_that_are_no_json() -> None:
    assert plain({1: (x for x in "ab")}) == {"1": ["a", "b"]}
    for wrong in (b"bytes", object(), int):
        with pytest.raises(TypeError):
            plain(wrong)
    deep: list[Any] = []
    for _ in range(200):
        deep = [deep]
    with pytest.raises(TypeError, match="deeply"):
        plain(deep)
    with pytest.raises(TemplateTooLong):
        plain(["x" * 1000] * (MOST_CHARACTERS // 1000 + 1))


# ---- conditions ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("condition", "answer"),
    [
        (True, True),
        (False, False),
        ("inputs.yes", True),
        ("not inputs.yes", False),
        ("inputs.n > 3 and inputs.text == 'a b'", True),
        ("{{ inputs.items }}", True),
        ("inputs.none", False),
        ("tasks['a-b'].result.x | length == 2", True),
        ("inputs.nope is defined", False),
    ],
)
def test_conditions(condition: bool | str, answer: bool) -> None:
    assert holds(condition, SCOPE) is answer


def test_text_is_no_answer() -> None:
    with pytest.raises(TemplateFailed, match="neither true nor false"):
        holds("inputs.text", SCOPE, "when of a")
    assert condition_text("a.b") == "{{ a.b }}"
    assert condition_text("{{ a }}") == "{{ a }}"


# ---- secrets -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "{{ {}[env.T] }}",
        "{{ inputs[inputs.s] }}",
        "x {{ {}[env.T ~ 'more'] }}",
        "{{ {}['ghp_abcdefghijklmnopqrstuvwxyz012345'] }}",
        "{{ env.T | attr(env.T) }}",
    ],
)
def test_messages_tell_no_secrets(text: str) -> None:
    scope = Scope(inputs={"s": SECRET}, env={"T": SECRET}, secrets=frozenset({SECRET, ""}))
    with pytest.raises(TemplateFailed) as caught:
        render(text, scope)
    assert SECRET not in str(caught.value)
    assert "abcdefghijkl" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_even_short_secrets_are_hidden() -> None:
    scope = Scope(env={"T": "pw1"}, secrets=frozenset({"pw1"}))
    with pytest.raises(TemplateFailed) as caught:
        render("{{ {}[env.T] }}", scope)
    assert "pw1" not in caught.value.message


# ---- properties ----------------------------------------------------------------------------

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4)
    ),
    max_leaves=15,
)


@settings(max_examples=150, deadline=None)
@given(json_values)
def test_one_expression_gives_exactly_its_value(value: Any) -> None:
    assert render("{{ inputs.v }}", Scope(inputs={"v": value})) == value


@settings(max_examples=150, deadline=None)
@given(json_values)
def test_values_are_never_templates_themselves(value: Any) -> None:
    tricky = {"v": value, "t": "{{ inputs.v }}{% for %}"}
    assert render("{{ inputs.t }}", Scope(inputs=tricky)) == tricky["t"]
    assert json.loads(render_text("{{ inputs | tojson }}", Scope(inputs=tricky))) == tricky


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet=st.characters(exclude_characters="\0", codec="utf-8"), max_size=20))
def test_quote_gives_one_word(text: str) -> None:
    line = render("echo {{ inputs.v | quote }}", Scope(inputs={"v": text}))
    assert shlex.split(line) == ["echo", text]


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="{}%#abc .|()[]'\"1+*~_", max_size=30))
def test_no_text_breaks_the_templates(text: str) -> None:
    look_into("{{" + text)
    look_into(text)
    with suppress(TemplateFailed):
        render(text, SCOPE)
