"""``quarterdeck session`` against an engine on a real socket."""

from __future__ import annotations

import io
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.cli.fake_views import SINCE, asking

from quarterdeck.cli.printing import local_time
from quarterdeck.core.protocol import commands as c
from quarterdeck.core.protocol.status import Activity, Choice, DialogKind, Lifecycle, Request

if TYPE_CHECKING:
    from tests.cli.conftest import CommandLine
    from tests.cli.fake_engine import FakeEngine

ASKING = Request(
    request_id="r-1",
    kind=DialogKind.PERMISSION,
    text="Run npm install?\x1b[31m",
    choices=(Choice(key="1", label="Yes", meaning="allow_once"),),
)
RECORD_KEYS = {
    "id", "name", "agent", "cwd", "repo", "lifecycle", "activity", "source", "evidence", "since",
    "request", "shown", "priority", "pid", "keeper_pid", "exit_code", "exit_signal", "reason",
    "title", "progress", "cols", "lines", "created_at", "started_at", "ended_at", "resumable", "workspace",
    "version",
}  # fmt: skip


def fields(out: str) -> dict[str, str]:
    """Names and values below each other."""
    pairs = (line.split("  ", 1) for line in out.splitlines())
    return {name: value.strip() for name, value in pairs}


def test_the_list_shows_a_line_for_each_session(engine: FakeEngine, qd: CommandLine) -> None:
    engine.add("docs")
    engine.add("fix-login", activity=Activity.NEEDS_APPROVAL, request=ASKING)
    done = qd("session", "list")
    assert done.code == 0
    heads, docs, fix = done.out.splitlines()
    assert heads.split() == ["NAME", "AGENT", "STATE", "SINCE", "IN", "ABOUT"]
    assert docs.split() == ["docs", "claude", "working", "3h", "/home/ada/shop", "shop"]
    assert "needs approval" in fix
    assert "Run npm install?" in fix
    assert "\x1b" not in done.out


def test_an_ended_session_has_the_age_of_its_end(engine: FakeEngine, qd: CommandLine) -> None:
    engine.add("gone", lifecycle=Lifecycle.CRASHED, ended_at=SINCE + timedelta(hours=2))
    assert qd("session", "list").out.splitlines()[1].split()[2:4] == ["crashed", "1h"]
    assert fields(qd("session", "show", "gone").out)["state"] == "crashed for 1h"
    assert fields(qd("session", "explain", "gone").out.split("\n\n")[0])["state"] == "crashed"
    assert qd("session", "show", "gone", "--json").json["since"] == f"{SINCE:%FT%T.%fZ}"


def test_the_list_of_none_says_so(engine: FakeEngine, qd: CommandLine) -> None:
    assert qd("session", "list").out == "There are no sessions yet.\n"
    assert qd("session", "list", "--needs").out == "No session is like that.\n"


def test_the_list_as_json_has_the_whole_schema(engine: FakeEngine, qd: CommandLine) -> None:
    view = engine.add("fix-login", activity=Activity.NEEDS_APPROVAL, request=ASKING)
    (record,) = qd("session", "list", "--json").json["sessions"]
    assert set(record) == RECORD_KEYS
    assert record["id"] == view.id
    assert record["activity"] == "needs_approval"
    assert record["source"] == "screen"
    assert record["shown"] == "needs approval"
    assert record["request"]["request_id"] == "r-1"


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["--agent", "codex"], {"agent": "codex"}),
        (["--needs"], {"needs_attention": True}),
        (["--text", "shop"], {"text": "shop"}),
        ([], {}),
    ],
)
def test_the_list_passes_its_filters_on(
    engine: FakeEngine, qd: CommandLine, words: list[str], wanted: dict[str, Any]
) -> None:
    assert qd("session", "list", *words).code == 0
    lists = [one for one in engine.asked if isinstance(one, c.ListSessions)]
    assert lists[-1].model_dump(exclude_unset=True) == wanted


