"""Names, titles, questions and evidence are an agent's or a stranger's words: they drive nothing."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.cli.fake_views import asking

from quarterdeck.cli.completion import COMPLETERS, _beginning
from quarterdeck.cli.printing import Printer, to_json
from quarterdeck.core.protocol import commands as c
from quarterdeck.core.protocol.status import Activity
from quarterdeck.core.protocol.validation import CommandFault

if TYPE_CHECKING:
    from tests.cli.conftest import CommandLine
    from tests.cli.fake_engine import FakeEngine

EVIL = "\x1b]0;owned\x07\x9b31m\r\nred\u202e"
PAYLOAD = "01M800MVTJFWVAPYQ1XC3CW169"
DRIVING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]")


@pytest.mark.parametrize(
    "words",
    [
        ("session", "list"),
        ("session", "show", "docs"),
        ("session", "explain", "docs"),
        ("session", "history", "docs"),
        ("session", "search", "docs", "x"),
        ("session", "answer", "docs", EVIL),
        ("session", "show", EVIL),
        ("session", "delete", EVIL),
        ("session", "new", EVIL, "--agent", EVIL),
        ("session", "new", "x", "--agent", "shell", "--cwd", EVIL),
        ("session", "list", "--state", EVIL),
        ("session", "list", "--agent", EVIL),
        ("session", "keys", "docs", EVIL),
        ("session", EVIL),
        ("attention", "list"),
        ("attention", "answer", EVIL, "1"),
        ("next",),
        ("agent", "check", EVIL),
        ("agent", "check", "/dev/null", "--agent", EVIL),
        ("events",),
        ("events", "--topic", EVIL),
        ("preferences", "set", EVIL, EVIL),
        ("preferences", "set", "theme", EVIL),
        ("status", EVIL),
        (EVIL,),
        (EVIL, "list"),
        ("--" + EVIL.replace("\x1b", ""),),
        ("--config", EVIL, "health"),
        ("demo", "--pace", EVIL),
    ],
)
def test_nothing_from_outside_reaches_the_terminal(
    engine: FakeEngine, qd: CommandLine, words: tuple[str, ...]
) -> None:
    """Names, titles, questions and evidence are an agent's or a stranger's words."""
    view = engine.add("docs", request=asking())
    status = view.status.model_copy(update={"evidence": EVIL})
    view = view.model_copy(update={"title": EVIL, "reason": EVIL, "status": status, "cwd": EVIL})
    engine.sessions[view.id] = view
    engine.change(view, Activity.NEEDS_APPROVAL)
    engine.raise_item(view, title=EVIL, text=EVIL)
    engine.handlers["session.answer"] = refuse
    engine.handlers["session.keys"] = refuse
    engine.handlers["session.create"] = refuse
    engine.handlers["session.search"] = lambda _: {
        "matches": [{"line": 1, "column": 0, "length": 1, "text": EVIL}]
    }
    done = qd(*words)
    assert DRIVING.findall(done.out) == []
    assert DRIVING.findall(done.err) == []
    assert done.out or done.err or words[0] == "events"
    as_json = qd(*words, "--json")
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", as_json.out + as_json.err)


@pytest.mark.parametrize("words", [("payload", PAYLOAD), ("show", "shop")])
def test_what_handlers_and_triggers_say_drives_no_terminal(
    engine: FakeEngine, qd: CommandLine, words: tuple[str, ...]
) -> None:
    run = {"handler": EVIL, "attempt": 1, "status": "dead", "error": EVIL, "has_result": False}
    detail = {"payload": payload(PAYLOAD), "data": EVIL, "causes": [payload("CAUSE")], "runs": [run],
              "effects": [payload("EFFECT")]}  # fmt: skip
    trigger = {
        "kind": "folder",
        "what": EVIL,
        "event": EVIL,
        "error": EVIL,
        "count": 0,
        "next_at": None,
    }
    pipeline = dict.fromkeys(("name", "description", "file", "error"), EVIL)
    whole = {"pipeline": {**pipeline, "paused": False, "loaded_at": None, "lanes": []},
             "inputs": {}, "groups": {}, "handlers": [], "triggers": [trigger]}  # fmt: skip
    engine.handlers |= {
        "pipeline.payload": lambda _: {"detail": detail},
        "pipeline.payloads": lambda _: {"payloads": [payload(PAYLOAD)]},
        "pipeline.show": lambda _: {"whole": whole},
    }
    done = qd("pipeline", *words)
    assert (done.code, DRIVING.findall(done.out)) == (0, [])


def payload(name: str) -> dict[str, Any]:
    stamps = dict.fromkeys(("deadline", "created_at", "ended_at", "next_attempt_at"))
    said = dict.fromkeys(("pipeline", "event", "reason", "error"), EVIL)
    return {"id": name, "status": "dead", "priority": 2, "hops": 0, "cause": f"workflow/w/{EVIL}",
            **stamps, **said}  # fmt: skip


def test_a_refused_hook_and_a_copied_lock_drive_no_terminal(
    engine: FakeEngine, qd: CommandLine, state_dir: Path
) -> None:
    engine.handlers["pipeline.show"] = refuse
    fired = qd("pipeline", "hook", "fire", "lint", EVIL)
    assert fired.err.startswith("quarterdeck: lint ")
    lock = {"file": 1, "socket": "s", "state_dir": EVIL}
    (state_dir / "engine.lock").write_text(json.dumps(lock))
    verified = qd("events", "--verify")
    assert "Its lock is a copy" in verified.err
    assert DRIVING.findall(fired.err + verified.err) == []


def refuse(payload: c.Payload) -> dict[str, Any]:
    raise CommandFault("refused", EVIL)


def test_logs_and_screens_have_no_controls(engine: FakeEngine, qd: CommandLine) -> None:
    """Colours are asked for by name, and then only they are there."""
    engine.add("docs")
    engine.handlers["session.logs"] = lambda _: {"text": f"one\t{EVIL}\n"}
    text = qd("session", "logs", "docs").out
    assert text.startswith("one\t")
    assert DRIVING.findall(text.replace("\t", "").replace("\u202e", "")) == []
    rows = [[[EVIL, 1, -1, 1]]]
    engine.handlers["session.screen"] = lambda _: {"rows": rows, "history": 0, "lines": 1}
    styled = qd("session", "screen", "docs", "--styled").out
    assert re.findall("\x1b[^m]*m", styled) == ["\x1b[1;38;5;1m", "\x1b[0m"]
    assert styled.count("\x1b") == 2


def test_the_shell_s_offers_have_none() -> None:
    assert [told for _, told in _beginning([("docs", EVIL)], "d")] == ["]0;owned 31m red"]
    words = {"session", "item", "agent", "preference", "report", "workflow", "pipeline"}
    assert set(COMPLETERS) == words


def test_json_has_escapes_for_what_json_would_let_stand() -> None:
    out = io.StringIO()
    Printer(as_json=True, out=out).record({"name": EVIL + "\x7f\x85é"})
    assert "\\u001b" in out.getvalue()
    assert "\\u009b31m" in out.getvalue()
    assert "\\u007f\\u0085é" in out.getvalue()
    assert json.loads(out.getvalue()) == {"name": EVIL + "\x7f\x85é"}


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_json_in_an_encoding_that_lacks_letters(encoding: str) -> None:
    out = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    text = to_json({"name": "né › 你"}, out)
    assert text.isascii()
    assert json.loads(text) == {"name": "né › 你"}


def test_a_terminal_without_the_letters_gets_escapes(tmp_path: Path) -> None:
    """As in a locale that is not UTF-8; nothing fails at what can't be shown."""
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys; from quarterdeck.cli.main import run; sys.exit(run())",
            "session",
            "show",
            "›né",
            "--state-dir",
            str(tmp_path),
        ],
        capture_output=True,
        check=False,
        env={"HOME": str(tmp_path), "PYTHONIOENCODING": "ascii", "PATH": "/usr/bin:/bin"},
    )
    assert done.returncode == 3
    assert done.stderr.isascii()
