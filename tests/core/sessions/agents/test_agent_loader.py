from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from quarterdeck.core.protocol.status import Activity, DialogKind
from quarterdeck.core.sessions.agents.loader import (
    AgentCatalog,
    AgentFileSyntax,
    AgentFileUnreadable,
    default_expansions,
    load_agents,
)
from quarterdeck.core.sessions.agents.problems import AgentInvalid
from quarterdeck.core.sessions.agents.rules import Pick
from quarterdeck.core.sessions.practice import ROLES, crew_path

EXPANSIONS = {"python": "/py", "practice": "/crew.py", "shell": "/bin/zsh"}
SHIPPED = {"claude", "codex", "gemini", "opencode", "aider", "shell"}


def load(user: Path | None = None, config: Mapping[str, Any] | None = None) -> AgentCatalog:
    return load_agents(user_dir=user, config=config, expansions=EXPANSIONS)


def only_fault(catalog: AgentCatalog) -> str:
    (fault,) = catalog.faults
    return fault.message


def test_shipped_agents_load_without_a_fault() -> None:
    catalog = load()
    assert catalog.faults == ()
    assert set(catalog.definitions) >= SHIPPED | {f"practice-{role}" for role in ROLES}


def test_rules_have_ids_of_their_own_and_an_origin() -> None:
    for name, definition in load().definitions.items():
        ids = [rule.id for rule in (*definition.title_rules, *definition.screen_rules)]
        assert len(set(ids)) == len(ids), name
        for rule in (*definition.title_rules, *definition.screen_rules):
            file, _, line = rule.origin.partition(":")
            assert (file, line.isdigit()) == (f"{name}.toml", True)


def test_placeholders_are_filled() -> None:
    definitions = load().definitions
    assert definitions["practice-worker"].command == (
        "/py", "-I", "-S", "/crew.py", "--role", "worker",
    )  # fmt: skip
    assert definitions["shell"].command == ("/bin/zsh",)
    assert definitions["claude"].resume.args == ("--resume", "{session_ref}")


def test_default_placeholders() -> None:
    found = default_expansions({"SHELL": "/bin/fish"})
    assert found["shell"] == "/bin/fish"
    assert found["practice"] == str(crew_path())
    assert Path(found["python"]).exists()
    assert default_expansions({})["shell"] == "/bin/sh"
    assert default_expansions({"SHELL": ""})["shell"] == "/bin/sh"


def test_recommended_flags_ship() -> None:
    codex = load().definitions["codex"]
    assert "--no-daemon" in codex.args
    assert "--no-daemon" in codex.resume.args
    assert codex.timing.start_grace == 1.0


def test_command_alone_makes_an_agent() -> None:
    catalog = load(config={"mine": {"command": "my-agent"}, "other": "another"})
    assert catalog.faults == ()
    mine = catalog.definitions["mine"]
    assert (mine.name, mine.command, mine.transport) == ("mine", ("my-agent",), "pty")
    assert (mine.shown, mine.has_rules, mine.readable, mine.resumable) == (
        "mine",
        False,
        False,
        False,
    )
    assert mine.prompt.pause == 0.25
    assert catalog.definitions["other"].command == ("another",)
    assert mine.origin == "settings, [agents.mine]"


def test_command_with_blanks_is_refused_and_says_how() -> None:
    message = only_fault(load(config={"mine": {"command": "my-agent --fast"}}))
    assert "['my-agent', '--fast']" in message
    catalog = load(config={"mine": {"command": ["my-agent", "--fast"]}})
    assert catalog.definitions["mine"].command == ("my-agent", "--fast")
    nothings: tuple[Any, ...] = ("", [], " ")
    for nothing in nothings:
        assert load(config={"mine": {"command": nothing}}).faults


