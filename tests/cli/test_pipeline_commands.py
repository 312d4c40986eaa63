"""``quarterdeck pipeline``: what is said and shown, over a real engine in a process of its own."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import CommandLine

PATIENCE = 90.0
PROGRAM = "import sys; from quarterdeck.cli.main import run; sys.exit(run())"
TEXT = """
name: shop
description: What becomes of orders.
inputs: {size: {default: small}}
groups: {desk: 2}
events:
  ordered:
    description: An order came.
    priority: high
    handlers:
      pack:
        run: [sh, -c, 'test "$0" != bad && echo packed $0', "{{ data }}"]
        group: desk
        emits: {event: packed, data: "{{ result }}"}
  packed: {}
"""


@pytest.fixture
def file(home: Path) -> str:
    path = home / "shop.yaml"
    path.write_text(TEXT)
    return str(path)


@pytest.fixture
def serving(home: Path, state_dir: Path) -> Iterator[None]:
    """An engine alone."""
    words = [sys.executable, "-c", PROGRAM, "--headless", "--json", "--state-dir", str(state_dir)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=home) as engine:
        assert engine.stdout is not None
        assert engine.stdout.readline()
        try:
            yield
        finally:
            engine.terminate()
            engine.communicate(timeout=PATIENCE)


def eventually(probe: Callable[[], Any]) -> Any:
    end = time.monotonic() + PATIENCE
    while not (found := probe()):
        assert time.monotonic() < end
        time.sleep(0.05)
    return found


def test_every_command_on_a_running_engine(qd: CommandLine, serving: None, file: str) -> None:
    assert qd("pipeline", "list").out.startswith("No pipeline is loaded.")
    assert qd("pipeline", "load", file, "--input", "size=large").out == (
        "shop is loaded: ordered, packed.\n"
    )
    assert qd("pipeline", "pause", "shop").out == "shop is paused: ordered, packed.\n"
    sent = qd("pipeline", "propel", "ordered", "--data", "tea").out
    assert sent.startswith("shop.ordered ")
    assert sent.endswith(" is queued.\n")
    waiting = qd("pipeline", "payloads")
    assert "the pipeline is paused" in waiting.out
    told = qd("pipeline", "propel", "shop", "ordered", "--priority", "low", "--json").json
    assert (told["payload"]["status"], told["payload"]["priority"]) == ("queued", 3)
    second = told["payload"]["id"]
    assert qd("pipeline", "cancel", second[-8:]).out == f"ordered {second} is cancelled.\n"
    assert qd("pipeline", "resume", "shop").code == 0
    assert qd("pipeline", "propel", "ordered", "--data", "bad", "--wait").code == 1
    eventually(lambda: len(qd("pipeline", "payloads", "--json").json["payloads"]) == 4)

    dead = qd("pipeline", "dead-letters", "--json").json["payloads"]
    assert [one["summary"] for one in dead] == ["bad"]
    shown = qd("pipeline", "payload", dead[0]["id"]).out
    assert re.search(r"^priority +(critical|high|normal|low|background)$", shown, re.MULTILINE)
    assert "pack 1 dead: CommandFailed" in shown
    assert "exited with code 1" in qd("pipeline", "dead-letters").out
    first = qd("pipeline", "payloads", "--event", "ordered", "--status", "completed", "--json").json
    detail = qd("pipeline", "payload", first["payloads"][0]["id"]).out
    assert "pack 1 completed gave packed tea" in detail
    assert "led to packed" in detail
    root = first["payloads"][0]["id"]
    chain = qd("pipeline", "payloads", "--chain", root, "--json").json["payloads"]
    assert [one["event"] for one in chain] == ["packed", "ordered"]
    assert f"after ordered {root} completed" in qd("pipeline", "payload", chain[0]["id"]).out

    whole = qd("pipeline", "show", "shop").out
    assert "desk: 2" in whole
    assert "size=large" in whole
    assert "pack" in whole
    assert "What becomes of orders." in qd("pipeline", "list").out
    assert qd("pipeline", "replay", dead[0]["id"]).code == 0
    eventually(lambda: qd("pipeline", "dead-letters", "--json").json["payloads"])
    assert "is discarded" in qd("pipeline", "discard", dead[0]["id"]).out
    assert qd("pipeline", "dead-letters").out == "There are no dead letters.\n"
    assert qd("pipeline", "retry", root).err.startswith("quarterdeck: payload_not_retrying")
    assert qd("pipeline", "unload", "shop").out == "shop is unloaded.\n"


def test_a_chain_here_is_told_line_by_line_and_as_a_tree(qd: CommandLine, file: str) -> None:
    done = qd("pipeline", "propel", file, "ordered", "--data", '"tea"')
    assert done.code == 0
    head, _, tree = done.out.partition("\n\n")
    assert "ordered completed tea" in head
    assert tree.splitlines() == [
        "ordered completed",
        "  pack completed: packed tea",
        "    packed completed",
    ]
    told = qd("pipeline", "propel", file, "ordered", "--data", '"bad"', "--json")
    assert told.code == 1
    last = json.loads(told.out.splitlines()[-1])
    assert (last["kind"], last["ok"]) == ("chain", False)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("a", "b", "c"), "Give the event type"),
        (("e", "--data", "{broken"), "begins like JSON and is none"),
        (("e", "--priority", "hihg"), "Did you mean high?"),
        (("e", "--input", "a=1"), "--input is for a pipeline's FILE"),
    ],
)
def test_what_can_not_be_meant(qd: CommandLine, words: tuple[str, ...], told: str) -> None:
    done = qd("pipeline", "propel", *words)
    assert done.code == 2
    assert told in done.err


def test_an_event_that_no_loaded_pipeline_has(qd: CommandLine, serving: None, file: str) -> None:
    assert qd("pipeline", "load", file).code == 0
    assert "Did you mean ordered?" in qd("pipeline", "propel", "orderd").err
    other = Path(file).with_name("other.yaml")
    other.write_text(TEXT.replace("name: shop", "name: other"))
    assert qd("pipeline", "load", str(other)).code == 0
    assert "shop" in (said := qd("pipeline", "propel", "ordered").err)
    assert "propel NAME ordered" in said
    assert qd("pipeline", "payload", "01ABCDEF").err.startswith("quarterdeck: payload_unknown")
    assert "pipeline_unknown" in qd("pipeline", "show", "nothing").err
