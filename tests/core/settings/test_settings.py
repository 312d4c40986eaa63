"""Settings: the document's defaults, where values come from, and all faults with file and line."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import tomlkit
from hypothesis import given, settings
from hypothesis import strategies as st

from quarterdeck.core.settings import (
    FILE_NAME,
    Fault,
    Kind,
    Loaded,
    SettingsInvalid,
    check_files,
    config_files,
    default_config,
    load_settings,
)
from quarterdeck.core.settings.model import PROGRAM, Settings


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The user's configuration directory."""
    place = tmp_path / "user"
    place.mkdir()
    return place


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def load(home: Path, **sources: Any) -> Loaded:
    return load_settings(**{"environment": {}, "user_dir": home, **sources})


def faults(tmp_path: Path, text: str) -> list[Fault]:
    return check_files([write(tmp_path / "x.toml", text)])


# Defaults


def test_the_engines_defaults_are_the_documents() -> None:
    engine = default_config().engine
    assert engine.max_concurrent_sessions == 10
    assert engine.command_buffer_size == 100
    assert engine.event_buffer_size == 5000
    assert engine.worker_count == 3
    assert engine.shutdown_timeout == 30
    assert engine.rate_limit_per_second == 10
    assert engine.rate_limit_burst == 20
    assert engine.log_level == "info"
    assert engine.state_file


def test_prometheus_is_off_and_on_the_loopback() -> None:
    prometheus = default_config().prometheus
    assert (prometheus.enabled, prometheus.port, prometheus.host) == (False, 9090, "127.0.0.1")


def test_the_other_sections_have_defaults() -> None:
    config = default_config()
    assert config.state.durability == "normal"
    assert config.terminal.backend == "auto"
    assert config.sessions.prompt_verify_timeout == 5
    assert config.agents == {}


def test_a_hundred_sessions_can_be_allowed(home: Path) -> None:
    found = load(home, flags={"engine.max_concurrent_sessions": 100})
    assert found.settings.engine.max_concurrent_sessions == 100


def test_settings_do_not_change() -> None:
    with pytest.raises(ValueError, match="frozen"):
        default_config().engine.worker_count = 4  # type: ignore[misc]  # the fault under test


def test_the_state_lies_where_it_is_told_or_with_the_users(home: Path, tmp_path: Path) -> None:
    told = load(home, flags={"state.dir": str(tmp_path / "s")}).settings
    assert told.state_dir == tmp_path / "s"
    assert told.state_file == tmp_path / "s" / "quarterdeck.db"
    assert told.store_url == f"sqlite://{told.state_file}"
    assert default_config().state_dir.name == PROGRAM
    assert default_config().state_dir.is_absolute()


def test_another_store_or_file_can_be_named(home: Path, tmp_path: Path) -> None:
    flags = {"state.url": "postgresql://db/x", "engine.state_file": str(tmp_path / "own.db")}
    told = load(home, flags=flags).settings
    assert told.store_url == "postgresql://db/x"
    assert told.state_file == tmp_path / "own.db"


def test_a_tilde_is_the_users_home(home: Path) -> None:
    assert load(home, flags={"state.dir": "~/qd"}).settings.state_dir == Path.home() / "qd"


# Later wins


def test_each_source_stands_above_the_one_before(home: Path, tmp_path: Path) -> None:
    write(home / FILE_NAME, "[engine]\nworker_count = 2\nlog_level = 'error'\n")
    write(tmp_path / "p" / FILE_NAME, "[engine]\nworker_count = 4\n")
    extra = write(tmp_path / "extra.toml", "[engine]\nworker_count = 5\n")
    sources: dict[str, Any] = {}
    values = []
    for added in (
        {},
        {"project": tmp_path / "p"},
        {"config": extra},
        {"environment": {"QUARTERDECK_ENGINE__WORKER_COUNT": "6"}},
        {"flags": {"engine.worker_count": 7}},
    ):
        sources |= added
        found = load(home, **sources)
        values.append(
            (found.settings.engine.worker_count, found.origin("engine.worker_count").kind)
        )
    assert values == [
        (2, Kind.USER),
        (4, Kind.PROJECT),
        (5, Kind.FILE),
        (6, Kind.ENVIRONMENT),
        (7, Kind.FLAG),
    ]
    assert found.settings.engine.log_level == "error"