def test_show_gives_everything_as_json_and_for_people(engine: FakeEngine, qd: CommandLine) -> None:
    engine.add("fix-login", activity=Activity.NEEDS_APPROVAL, request=ASKING)
    assert set(qd("session", "show", "fix-login", "--json").json) == RECORD_KEYS
    told = fields(qd("session", "show", "fix-login").out)
    assert told["state"] == "needs approval for 3h"
    assert told["choices"] == "[1] Yes (allow_once)"
    assert told["evidence"] == "spinner"
    assert "resumable" not in told


def test_show_says_how_a_session_ended(engine: FakeEngine, qd: CommandLine) -> None:
    engine.add("boom", lifecycle=Lifecycle.CRASHED, exit_code=3, reason="it broke")
    told = fields(qd("session", "show", "boom").out)
    assert told["state"].startswith("crashed")
    assert told["ended"] == "exit code 3"
    assert told["reason"] == "it broke"


def test_new_sends_what_was_given(engine: FakeEngine, qd: CommandLine, tmp_path: Any) -> None:
    words = ["session", "new", "fix login", "--agent", "claude", "--cwd", str(tmp_path)]
    words += ["--prompt", "do it", "--env", "A=1", "--env", "B=x=y", "--arg=-v", "--cols", "90"]
    done = qd(*words)
    assert done.code == 0
    assert done.out.startswith("fix login is started (")
    sent = engine.asked[-1]
    assert isinstance(sent, c.CreateSession)
    assert sent.cwd == str(tmp_path)
    assert sent.env == {"A": "1", "B": "x=y"}
    assert sent.args == ("-v",)
    assert (sent.prompt, sent.cols, sent.start) == ("do it", 90, True)
    assert "lines" not in sent.model_fields_set


def test_new_works_here_and_can_wait_for_its_start(
    engine: FakeEngine, qd: CommandLine, home: Any
) -> None:
    done = qd("session", "new", "later", "--agent", "shell", "--no-start", "--json")
    assert done.json["session"]["lifecycle"] == "created"
    sent = engine.asked[-1]
    assert isinstance(sent, c.CreateSession)
    assert sent.cwd == str(home)
    assert not sent.start
    assert sent.args is None


def test_new_reads_its_prompt_from_standard_input(
    engine: FakeEngine, qd: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("line 1\nline 2\n"))
    qd("session", "new", "x", "--agent", "claude", "--prompt", "-")
    sent = engine.asked[-1]
    assert isinstance(sent, c.CreateSession)
    assert sent.prompt == "line 1\nline 2"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["session", "new", "x"], "--agent"),
        (["session", "new", "x", "--agent", "a", "--env", "A"], "KEY=VALUE"),
        (["session", "keys", "x"], "--text"),
        (["session", "answer", "x"], "allow_once"),
    ],
)
def test_what_is_left_out_is_a_usage_fault(
    engine: FakeEngine, qd: CommandLine, words: list[str], said: str
) -> None:
    engine.add("x")
    done = qd(*words)
    assert done.code == 2
    assert done.err.startswith("quarterdeck: usage: ")
    assert said in done.err


def test_a_refusal_of_the_engine_is_one_line_and_code_1(
    engine: FakeEngine, qd: CommandLine
) -> None:
    done = qd("session", "new", "bad/name", "--agent", "claude")
    assert done.code == 1
    assert done.err.startswith("quarterdeck: name_invalid: ")
    assert done.err.count("\n") == 1
    assert done.out == ""
    fault = qd("session", "new", "bad/name", "--agent", "claude", "--json").fault
    assert (fault.code, fault.category, fault.recoverable) == ("name_invalid", "validation", True)


@pytest.mark.parametrize(
    ("word", "said"),
    [("start", "runs"), ("stop", "is exited, signal 15"), ("restart", "is started anew")],
)
def test_lives_are_moved(engine: FakeEngine, qd: CommandLine, word: str, said: str) -> None:
    view = engine.add("docs")
    assert qd("session", word, "docs").out == f"docs {said} ({view.id}).\n"
    assert qd("session", word, "docs", "--json").json["session"]["id"] == view.id


