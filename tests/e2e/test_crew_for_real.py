"""Votes, sagas, locks and the halt on the Crew screen of a real engine, led by keys."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from tests.e2e.machine import PATIENCE, PROGRAM, Machine, eventually

BALLOT = """
name: ballots
events:
  asked:
    handlers:
      ballot:
        agents: [practice-ann]
        mode: one-shot
        prompt: "The topic is: {{ data.topic }}"
        vote: {question: "Shall we ship {{ data.topic }}?", people: true, quorum: 1.0}
"""
HOOK = """#!/bin/sh
while [ "$1" = prepared ] && [ -e "{hold}" ]; do sleep 0.1; done
"""


def git(place: Path, *words: str) -> None:
    subprocess.run(["git", *words], cwd=place, check=True, capture_output=True)


@pytest.fixture
def shop(machine: Machine) -> Path:
    place = machine.work / "shop"
    place.mkdir()
    git(place, "init", "-q", "-b", "main")
    git(place, "config", "user.name", "Ann")
    git(place, "config", "user.email", "ann@example.org")
    git(place, "commit", "-q", "--allow-empty", "-m", "first")
    return place


def begin(machine: Machine, *words: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [PROGRAM, *words, "--state-dir", str(machine.state_dir)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=machine.work,
        env=machine.environment,
    )


def worktree(machine: Machine, name: str) -> Path:
    return Path(machine.sessions()[name]["workspace"]["path"])


@pytest.mark.timeout(300)
def test_votes_sagas_locks_and_the_halt_on_the_crew_screen(machine: Machine, shop: Path) -> None:
    machine.serve()
    (machine.work / "ballots.yaml").write_text(BALLOT)
    assert machine.run("pipeline", "load", "ballots.yaml").code == 0
    assert machine.run("pipeline", "propel", "asked", "--data", '{"topic": "it"}').code == 0
    deck = machine.deck()
    deck.press("4")
    deck.wait_for("AGENTS")
    deck.press("9")

    # A vote: the agent has voted through its handler, the person does on the screen.
    deck.wait_for(lambda text: "practice-ann" in text and "missing you" in text)
    deck.wait_for("y approve")
    deck.insist("y", "approve you")
    deck.wait_for("achieved")

    # A saga whose engine is killed in the middle is finished by the next one.
    go = machine.work / "go"
    wait = f"sh -c 'until [ -e {go} ]; do sleep 0.1; done'"
    new = f"session new --agent practice-idler --cwd {shop} --worktree --setup".split()
    asked = begin(machine, *new, wait, "one")
    deck.wait_for("▸ setup")
    machine.kill_engine()  # the dashboard runs the next one itself
    asked.wait(PATIENCE)
    go.touch()
    deck.wait_for("✓ start")
    assert machine.run(*new, "", "two").code == 0

    # Two merges into one branch: one holds its lock, the other one waits for it.
    for name in ("one", "two"):
        place = worktree(machine, name)
        (place / name).write_text(name)
        git(place, "add", name)
        git(place, "commit", "-q", "-m", name)
    hook, hold = shop / ".git/hooks/reference-transaction", machine.work / "hold"
    hook.write_text(HOOK.format(hold=hold))
    hook.chmod(0o755)
    hold.touch()
    merges = [begin(machine, "session", "merge", "one")]
    deck.wait_for(lambda text: "■ branch main" in text and "session one" in text)
    merges.append(begin(machine, "session", "merge", "two"))
    deck.wait_for("1. session two waits")
    hold.unlink()
    assert [one.wait(PATIENCE) for one in merges] == [0, 0]
    deck.wait_for("nothing is locked")

    # The halt stands at the top of every screen, and is reset where it is asked about.
    assert machine.run("safety", "halt", "lunch").code == 0
    deck.wait_for("HALTED: lunch")
    deck.press("0")
    deck.wait_for("y reset it")
    deck.insist("y", "not halted")  # a key too soon after an item came is not for it
    eventually(lambda: "Nothing is halted" in machine.run("safety").out)