def test_every_value_tells_where_it_comes_from(home: Path) -> None:
    path = write(home / FILE_NAME, "# mine\n\n[engine]\nworker_count = 2\n")
    found = load(home, environment={"QUARTERDECK_STATE__DURABILITY": "full"})
    rows = {key: (value, str(origin)) for key, value, origin in found.rows()}
    assert rows["engine.worker_count"] == (2, f"{path}:4")
    assert rows["state.durability"] == ("full", "QUARTERDECK_STATE__DURABILITY")
    assert rows["engine.log_level"] == ("info", "default")
    assert found.files == (path,)


def test_tables_are_merged_key_by_key(home: Path, tmp_path: Path) -> None:
    write(home / FILE_NAME, '[agents.a]\ncommand = ["a"]\ntitle = "A"\n[ui.keys]\nnext = "n"\n')
    write(tmp_path / FILE_NAME, '[agents.a]\ncommand = ["b"]\n[ui.keys]\nback = ["b", "left"]\n')
    found = load(home, project=tmp_path).settings
    assert found.agents == {"a": {"command": ["b"], "title": "A"}}
    assert found.ui.keys == {"next": "n", "back": ("b", "left")}


def test_a_flag_that_was_not_given_changes_nothing(home: Path) -> None:
    assert load(home, flags={"engine.worker_count": None}).settings == default_config()


def test_variables_without_a_section_are_no_settings(home: Path) -> None:
    names = {"QUARTERDECK_SESSION": "x", "QUARTERDECK_NAME": "y", "OTHER__THING": "z"}
    assert load(home, environment=names).settings == default_config()


def test_a_list_or_table_in_the_environment_is_written_as_toml(home: Path) -> None:
    found = load(
        home,
        environment={
            "QUARTERDECK_UI__KEYS": '{next = "n", back = ["b", "left"]}',
            "QUARTERDECK_ENGINE__RATE_LIMIT_PER_SECOND": "2.5",
            "QUARTERDECK_PROMETHEUS__ENABLED": "true",
        },
    ).settings
    assert found.ui.keys == {"next": "n", "back": ("b", "left")}
    assert found.engine.rate_limit_per_second == 2.5
    assert found.prometheus.enabled is True


