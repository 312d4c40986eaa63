from __future__ import annotations

from pathlib import Path

from quarterdeck.core.sessions.agents.definition import AgentDefinition
from quarterdeck.core.sessions.agents.discovery import find_on_path, locate_program


def program(folder: Path, name: str, mode: int = 0o755) -> str:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text("#!/bin/sh\n")
    path.chmod(mode)
    return str(path)


def agent(name: str, *command: str, detect: tuple[str, ...] = ()) -> AgentDefinition:
    return AgentDefinition(name=name, command=command or (name,), detect=detect)


def test_agents_are_found_in_their_order(tmp_path: Path) -> None:
    one, two = program(tmp_path / "a", "one"), program(tmp_path / "b", "two")
    found = find_on_path(
        [agent("two"), agent("missing"), agent("one")], f"{tmp_path / 'a'}:{tmp_path / 'b'}"
    )
    assert [(each.definition.name, each.program) for each in found] == [("two", two), ("one", one)]


def test_other_names_of_the_program_count(tmp_path: Path) -> None:
    path = program(tmp_path, "code-agent")
    assert locate_program(agent("x", "x", detect=("x", "code-agent")), str(tmp_path)) == path
    assert locate_program(agent("x", "code-agent", detect=("x",)), str(tmp_path)) is None


def test_absolute_command_needs_no_path(tmp_path: Path) -> None:
    path = program(tmp_path, "agent")
    assert locate_program(agent("x", path, "--flag"), "") == path


def test_file_that_can_not_run_is_no_agent(tmp_path: Path) -> None:
    program(tmp_path, "agent", 0o644)
    assert find_on_path([agent("agent")], str(tmp_path)) == []
