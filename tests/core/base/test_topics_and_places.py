"""The topic matcher, held against a plain one; and the places of sockets."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quarterdeck.core.base.places import (
    PlaceUnsafe,
    engine_socket,
    place_key,
    private_directory,
    runtime_directory,
)
from quarterdeck.core.base.topics import topic_matches


@pytest.mark.parametrize(
    ("pattern", "topic", "covered"),
    [
        ("session.*", "session.created", True),
        ("session.*", "session", False),
        ("session.*", "session.a.b", False),
        ("session*", "session.created", False),
        ("sess*", "session", False),
        ("#", "a.b.c", True),
        ("#", "a", True),
        ("a.#", "a", True),
        ("a.#", "a.b.c", True),
        ("a.#.b", "a.b", True),
        ("a.#.b", "a.x.y.b", True),
        ("a.#.b", "a.x.y", False),
        ("#.b", "b", True),
        ("*", "a", True),
        ("*.*", "a", False),
        ("#.*", "a", True),
        ("*.#.*", "a", False),
        ("a", "a.b", False),
    ],
)
def test_what_a_pattern_covers(pattern: str, topic: str, *, covered: bool) -> None:
    assert topic_matches(pattern, topic) is covered


def plainly(pattern: list[str], topic: list[str]) -> bool:
    """The definition, word for word."""
    if not pattern:
        return not topic
    if pattern[0] == "#":
        return any(plainly(pattern[1:], topic[skip:]) for skip in range(len(topic) + 1))
    return bool(topic) and pattern[0] in {"*", topic[0]} and plainly(pattern[1:], topic[1:])


LEVEL = st.sampled_from(["a", "b", "c"])


@settings(deadline=None)
@given(
    st.lists(st.one_of(LEVEL, st.sampled_from(["*", "#"])), min_size=1, max_size=6),
    st.lists(LEVEL, min_size=1, max_size=6),
)
def test_the_matcher_agrees_with_the_definition(pattern: list[str], topic: list[str]) -> None:
    assert topic_matches(".".join(pattern), ".".join(topic)) == plainly(pattern, topic)


def test_a_pattern_of_many_wildcards_costs_no_time() -> None:
    assert not topic_matches(".".join(["#", "a"] * 50), ".".join(["a"] * 49 + ["b"]))


# Places


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def test_a_private_directory_is_made_for_its_user_alone(tmp_path: Path) -> None:
    made = private_directory(tmp_path / "a" / "b")
    assert made.is_dir()
    assert mode(made) == 0o700


def test_one_that_others_may_enter_is_closed_to_them(tmp_path: Path) -> None:
    loose = tmp_path / "loose"
    loose.mkdir(mode=0o755)
    loose.chmod(0o755)
    assert mode(private_directory(loose)) == 0o700


def test_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(PlaceUnsafe, match="is a link"):
        private_directory(tmp_path / "link")


def test_a_file_in_its_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(PlaceUnsafe) as caught:
        private_directory(tmp_path / "file")
    assert caught.value.code == "place_unsafe"


def test_another_users_directory_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 4_000_000)
    with pytest.raises(PlaceUnsafe, match="another user"):
        private_directory(tmp_path)


def test_sockets_lie_in_the_runtime_directory_where_there_is_one(tmp_path: Path) -> None:
    found = runtime_directory({"XDG_RUNTIME_DIR": str(tmp_path)})
    assert found == tmp_path / "quarterdeck"
    assert mode(found) == 0o700


@pytest.mark.parametrize("given_place", ["", "/does/not/exist"])
def test_without_one_they_lie_in_a_temporary_directory_of_the_user(
    given_place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    found = runtime_directory({"XDG_RUNTIME_DIR": given_place})
    assert found == tmp_path / f"quarterdeck-{os.geteuid()}"


def test_each_state_directory_has_a_socket_of_its_own_with_a_short_path(tmp_path: Path) -> None:
    environment = {"XDG_RUNTIME_DIR": "/tmp"}
    deep = tmp_path / ("x" * 100) / ("y" * 100)
    paths = {engine_socket(place, environment) for place in (tmp_path, deep)}
    assert len(paths) == 2
    assert all(len(os.fsencode(path)) < 60 for path in paths)


def test_the_key_of_a_directory_does_not_depend_on_how_it_is_written(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "real").mkdir()
    assert place_key(tmp_path / "link") == place_key(tmp_path / "x" / ".." / "real")