def test_the_real_environment_is_read_where_none_is_given(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QUARTERDECK_ENGINE__WORKER_COUNT", "9")
    assert load_settings(user_dir=home).settings.engine.worker_count == 9


# Which files


def test_the_projects_file_is_the_nearest_up_to_the_repository(home: Path, tmp_path: Path) -> None:
    outside = write(tmp_path / FILE_NAME, "")
    repo = tmp_path / "repo"
    (repo / ".git").mkdir(parents=True)
    (repo / "a" / "b").mkdir(parents=True)

    def project_file() -> Path:
        return dict(config_files(project=repo / "a" / "b", user_dir=home))[Kind.PROJECT]

    assert project_file() == repo / "a" / "b" / FILE_NAME
    top = write(repo / FILE_NAME, "")
    assert project_file() == top
    near = write(repo / "a" / FILE_NAME, "")
    assert project_file() == near
    assert outside.exists()


def test_the_files_are_listed_weakest_first(home: Path, tmp_path: Path) -> None:
    files = config_files(project=tmp_path, config=tmp_path / "c.toml", user_dir=home)
    assert [kind for kind, _ in files] == [Kind.USER, Kind.PROJECT, Kind.FILE]
    assert config_files()[0][1].name == FILE_NAME


def test_a_file_that_was_asked_for_must_be_there(home: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid, match=r"nope.toml: The file can't be read: No such file"):
        load(home, config=tmp_path / "nope.toml")


# Profiles


PROFILED = """
[engine]
worker_count = 2
log_level = "warning"
[profiles.dev.engine]
log_level = "debug"
[profiles.prod.prometheus]
enabled = true
[profiles.night.engine]
worker_count = 1
"""


def test_a_profile_stands_above_the_plain_sections_of_all_files(home: Path, tmp_path: Path) -> None:
    path = write(home / FILE_NAME, PROFILED)
    write(tmp_path / FILE_NAME, "[engine]\nlog_level = 'error'\n")
    plain = load(home, project=tmp_path)
    dev = load(home, project=tmp_path, profile="dev")
    assert plain.settings.engine.log_level == "error"
    assert dev.settings.engine.log_level == "debug"
    assert dev.settings.engine.worker_count == 2
    assert str(dev.origin("engine.log_level")) == f"{path}:6 (profile dev)"


def test_environment_and_flags_stand_above_a_profile(home: Path) -> None:
    write(home / FILE_NAME, PROFILED)
    found = load(
        home, profile="night", environment={"QUARTERDECK_ENGINE__WORKER_COUNT": "8"}
    ).settings
    assert found.engine.worker_count == 8


@pytest.mark.parametrize("name", ["dev", "staging", "prod"])
def test_the_three_profiles_are_there_without_a_section(home: Path, name: str) -> None:
    assert load(home, profile=name).settings == default_config()


def test_an_unknown_profile_names_the_known_ones(home: Path) -> None:
    write(home / FILE_NAME, PROFILED)
    with pytest.raises(SettingsInvalid, match=r"no profile prd. Known: dev, night, prod, staging"):
        load(home, profile="prd")


# Faults


def test_all_faults_are_named_with_line_key_and_nearest_word(tmp_path: Path) -> None:
    found = faults(
        tmp_path,
        """[engine]
worker_cuont = 3
log_level = "debg"
shutdown_timeout = -1
[prometheus]
prt = 1
host = "0.0.0.0"
[ui.keys]
back = ["b", 3]
[profiles.prod.enigne]
[engin]
worker_count = 3
""",
    )
    assert [(f.line, f.key, f.hint) for f in found] == [
        (2, "engine.worker_cuont", "Did you mean worker_count?"),
        (3, "engine.log_level", "Did you mean debug?"),
        (4, "engine.shutdown_timeout", ""),
        (6, "prometheus.prt", "Did you mean port?"),
        (7, "prometheus.host", "Did you mean 127.0.0.1?"),
        (9, "ui.keys.back", ""),
        (10, "profiles.prod.enigne", "Did you mean engine?"),
        (11, "engin", "Did you mean engine?"),
    ]
    assert all(f.file == str(tmp_path / "x.toml") for f in found)
    assert all(f.message for f in found)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[engine]\nworker_count = 'many'", "valid integer"),
        ("[engine]\nworker_count = 0", "greater than or equal to 1"),
        ("[engine]\nshutdown_timeout = nan", "finite number"),
        ("[engine]\nshutdown_timeout = inf", "finite number"),
        ("engine = 3", "This is a table"),
        ("[agents]\nx = 3", "This is a table"),
        ("[prometheus]\nport = 70000", "less than or equal to 65535"),
        ("[state]\ndurability = 'half'", "'normal' or 'full'"),
        ("[terminal]\nbackend = 'none'", "'auto', 'rust' or 'pyte'"),
    ],
)
def test_each_fault_says_what_would_be_right(tmp_path: Path, text: str, said: str) -> None:
    (found,) = faults(tmp_path, text)
    assert said in found.message


@pytest.mark.parametrize(
    ("text", "line"),
    [("[engine\n", 1), ("\n\na = \n", 3), ("a = 1\na = 2\n", 2), ("a = '''\nopen", 2)],
)
def test_a_syntax_error_has_its_line(tmp_path: Path, text: str, line: int) -> None:
    (found,) = faults(tmp_path, text)
    assert found.line == line
    assert found.message.startswith("This is no TOML: ")


def test_a_file_that_is_no_text_or_no_file_says_so(tmp_path: Path) -> None:
    binary = tmp_path / "b.toml"
    binary.write_bytes(b"\xff\xfe")
    found = check_files([binary, tmp_path, tmp_path / "nope"])
    assert [f.message for f in found] == [
        "The file is no UTF-8 text.",
        "The file can't be read: Is a directory.",
        "The file can't be read: No such file or directory.",
    ]


def test_a_key_within_an_inline_table_has_its_tables_line(tmp_path: Path) -> None:
    (found,) = faults(tmp_path, "\nprometheus = { enabled = true, prot = 1 }\n")
    assert (found.line, found.key) == (2, "prometheus.prot")