def test_file_takes_its_name_from_the_file(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('command = "x"')
    (tmp_path / "other.toml").write_text('name = "named"\ncommand = "x"')
    definitions = load(tmp_path).definitions
    assert {"mine", "named"} <= set(definitions)
    assert "other" not in definitions


def test_later_words_override_earlier_ones_key_by_key(tmp_path: Path) -> None:
    (tmp_path / "claude.toml").write_text(
        'args = ["--verbose"]\n[env]\nA = "1"\nB = "1"\n[timing]\nsilence_limit = 5\n'
        '[answers.permission]\nreject = ["esc"]\n'
    )
    config = {"claude": {"env": {"B": "2"}, "title": "Mine"}}
    catalog = load(tmp_path, config)
    assert catalog.faults == ()
    claude, shipped = catalog.definitions["claude"], load().definitions["claude"]
    assert (claude.title, claude.args, claude.env) == ("Mine", ("--verbose",), {"A": "1", "B": "2"})
    assert (claude.timing.silence_limit, claude.timing.turn_end) == (5, shipped.timing.turn_end)
    assert claude.answer_keys(DialogKind.PERMISSION).pick is Pick.DIGIT
    assert claude.answer_keys(DialogKind.PERMISSION).reject == ("esc",)
    assert claude.screen_rules == shipped.screen_rules
    assert claude.command == shipped.command


def test_another_command_is_looked_for_by_its_own_name() -> None:
    given = load(config={"claude": {"detect": ["claude", "claude-code"]}}).definitions["claude"]
    assert given.detect == ("claude", "claude-code")
    both = {"claude": {"command": "/opt/claude"}}
    assert load(config=both).definitions["claude"].detect == ()


RULE = """
[[screen_rules]]
id = "idle"
activity = "idle"
any = ['^ready$']
"""


def test_rules_replace_the_shipped_ones(tmp_path: Path) -> None:
    (tmp_path / "claude.toml").write_text(RULE)
    claude = load(tmp_path).definitions["claude"]
    assert [rule.id for rule in claude.screen_rules] == ["idle"]
    assert claude.title_rules  # not given, so not replaced


def test_rules_extend_the_shipped_ones(tmp_path: Path) -> None:
    (tmp_path / "claude.toml").write_text(
        "extend = true\n" + RULE + RULE.replace('"idle"', '"new"', 1)
    )
    claude, shipped = load(tmp_path).definitions["claude"], load().definitions["claude"]
    ids = [rule.id for rule in claude.screen_rules]
    assert ids[:2] == ["idle", "new"]
    assert len(ids) == len(shipped.screen_rules) + 1
    assert claude.screen_rules[0].any[0].pattern == "^ready$"
    assert claude.screen_rules[0].origin == f"{tmp_path / 'claude.toml'}:3"


def test_unknown_key_is_named_with_file_line_and_the_nearest_one(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(
        'command = "x"\ncapabilites = []\n\n[promt]\npause = 1\n\n[timing]\nstart_grac = 1\n'
        + RULE.replace("any", "anyy")
    )
    lines = only_fault(load(tmp_path)).splitlines()
    assert f"{file}, line 2: capabilites: unknown key; did you mean capabilities?" in lines
    assert f"{file}, line 4: promt: unknown key; did you mean prompt?" in lines
    assert f"{file}, line 8: timing.start_grac: unknown key; did you mean start_grace?" in lines
    assert f"{file}, line 13: screen_rules[0].anyy: unknown key; did you mean any?" in lines


def test_bad_values_are_named_with_their_line(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(
        'command = "x"\ntransport = "smoke"\n'
        + RULE.replace("'^ready$'", "'^ok', '(a+)+'")
        + RULE.replace('activity = "idle"', 'activity = "needs_approval"').replace(
            '"idle"', '"two"'
        )
        + RULE.replace('"idle"\nactivity', '"three"\nregion = "top:3"\nactivity')
    )
    message = only_fault(load(tmp_path))
    assert f"{file}, line 2: transport: " in message
    assert f"{file}, line 7: screen_rules[0].any[1]: An endless repetition" in message
    assert "screen_rules[1]: A rule for needs_approval says what is asked" in message
    assert "screen_rules[2].region: A region is whole, last_line" in message


def test_many_problems_are_counted(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(
        'command = "x"\n' + "".join(f"zz{number} = 1\n" for number in range(12))
    )
    assert "... and 4 more." in only_fault(load(tmp_path))


def test_problem_of_the_settings_names_the_table() -> None:
    catalog = load(config={"mine": {"command": "x", "titel": "y"}})
    assert only_fault(catalog) == (
        "settings, [agents.mine]: titel: unknown key; did you mean title?"
    )


def test_missing_command_is_told(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('title = "x"')
    catalog = load(tmp_path)
    assert "command: Field required" in only_fault(catalog)
    assert isinstance(catalog.faults[0], AgentInvalid)


def test_faulty_layer_leaves_the_one_below_in_force(tmp_path: Path) -> None:
    (tmp_path / "claude.toml").write_text("titel = 1")
    catalog = load(tmp_path, {"claude": {"title": "From the settings"}})
    assert len(catalog.faults) == 1
    assert catalog.definitions["claude"].title == "From the settings"


def test_broken_file_keeps_none_of_the_others_from_loading(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text("command = \nx = 1")
    (tmp_path / "b.toml").write_bytes(b"\xff\xfe")
    (tmp_path / "c.toml").mkdir()
    (tmp_path / "d.toml").write_text('command = "d"')
    catalog = load(tmp_path)
    assert "d" in catalog.definitions
    assert [type(fault) for fault in catalog.faults] == [
        AgentFileSyntax, AgentFileUnreadable, AgentFileUnreadable,
    ]  # fmt: skip
    assert "line 1" in catalog.faults[0].message
    assert str(tmp_path / "b.toml") in catalog.faults[1].message


def test_missing_folder_is_no_fault(tmp_path: Path) -> None:
    assert load(tmp_path / "nowhere").faults == ()


def test_rules_that_are_no_list_are_told(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('command = "x"\nscreen_rules = "none"\ntitle_rules = ["x"]')
    message = only_fault(load(tmp_path))
    assert f"{file}, line 2: screen_rules: " in message
    assert f"{file}, line 3: title_rules[0]: " in message


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ({"activity": "idle"}, "expressions in any, all or ends"),
        ({"any": ["x"]}, "one of these: an activity, hold = true, modal = true"),
        ({"any": ["x"], "activity": "idle", "hold": True}, "one of these"),
        ({"any": ["x"], "activity": "idle", "modal": True}, "one of these"),
        ({"any": ["x"], "hold": True, "modal": True}, "one of these"),
        (
            {"any": ["x"], "activity": "idle", "kind": "trust"},
            "Only needs_approval and needs_answer",
        ),
        (
            {"any": ["x"], "activity": "needs_answer", "kind": "question", "text": ["x"]},
            r"\(\?P<text>...\)",
        ),
        (
            {"any": ["x"], "activity": "needs_answer", "kind": "question", "choices": "x"},
            r"\(\?P<label>...\)",
        ),
        ({"any": ["x"], "activity": "sleeping"}, "activity"),
        ({"any": ["x"], "activity": "idle", "region": "bottom:0"}, "A region is"),
        ({"any": ["x"], "activity": "idle", "region": "bottom:61"}, "A region is"),
        ({"any": ["x"], "activity": "idle", "priority": "high"}, "priority"),
        ({"any": "x", "activity": "idle"}, "any"),
    ],
)
def test_unusable_screen_rules_are_refused(rule: dict[str, Any], told: str) -> None:
    catalog = load(config={"mine": {"command": "x", "screen_rules": [{"id": "r", **rule}]}})
    with pytest.raises(AgentInvalid, match=told):
        raise catalog.faults[0]


def test_unusable_title_rule_is_refused() -> None:
    rules = [{"id": "r", "activity": "idle"}]
    assert "A title rule has" in only_fault(
        load(config={"m": {"command": "x", "title_rules": rules}})
    )


def test_resume_expression_needs_its_group() -> None:
    catalog = load(config={"mine": {"command": "x", "resume": {"found_by": "abc"}}})
    assert "(?P<ref>...)" in only_fault(catalog)


@pytest.mark.parametrize(
    ("agent", "text", "ref"),
    [
        ("claude", "Resume this session with:\nclaude --resume 8d6c2127-315c-4285-9111-964aadf54c18",
         "8d6c2127-315c-4285-9111-964aadf54c18"),
        ("claude", "claude --permission-mode default --resume 0925202f-623d-4fb3-9703-bca26c29f614",
         "0925202f-623d-4fb3-9703-bca26c29f614"),
        ("codex", "To continue this session, run:\n  codex resume 01a1fa1d-5cf3-7001-93af-6fff1318ad66",
         "01a1fa1d-5cf3-7001-93af-6fff1318ad66"),
    ],
)  # fmt: skip
def test_session_id_is_found_in_what_an_agent_leaves(agent: str, text: str, ref: str) -> None:
    pattern = load().definitions[agent].resume.found_by
    assert pattern is not None
    found = pattern.search(text)
    assert found is not None
    assert found["ref"] == ref


def test_definitions_are_values() -> None:
    claude = load().definitions["claude"]
    assert claude == load().definitions["claude"]
    assert claude.title_rules[0].activity is Activity.WORKING
    assert claude.model_dump_json()


def test_what_an_agent_takes_at_once_and_where_it_shares(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('command = "x"\ncapacity = 2\nscore = 50\ngroups = ["provider-x"]\n')
    mine = load(tmp_path).definitions["mine"]
    assert (mine.capacity, mine.score, mine.groups) == (2, 50.0, ("provider-x",))
    claude = load().definitions["claude"]
    assert (claude.capacity, claude.score, claude.groups) == (10, 100.0, ())
    file.write_text('command = "x"\ncapacity = 0\nscore = -1\n')
    told = only_fault(load(tmp_path))
    assert f"{file}, line 2: capacity" in told
    assert f"{file}, line 3: score" in told


def test_no_agent_is_called_any(tmp_path: Path) -> None:
    (tmp_path / "any.toml").write_text('command = "x"\n')
    assert "take another name" in only_fault(load(tmp_path))
