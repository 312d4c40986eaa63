"""What people get wrong, and what breaks: a clear message, and on it goes."""

from __future__ import annotations

import os
import sqlite3

import pytest
from tests.e2e.machine import Machine


def test_the_form_says_at_its_field_what_is_wrong(machine: Machine) -> None:
    deck = machine.deck()
    deck.press("c")
    deck.wait_for(lambda text: "enter create" in text and "practice-asker" in text)
    deck.burst("\t/nowhere\r")
    deck.wait_for("There is no directory")
    assert machine.sessions() == {}
    deck.press("ctrl+u", f"{machine.work}/")
    deck.wait_for(lambda text: "There is no directory" not in text)
    deck.press("tab")
    deck.press("tab")
    deck.press("end", "/bad")
    deck.wait_for("shell/bad")
    deck.press("enter")
    deck.wait_for("A name is made of letters")
    assert machine.sessions() == {}
    deck.press("ctrl+u", "good")
    deck.wait_for(lambda text: "A name is made of letters" not in text)
    deck.press("enter")
    deck.wait_for("ready>")
    assert set(machine.sessions()) == {"good"}


def test_unknown_commands_and_options(machine: Machine) -> None:
    ended = machine.run("sesion")
    assert ended.code == 2
    assert "neither a command nor a directory" in ended.err
    assert "session" in ended.err.partition("directory")[2]
    ended = machine.run("session", "lst")
    assert ended.code == 2
    assert "list" in ended.err
    ended = machine.run("--frobnicate")
    assert ended.code == 2
    assert "--frobnicate" in ended.err


def test_names_that_cannot_be(machine: Machine) -> None:
    machine.serve()
    for name in ("", "a/b", "\x1b[31mred", "x" * 500):
        ended = machine.run("session", "new", name, "--agent", "shell")
        assert ended.code in {1, 2}, (name, ended)
        assert ended.err.startswith("quarterdeck: ")
        assert "Traceback" not in ended.err
        assert "\x1b" not in ended.err
    ended = machine.run("session", "new", "ok", "--agent", "nobody")
    assert ended.code == 1
    assert "nobody" in ended.err
    ended = machine.run("session", "new", "ok", "--agent", "shell", "--cwd", "/nowhere/at/all")
    assert ended.code == 1
    assert "/nowhere/at/all" in ended.err
    assert machine.sessions() == {}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_state_directory_that_cannot_be_written(machine: Machine) -> None:
    machine.state_dir.mkdir(mode=0o500)
    terminal = machine.open()
    assert terminal.wait_end() == 1
    assert "Traceback" not in terminal.text()
    terminal.wait_for(str(machine.state_dir)[:40], 2)
    assert not terminal.picture.other


def test_a_state_directory_that_is_none(machine: Machine) -> None:
    machine.state_dir.write_text("a file\n")
    ended = machine.run("--headless")
    assert ended.code == 1
    assert str(machine.state_dir) in ended.err
    assert "Traceback" not in ended.err
    terminal = machine.open(size=(160, 30))
    assert terminal.wait_end() == 1
    text = terminal.wait_for("is no directory", 2)
    assert str(machine.state_dir) in text
    assert "Traceback" not in text
    assert terminal.modes() == terminal.before
    assert not terminal.picture.other


def test_settings_that_cannot_be(machine: Machine) -> None:
    (machine.work / "quarterdeck.toml").write_text("[engine]\nworker_count = 0\n")
    terminal = machine.open(size=(160, 30))
    assert terminal.wait_end() == 1
    assert "worker_count" in terminal.text()
    assert "Traceback" not in terminal.text()


def test_a_damaged_database_is_moved_aside_and_told_of(machine: Machine) -> None:
    machine.state_dir.mkdir(mode=0o700)
    garbage = b"this is no database, and it is long enough to be none" * 200
    (machine.state_dir / "quarterdeck.db").write_bytes(garbage)
    deck = machine.open(size=(120, 30))
    deck.wait_for("was damaged")
    deck.wait_for("esc dismiss")
    (aside,) = machine.state_dir.glob("quarterdeck.db.corrupt-*")
    assert aside.read_bytes() == garbage
    deck.answer("escape")
    deck.wait_for(lambda text: "esc dismiss" not in text)
    if "Welcome aboard" in deck.text():
        deck.press("escape")
    deck.press("5")
    deck.wait_for("store_moved_aside")
    deck.press("1")
    assert "was damaged" in (machine.state_dir / "quarterdeck.log").read_text()
    machine.create("fresh", "shell")
    deck.wait_for("fresh")


def test_a_database_of_a_newer_version_is_left_alone(machine: Machine) -> None:
    machine.serve()
    assert machine.run("shutdown").code == 0
    path = machine.state_dir / "quarterdeck.db"
    database = sqlite3.connect(path)
    database.execute("PRAGMA user_version = 999")
    database.commit()
    database.close()
    before = path.read_bytes()
    terminal = machine.open(size=(200, 30))
    assert terminal.wait_end() == 1
    text = terminal.wait_for("store_newer", 2)
    assert "newer version" in text
    assert "Traceback" not in text
    assert terminal.modes() == terminal.before
    ended = machine.run("--headless")
    assert ended.code == 1
    assert "store_newer" in ended.err
    assert path.read_bytes() == before
    assert not list(machine.state_dir.glob("*.corrupt-*"))
