"""``quarterdeck attention``, ``next`` and ``agent list`` against an engine on a real socket."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from quarterdeck.core.protocol import commands as c

if TYPE_CHECKING:
    from tests.cli.conftest import CommandLine
    from tests.cli.fake_engine import FakeEngine


def test_the_queue_in_the_engine_s_order(engine: FakeEngine, qd: CommandLine) -> None:
    view = engine.add("docs")
    later = datetime.now(UTC) + timedelta(hours=1)
    first, second = engine.raise_item(view), engine.raise_item(view, snoozed_until=later)
    heads, one, two = qd("attention", "list").out.splitlines()
    assert heads.split() == ["OF", "KIND", "AGE", "ITEM", "ASKS"]
    assert one.split()[:3] == ["docs", "approval", "3h"]
    assert two.split()[:4] == ["docs", "approval", "(snoozed)", "3h"]
    assert one.endswith("docs: run npm install")
    assert first.item_id.endswith(one.split()[3])
    assert second.item_id.endswith(two.split()[4])
    only = qd("attention", "list", "--no-snoozed", "--json").json["items"]
    assert [item["item_id"] for item in only] == [first.item_id]
    assert only[0]["session"] == "docs"


def test_an_item_is_named_as_the_list_shows_it(engine: FakeEngine, qd: CommandLine) -> None:
    view = engine.add("docs")
    items = [engine.raise_item(view) for _ in range(5)]
    shown = [line.split()[3] for line in qd("attention", "list").out.splitlines()[1:]]
    assert len(set(shown)) == 5
    for item, short in zip(items, shown, strict=True):
        assert qd("attention", "resolve", short).code == 0
        assert item.item_id not in engine.items


def test_an_end_of_an_id_that_several_items_have(engine: FakeEngine, qd: CommandLine) -> None:
    view = engine.add("docs")
    one = engine.raise_item(view, item_id="01M7YJZV2SFCDFMYKVHAAAAAAA")
    two = engine.raise_item(view, item_id="01M7YJZV2SFCDFMYKVBAAAAAAA")
    shown = [line.split()[3] for line in qd("attention", "list").out.splitlines()[1:]]
    assert shown == ["HAAAAAAA", "BAAAAAAA"]
    done = qd("attention", "resolve", "AAAAAA")
    assert (done.code, "ambiguous_item" in done.err) == (1, True)
    assert one.item_id in done.err
    assert two.item_id in done.err
    assert qd("attention", "resolve", "AAA").err.startswith("quarterdeck: item_unknown: ")


def test_an_item_whose_session_is_gone(engine: FakeEngine, qd: CommandLine) -> None:
    view = engine.add("docs")
    engine.raise_item(view)
    del engine.sessions[view.id]
    assert qd("attention", "list", "--json").json["items"][0]["session"] == ""
    assert qd("attention", "list").out.splitlines()[1].split()[0] == "approval"
    assert qd("next").out.splitlines()[0].split() == ["kind", "approval"]


def test_an_empty_queue_says_so(engine: FakeEngine, qd: CommandLine) -> None:
    assert qd("attention", "list").out == "Nothing needs you.\n"
    assert qd("next").out == "Nothing needs you.\n"
    assert qd("next", "--json").json == {"item": None}
    assert qd("next").code == 0


def test_next_shows_what_is_asked_and_how_to_answer(engine: FakeEngine, qd: CommandLine) -> None:
    item = engine.raise_item(engine.add("docs"))
    out = qd("next").out
    assert item.item_id in out
    assert "Run npm install?" in out
    assert "[3] No (reject)" in out
    assert qd("next", "--json").json["item"]["choices"][0]["meaning"] == "allow_once"


def test_an_item_is_answered_by_the_beginning_of_its_id(
    engine: FakeEngine, qd: CommandLine
) -> None:
    item = engine.raise_item(engine.add("docs"))
    done = qd("attention", "answer", item.item_id[:22], "reject")
    assert done.code == 0
    sent = engine.asked[-1]
    assert isinstance(sent, c.AnswerItem)
    assert (sent.item_id, sent.choice) == (item.item_id, "reject")
    assert engine.items == {}


def test_an_answer_says_something(engine: FakeEngine, qd: CommandLine) -> None:
    item = engine.raise_item(engine.add("docs"))
    assert qd("attention", "answer", item.item_id).code == 2
    assert qd("attention", "answer", item.item_id, "--text", "in words", "--json").json == {
        "answer": "in words"
    }


def test_an_unknown_and_an_ambiguous_item(engine: FakeEngine, qd: CommandLine) -> None:
    view = engine.add("docs")
    one, two = engine.raise_item(view), engine.raise_item(view)
    unknown = qd("attention", "resolve", "01AAAAAAAAAAAAAAAAAAAAAAAA")
    assert (unknown.code, "item_unknown" in unknown.err) == (1, True)
    both = qd("attention", "resolve", one.item_id[:5])
    assert "ambiguous_item" in both.err
    assert two.item_id in both.err


@pytest.mark.parametrize(
    ("words", "wanted", "said"),
    [
        ([], 600, "Put aside for 10m.\n"),
        (["--for", "30"], 30, "Put aside for 30.\n"),
        (["--for", "90s"], 90, "Put aside for 90s.\n"),
        (["--for", "1.5h"], 5400, "Put aside for 1.5h.\n"),
        (["--for", "1d"], 86_400, "Put aside for 1d.\n"),
        (["--for", "0"], 0, "Back on the queue.\n"),
    ],
)
def test_snooze(
    engine: FakeEngine, qd: CommandLine, words: list[str], wanted: float, said: str
) -> None:
    item = engine.raise_item(engine.add("docs"))
    assert qd("attention", "snooze", item.item_id, *words).out == said
    sent = engine.asked[-1]
    assert isinstance(sent, c.SnoozeItem)
    assert sent.seconds == wanted


def test_a_time_that_is_none(engine: FakeEngine, qd: CommandLine) -> None:
    done = qd("attention", "snooze", "whatever", "--for", "soon")
    assert (done.code, "--for takes a time such as" in done.err) == (2, True)


def test_resolve(engine: FakeEngine, qd: CommandLine) -> None:
    item = engine.raise_item(engine.add("docs"))
    done = qd("attention", "resolve", item.item_id, "--json")
    assert done.json["item"]["state"] == "resolved"
    assert qd("attention", "list", "--json").json == {"items": []}


def test_agents_with_an_engine(engine: FakeEngine, qd: CommandLine) -> None:
    _, claude, codex = qd("agent", "list").out.splitlines()
    assert claude.split() == ["claude", "Claude", "Code", "found", "rules", "/usr/bin/claude"]
    assert codex.split() == ["codex", "Codex", "missing", "codex"]
    assert [one["name"] for one in qd("agent", "list", "--json").json["agents"]] == [
        "claude",
        "codex",
    ]