def test_faults_of_variables_and_flags_name_them(home: Path) -> None:
    with pytest.raises(SettingsInvalid) as caught:
        load(
            home,
            environment={"QUARTERDECK_ENGINE__LOG_LEVL": "x"},
            flags={"engine.worker_count": 0, "nonsense": 1},
        )
    assert [(f.file, f.key) for f in caught.value.faults] == [
        ("QUARTERDECK_ENGINE__LOG_LEVL", "engine.log_levl"),
        ("--engine.worker_count", "engine.worker_count"),
        ("--nonsense", "nonsense"),
    ]


def test_one_error_lists_the_faults_of_all_sources(home: Path, tmp_path: Path) -> None:
    user = write(home / FILE_NAME, "[engine]\nx = 1\n")
    project = write(tmp_path / FILE_NAME, "[state]\ny = 1\n")
    with pytest.raises(SettingsInvalid) as caught:
        load(home, project=tmp_path, profile="nope")
    assert [f.file for f in caught.value.faults] == [str(user), str(project), "--profile"]
    assert f"{user}:2: engine.x: There is no such setting." in caught.value.message
    assert caught.value.code == "settings_invalid"
    assert len(caught.value.info().details["faults"]) == 3


def test_very_many_faults_are_all_there_but_not_all_shown(tmp_path: Path) -> None:
    keys = "".join(f"k{n} = 1\n" for n in range(50))
    found = faults(tmp_path, f"[engine]\n{keys}")
    error = SettingsInvalid(found)
    assert len(error.faults) == 50
    assert error.message.endswith("... and 30 more")


def test_a_huge_value_is_quoted_short(tmp_path: Path) -> None:
    (found,) = faults(tmp_path, f"[engine]\nlog_level = '{'x' * 10_000}'")
    assert len(found.message) < 300


def loading_faults(path: Path) -> list[Fault]:
    """The faults that loading finds in a file."""
    try:
        load_settings(config=path, environment={}, user_dir=path.parent / "none")
    except SettingsInvalid as error:
        return list(error.faults)
    return []


SECTIONS = sorted(set(Settings.model_fields) - {"agents"})


@settings(deadline=None)
@given(
    st.dictionaries(
        st.sampled_from([*SECTIONS, "agents", "profiles", "other"]),
        st.dictionaries(
            st.sampled_from(["worker_count", "port", "keys", "dir", "x"]),
            st.one_of(
                st.integers(-5, 5),
                st.booleans(),
                st.text(max_size=5),
                st.lists(st.integers(), max_size=2),
                st.dictionaries(st.sampled_from(["a", "engine"]), st.integers(), max_size=2),
            ),
            max_size=4,
        ),
        max_size=5,
    )
)
def test_whatever_a_file_holds_it_loads_or_each_fault_has_its_line(
    tmp_path_factory: pytest.TempPathFactory, data: dict[str, Any]
) -> None:
    place = tmp_path_factory.mktemp("s", numbered=True)
    path = write(place / "x.toml", tomlkit.dumps(data))
    text = path.read_text(encoding="utf-8")
    assert tomllib.loads(text) == data
    found = check_files([path])
    for fault in found:
        assert fault.line is not None
        last = fault.key.rpartition(".")[2]
        assert last in text.splitlines()[fault.line - 1]
    assert loading_faults(path) == found


def test_loading_costs_none_of_the_slow_libraries() -> None:
    program = (
        "import sys\n"
        "import quarterdeck.core.settings\n"
        "print(sorted({'pydantic_settings', 'tomlkit', 'structlog', 'textual', 'prometheus_client'}"
        " & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


def test_what_is_wrong_with_the_crew_is_told_with_line_and_key(tmp_path: Path) -> None:
    found = faults(
        tmp_path,
        '[crew]\nstrategy = "least-loaded"\nper_repositry = 2\nper_repository = -1\n'
        "ageing_seconds = 0\n[crew.groups]\nprovider-x = 0\nprovider-y = 3\n",
    )
    assert [(one.line, one.key, one.hint) for one in found] == [
        (2, "crew.strategy", "Did you mean least_loaded?"),
        (3, "crew.per_repositry", "Did you mean per_repository?"),
        (4, "crew.per_repository", ""),
        (5, "crew.ageing_seconds", ""),
        (7, "crew.groups.provider-x", ""),
    ]
