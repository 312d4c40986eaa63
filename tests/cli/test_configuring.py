"""``quarterdeck config``: what is in force, where it comes from, what is wrong with it."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from quarterdeck.cli.main import run
from quarterdeck.cli.template import config_template
from quarterdeck.core.settings import Settings, check_files, load_settings

if TYPE_CHECKING:
    from tests.cli.conftest import CommandLine


def settings_part(text: str) -> str:
    """The sections of the template, without its head and the agent that is made up."""
    body = text.partition("quarterdeck config check\n")[2].partition("\n# An agent of your own")[0]
    return "\n".join(
        line.removeprefix("# ") for line in body.splitlines() if not line.startswith("##")
    )


def test_the_template_shows_every_setting_with_its_default(home: Path) -> None:
    assert tomllib.loads(config_template()) == {}
    path = home / "all.toml"
    path.write_text(settings_part(config_template()))
    assert check_files([path]) == []
    loaded = load_settings(config=path, environment={}, user_dir=home / "none").settings
    plain = Settings()
    assert loaded.state_dir == plain.state_dir
    assert loaded.store_url == plain.store_url
    assert loaded.model_copy(update={"state": plain.state}) == plain
    keys = {key for section in tomllib.loads(path.read_text()).values() for key in section}
    assert {"worker_count", "enabled", "dir", "backend", "isolation", "leave_key"} <= keys


def test_the_template_says_what_sections_are_for() -> None:
    text = config_template()
    assert "## [engine]: limits, buffers and workers." in text
    assert all(len(line) <= 110 for line in text.splitlines())


def test_init_writes_here_or_for_the_user_and_overwrites_nothing(
    home: Path, qd: CommandLine
) -> None:
    done = qd("config", "init", "--json")
    assert done.json == {"path": str(home / "quarterdeck.toml")}
    assert (home / "quarterdeck.toml").read_text() == config_template()
    refused = qd("config", "init")
    assert (refused.code, "exists" in refused.err) == (1, True)
    (home / "quarterdeck.toml").write_text("")
    assert qd("config", "init", "--force").code == 0
    assert qd("config", "init", "--user").code == 0
    assert (home / ".config" / "quarterdeck" / "quarterdeck.toml").is_file()


def test_init_where_nothing_can_be_written(home: Path, qd: CommandLine) -> None:
    (home / ".config").write_text("a file")
    done = qd("config", "init", "--user")
    assert (done.code, "unwritable" in done.err) == (1, True)


def test_show_tells_where_each_value_comes_from(
    home: Path, qd: CommandLine, state_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "quarterdeck.toml").write_text("[engine]\nworker_count = 5\n")
    monkeypatch.setenv("QUARTERDECK_ENGINE__LOG_LEVEL", "debug")
    rows = {row["key"]: row for row in qd("config", "show", "--json").json["settings"]}
    assert rows["engine.worker_count"]["value"] == 5
    assert rows["engine.worker_count"]["origin"] == f"{home}/quarterdeck.toml:2"
    assert rows["engine.log_level"]["origin"] == "QUARTERDECK_ENGINE__LOG_LEVEL"
    assert rows["state.dir"]["value"] == str(state_dir)
    assert rows["ui.leave_key"]["origin"] == "default"
    assert "engine.worker_count" in qd("config", "show").out


def test_path_tells_which_files_are_read(home: Path, qd: CommandLine) -> None:
    (home / "quarterdeck.toml").write_text("")
    user, project = qd("config", "path", "--json").json["files"]
    assert (user["exists"], project["exists"]) == (False, True)
    assert project["path"] == str(home / "quarterdeck.toml")
    assert "not there" in qd("config", "path").out
    given = qd("config", "path", "--json", "--config", "x.toml").json["files"]
    assert given[-1]["path"] == str(home / "x.toml")


def test_check_finds_nothing_wrong(home: Path, qd: CommandLine) -> None:
    assert qd("config", "check").out == "No fault. Read: no file; the defaults are in force.\n"
    (home / "quarterdeck.toml").write_text("[engine]\nworker_count = 5\n")
    done = qd("config", "check", "--json")
    assert (done.code, done.json["faults"]) == (0, [])


def test_a_file_that_is_meant_twice_is_named_once(home: Path, qd: CommandLine) -> None:
    (home / "quarterdeck.toml").write_text("[engine]\nworker_cuont = 5\n")
    done = qd("config", "check", "--config", "./quarterdeck.toml", "--json")
    assert (len(done.json["files"]), len(done.json["faults"])) == (1, 1)
    found = qd("config", "path", "--config", "quarterdeck.toml", "--json").json["files"]
    assert [one["kind"] for one in found] == ["user file", "--config"]


@pytest.mark.parametrize(
    ("text", "line", "key"),
    [
        ("[engine]\n\nworker_cuont = 3\n", 3, "engine.worker_cuont"),
        ('[engine]\nworker_count = "many"\n', 2, "engine.worker_count"),
        ("[engine\n", 1, ""),
    ],
)
def test_check_names_file_line_and_key(
    home: Path, qd: CommandLine, text: str, line: int, key: str
) -> None:
    (home / "quarterdeck.toml").write_text(text)
    done = qd("config", "check", "--json")
    (found,) = done.json["faults"]
    assert done.code == 1
    assert (found["file"], found["line"], found["key"]) == (f"{home}/quarterdeck.toml", line, key)
    assert qd("config", "check").out.startswith(f"{home}/quarterdeck.toml:{line}:")


def test_check_looks_at_the_environment_profiles_and_agents_too(
    home: Path, qd: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "There is no profile nope" in qd("config", "check", "--profile", "nope").out
    (home / "quarterdeck.toml").write_text('[agents.mine]\ncommand = ["x"]\ntransprot = "pty"\n')
    done = qd("config", "check", "--json")
    assert done.code == 1
    assert done.json["faults"][0]["key"] == "agents.mine.transprot"
    monkeypatch.setenv("QUARTERDECK_ENGINE__WORKER_COUNT", "x")
    assert "QUARTERDECK_ENGINE__WORKER_COUNT" in qd("config", "check").out


def test_a_missing_file_is_a_fault(qd: CommandLine) -> None:
    done = qd("config", "check", "--config", "nowhere.toml")
    assert done.code == 1
    assert "nowhere.toml" in done.out


def test_a_broken_file_is_told_by_every_command_that_needs_it(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "quarterdeck.toml").write_text("[engine\n")
    assert run(["session", "list"]) == 1
    assert capsys.readouterr().err.startswith("quarterdeck: settings_invalid: ")


def test_faults_of_agents_are_told_with_all_others_each_with_its_place(
    home: Path, qd: CommandLine
) -> None:
    agents = home / ".config" / "quarterdeck" / "agents"
    agents.mkdir(parents=True)
    (agents / "own.toml").write_text('command = ["own"]\ntitel = "x"\n')
    (agents / "broken.toml").write_text("title = [\n")
    file = home / "quarterdeck.toml"
    file.write_text(
        "[engine]\nworker_cuont = 3\n\n[agents.one]\ncommand = 7\n\n"
        '[agents.two]\ntitle = "no command"\n\n[[agents.two.screen_rules]]\nid = "r"\nany = ["x"]\n'
        '[[agents.two.screen_rules]]\nid = "s"\nany = ["("]\nactivity = "idle"\n'
    )
    done = qd("config", "check", "--json")
    found = {(one["file"], one["line"], one["key"]) for one in done.json["faults"]}
    assert done.code == 1
    assert found == {
        (str(file), 2, "engine.worker_cuont"),
        (str(file), 5, "agents.one.command"),
        (str(file), 7, "agents.two.command"),
        (str(file), 10, "agents.two.screen_rules.0"),
        (str(file), 15, "agents.two.screen_rules.1.any.0"),
        (f"{agents}/own.toml", 2, "titel"),
        (f"{agents}/broken.toml", 1, ""),
    }
    (titel,) = [one for one in done.json["faults"] if one["key"] == "titel"]
    assert titel["text"] == f"{agents}/own.toml:2: titel: Unknown key. Did you mean title?"
    assert f"{file}:5: agents.one.command: " in qd("config", "check").out


def test_a_key_of_an_agent_has_the_place_where_it_was_said_last(
    home: Path, qd: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    project, given = home / "quarterdeck.toml", home / "given.toml"
    rule = '[[agents.one.screen_rules]]\nid = "r"\nactivity = "idle"\n'
    project.write_text(f'[agents.one]\ncommand = ["x"]\ntitel = "x"\n{rule}any = ["("]\n')
    given.write_text(f"\n\n{rule}any = 3\n")
    monkeypatch.setenv("QUARTERDECK_AGENTS__ONE__TITEL", "y")
    faults = qd("config", "check", "--config", str(given), "--json").json["faults"]
    assert {(one["file"], one["line"], one["key"]) for one in faults} == {
        ("QUARTERDECK_AGENTS__ONE__TITEL", None, "agents.one.titel"),
        (str(given), 6, "agents.one.screen_rules.0.any"),
    }