def test_start_can_resume_and_stop_has_a_grace(engine: FakeEngine, qd: CommandLine) -> None:
    engine.add("docs")
    qd("session", "start", "docs", "--resume")
    started = engine.asked[-1]
    qd("session", "stop", "docs", "--grace", "0.5")
    stopped = engine.asked[-1]
    assert isinstance(started, c.StartAgent)
    assert started.resume
    assert isinstance(stopped, c.StopAgent)
    assert stopped.grace == 0.5


def test_rename_and_delete(engine: FakeEngine, qd: CommandLine) -> None:
    view = engine.add("docs")
    assert qd("session", "rename", "docs", "manual").out.startswith(
        "manual is the new name of docs"
    )
    refused = qd("session", "delete", "manual")
    assert refused.code == 1
    assert refused.err.startswith("quarterdeck: session_living: ")
    done = qd("session", "delete", "manual", "--force", "--json")
    assert done.json == {"deleted": {"id": view.id, "name": "manual"}}
    assert engine.sessions == {}


def test_a_session_is_found_by_name_id_and_beginning_of_its_id(
    engine: FakeEngine, qd: CommandLine
) -> None:
    view = engine.add("docs")
    for name in ("docs", view.id, view.id.lower(), view.id[:20]):
        assert qd("session", "show", name, "--json").json["id"] == view.id


def test_an_session_unknown_is_told_with_near_names(engine: FakeEngine, qd: CommandLine) -> None:
    assert "There are no sessions yet." in qd("session", "show", "docs").err
    engine.add("fix-login")
    near = qd("session", "show", "fixlogin")
    assert near.code == 1
    assert "Did you mean fix-login?" in near.err
    assert "session list" in qd("session", "show", "zzz").err


def test_a_beginning_of_several_ids_is_ambiguous(engine: FakeEngine, qd: CommandLine) -> None:
    one, two = engine.add("one"), engine.add("two")
    common = one.id[:4]
    done = qd("session", "show", common)
    assert done.code == 1
    assert "ambiguous_session" in done.err
    assert one.id in done.err
    assert two.id in done.err
    assert "session_unknown" in qd("session", "show", common[:3]).err  # too short to mean an id


