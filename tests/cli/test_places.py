"""Where an engine is looked for: by the rules of the settings room, without loading it."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quarterdeck.cli.faults import CliFault
from quarterdeck.cli.invocation import Invocation
from quarterdeck.cli.place import copied, entered_socket, load, locate, setting
from quarterdeck.core.engine.lock import Holder, StateLock, read_holder
from quarterdeck.core.settings import SettingsInvalid, config_files

VARIABLE = "QUARTERDECK_STATE__DIR"
DIRS = st.sampled_from(["/one", "~/two", "three", "../four", "/fi ve"])
TOML = {
    "plain": '[state]\ndir = "{}"\n',
    "profile": '[profiles.dev.state]\ndir = "{}"\n',
    "other": '[engine]\nworker_count = 2\n# "{}"\n',
}


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None
)
@given(
    user=st.dictionaries(st.sampled_from(["plain", "profile"]), DIRS),
    project=st.dictionaries(st.sampled_from(["plain", "profile"]), DIRS),
    extra=st.dictionaries(st.sampled_from(["plain", "profile"]), DIRS),
    flag=st.none() | DIRS,
    variable=st.none() | DIRS,
    profile=st.none() | st.just("dev"),
)
def test_the_state_directory_is_the_one_of_the_settings(
    home: Path, monkeypatch: pytest.MonkeyPatch, flag: str | None, variable: str | None,
    profile: str | None, **files: dict[str, str],
) -> None:  # fmt: skip
    monkeypatch.delenv(VARIABLE, raising=False)
    if variable is not None:
        monkeypatch.setenv(VARIABLE, variable)
    config = home / "extra.toml"
    (_, user), (_, project), _ = config_files(project=home, config=config)
    for path, name in ((user, "user"), (project, "project"), (config, "extra")):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(TOML[kind].format(where) for kind, where in files[name].items()))
    place = locate(flag, str(config), profile)
    assert place.state_dir == load(place).settings.state_dir


def test_a_project_s_settings_are_found_from_below(home: Path) -> None:
    below = home / "shop" / "src" / "deep"
    below.mkdir(parents=True)
    (home / "shop" / "quarterdeck.toml").write_text('[state]\ndir = "/shop-state"\n')
    assert locate(None, None, None, str(below)).state_dir == Path("/shop-state")
    (home / "shop" / "src" / ".git").mkdir()
    above = locate(None, None, None, str(below))
    assert above.state_dir == load(above).settings.state_dir == home / ".local/state/quarterdeck"


def test_flags_go_into_the_settings(home: Path) -> None:
    loaded = load(locate("/given", None, None)._replace(flags=(("engine.worker_count", "7"),)))
    assert loaded.settings.state_dir == Path("/given")
    assert loaded.settings.engine.worker_count == 7


def test_a_file_that_is_no_toml_is_told_with_its_line(home: Path) -> None:
    (home / "quarterdeck.toml").write_text("[state]\ndir = \n")
    with pytest.raises(SettingsInvalid) as caught:
        locate(None, None, None)
    assert "quarterdeck.toml:2" in caught.value.message
    assert locate("/given", None, None).state_dir == Path("/given")
    assert locate(None, None, None, read=False).state_dir == home / ".local/state/quarterdeck"


def test_a_config_file_that_is_missing_is_told(home: Path) -> None:
    with pytest.raises(SettingsInvalid, match="nowhere"):
        locate(None, "/nowhere.toml", None)


@pytest.mark.parametrize("text", ["", '[ui]\nleave_key = "ctrl+o"\n'])
def test_other_settings_are_read_alike(
    home: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    (home / "quarterdeck.toml").write_text(text)
    place = locate(None, None, None)
    loaded = load(place).settings.ui.leave_key
    assert (setting(place, "ui", "leave_key") or "ctrl+]") == loaded
    monkeypatch.setenv("QUARTERDECK_UI__LEAVE_KEY", "ctrl+p")
    assert setting(place, "ui", "leave_key") == load(place).settings.ui.leave_key == "ctrl+p"


def test_the_socket_is_the_one_that_the_engine_entered(state_dir: Path) -> None:
    lock = StateLock(state_dir)
    assert entered_socket(state_dir) is None
    lock.acquire(Holder(1, "id", "/run/s.sock", datetime.now(UTC)))
    found = read_holder(state_dir)
    assert found is not None
    assert entered_socket(state_dir) == found.socket == "/run/s.sock"
    lock.release()
    assert entered_socket(state_dir) is None
    (state_dir / "engine.lock").write_text("[1]")
    assert entered_socket(state_dir) is None


def test_a_lock_that_was_copied_with_its_directory_names_no_engine(
    state_dir: Path, tmp_path: Path
) -> None:
    lock = StateLock(state_dir)
    lock.acquire(Holder(1, "id", "/run/s.sock", datetime.now(UTC)))
    copy = tmp_path / "copy"
    shutil.copytree(state_dir, copy)
    assert entered_socket(copy) is None
    assert f"names the engine of {state_dir}" in copied(copy)
    assert entered_socket(state_dir) == "/run/s.sock"
    assert copied(state_dir) == copied(tmp_path) == ""
    with pytest.raises(CliFault, match="Its lock is a copy"):
        locate(str(copy), None, None).socket  # noqa: B018  # it is looked up
    moved = state_dir.rename(tmp_path / "moved")
    assert entered_socket(moved) == "/run/s.sock"
    lock.release()


def test_the_way_back_names_all_that_was_given_but_no_password() -> None:
    values = {
        "state_dir": "my state", "config": "a.toml", "profile": None, "executor": None,
        "store": "postgresql://ann:hush-hush@host/db",
    }  # fmt: skip
    found = Invocation(values)
    places = "--state-dir 'my state' --config a.toml"
    assert found.again("run", "--resume", "X", hosted=False) == (
        f"quarterdeck run --resume X {places}"
    )
    assert found.again("shop", hosted=True) == (
        f"quarterdeck shop {places} --store 'postgresql://ann:[redacted]@host/db'"
    )