def test_prompt_from_words_and_from_standard_input(
    engine: FakeEngine, qd: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.add("docs")
    assert qd("session", "prompt", "docs", "go on").out == "docs has the prompt (verified).\n"
    monkeypatch.setattr("sys.stdin", io.StringIO("from a pipe"))
    done = qd("session", "prompt", "docs", "-", "--no-verify", "--json")
    assert done.json == {"delivery": "unverified"}
    sent = engine.asked[-1]
    assert isinstance(sent, c.Prompt)
    assert (sent.text, sent.verify) == ("from a pipe", False)


def test_a_prompt_over_a_draft_has_to_be_wished(engine: FakeEngine, qd: CommandLine) -> None:
    engine.add("docs")
    qd("session", "prompt", "docs", "go on")
    qd("session", "prompt", "docs", "go on", "--over-draft")
    sent = [one for one in engine.asked if isinstance(one, c.Prompt)]
    assert [one.over_draft for one in sent] == [False, True]


def test_keys_and_text(engine: FakeEngine, qd: CommandLine) -> None:
    engine.add("docs")
    assert qd("session", "keys", "docs", "escape", "ctrl+c", "--text", "hi").code == 0
    sent = engine.asked[-1]
    assert isinstance(sent, c.SendKeys)
    assert (sent.keys, sent.text) == (("escape", "ctrl+c"), "hi")


def test_answer_names_the_open_request(engine: FakeEngine, qd: CommandLine) -> None:
    engine.add("docs", request=ASKING)
    assert qd("session", "answer", "docs", "allow_once").out == "docs has the answer.\n"
    sent = engine.asked[-1]
    assert isinstance(sent, c.Answer)
    assert (sent.request_id, sent.choice, sent.text) == ("r-1", "allow_once", None)


def test_answer_without_a_request_is_refused_here(engine: FakeEngine, qd: CommandLine) -> None:
    engine.add("docs")
    done = qd("session", "answer", "docs", "--text", "yes")
    assert (done.code, done.err) == (
        1,
        "quarterdeck: nothing_asked: docs asks nothing at the moment.\n",
    )


def test_explain_tells_who_says_what_and_who_is_believed(
    engine: FakeEngine, qd: CommandLine
) -> None:
    engine.add("docs")
    lines = qd("session", "explain", "docs").out.splitlines()
    told = dict(line.split(None, 1) for line in lines[: lines.index("")])
    assert told["name"] == "docs"
    assert told["state"].startswith("working for ")
    assert told["note"] == "it has just begun"
    heads, title, screen = lines[lines.index("") + 1 :]
    assert heads.split() == ["SOURCE", "SAYS", "SINCE", "RULE", "EVIDENCE"]
    assert title.split()[:2] == ["wins", "title"]
    assert "busy claude.toml:3" in title
    assert screen.split()[:3] == ["outranked", "screen", "idle"]
    assert screen.endswith("> (the title goes before it)")
    found = qd("session", "explain", "docs", "--json").json
    assert [one["source"] for one in found["explanation"]["readings"]] == ["title", "screen"]


def test_explain_shows_what_is_asked(engine: FakeEngine, qd: CommandLine) -> None:
    engine.add("docs", request=asking())
    out = qd("session", "explain", "docs").out
    assert "[3] No (reject)" in out


def test_history_newest_first_and_limited(
    engine: FakeEngine, qd: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.add("docs")
    lines = qd("session", "history", "docs").out.splitlines()
    assert lines[0].split() == ["AT", "STATE", "SOURCE", "EVIDENCE"]
    assert local_time(SINCE.isoformat()) in lines[1]
    assert len(qd("session", "history", "docs", "--limit", "1", "--json").json["entries"]) == 1


@pytest.mark.parametrize(
    ("state", "names"),
    [
        ("crashed", ["over"]),
        ("done", ["done"]),
        ("needs-approval", ["asks"]),
        ("needs", ["asks"]),
        ("ended,done", ["done", "over"]),
        ("idle", []),
        ("running", ["docs", "done", "asks"]),
    ],
)
def test_the_list_by_state(
    engine: FakeEngine, qd: CommandLine, state: str, names: list[str]
) -> None:
    engine.add("docs")
    engine.change(engine.add("done"), Activity.TURN_DONE)
    engine.change(engine.add("asks"), Activity.NEEDS_APPROVAL)
    engine.add("over", lifecycle=Lifecycle.CRASHED)
    found = qd("session", "list", "--state", state, "--json").json["sessions"]
    assert [one["name"] for one in found] == names


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["list", "--state", "runing"], "Did you mean"),
        (["list", "--state", "bogus"], "States are: created, "),
        (["history", "docs", "--limit", "0"], "--limit is at least 1, not 0."),
        (["new", "x", "--agent", "shell", "--cols", "1"], "--cols is at least 2, not 1."),
        (["stop", "docs", "--grace", "-1"], "--grace is at least 0, not -1."),
        (["stop", "docs", "--grace", "nan"], "--grace is at least 0, not nan."),
        (["screen", "docs", "--history", "-3"], "--history is at least 0, not -3."),
        (["logs", "docs", "--tail", "0"], "--tail is at least 1, not 0."),
    ],
)
def test_values_that_can_t_be(
    engine: FakeEngine, qd: CommandLine, words: list[str], told: str
) -> None:
    """They are told before an engine is asked for anything."""
    engine.add("docs")
    done = qd("session", *words)
    assert (done.code, told in done.err) == (2, True)
    assert engine.asked == []


def test_a_list_for_an_agent_that_is_misspelt(engine: FakeEngine, qd: CommandLine) -> None:
    done = qd("session", "list", "--agent", "claud")
    assert (done.code, "agent_unknown" in done.err) == (1, True)
    assert "Did you mean claude?" in done.err
    assert qd("session", "list", "--agent", "codex").code == 0


def test_a_directory_that_is_not_there_creates_nothing(
    engine: FakeEngine, qd: CommandLine, home: Path
) -> None:
    done = qd("session", "new", "x", "--agent", "shell", "--cwd", "gone")
    assert (done.code, "directory_missing" in done.err) == (1, True)
    assert str(home / "gone") in done.err
    assert engine.sessions == {}
