from __future__ import annotations

import os
import signal
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.core.base.places import PlaceUnsafe, runtime_directory
from quarterdeck.core.sessions.keeper.faults import SocketPathLong
from quarterdeck.core.sessions.keeper.places import (
    PATH_LIMIT,
    clean_places,
    erase_places,
    find_keepers,
    keeper_lives,
    make_folder,
    places_for,
    present_socket,
    read_facts,
)
from quarterdeck.core.sessions.keeper.recording import post_mortem

if TYPE_CHECKING:
    from tests.core.sessions.keeper.conftest import Yard

KEY = "01JCZK6Q7W8X9Y0Z1A2B3C4D5E.12"


def test_a_place_is_named_by_its_key(state_dir: Path) -> None:
    places = places_for(state_dir, KEY)
    assert places.folder == state_dir / "keepers" / KEY
    assert places.socket.parent == runtime_directory()
    assert len(os.fsencode(places.socket)) < PATH_LIMIT
    assert places_for(state_dir, KEY) == places
    assert places.marker == f"QUARTERDECK_KEEPER={places.socket.stem}"


def test_places_of_other_states_and_keys_are_others(state_dir: Path, tmp_path: Path) -> None:
    sockets = {
        places_for(directory, key).socket
        for directory in (state_dir, tmp_path / "other")
        for key in (KEY, KEY + "0", "x")
    }
    assert len(sockets) == 6


@given(st.text(min_size=1, max_size=200))
def test_any_key_names_one_folder_inside(
    tmp_path_factory: pytest.TempPathFactory, key: str
) -> None:
    state = tmp_path_factory.getbasetemp()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", "/tmp")
        folder = places_for(state, key).folder
    assert folder.parent == state / "keepers"
    assert folder.name not in {"", ".", ".."}
    assert len(folder.name) <= 80


def test_a_directory_with_too_long_a_name_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = tmp_path / ("x" * 90)
    runtime.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    with pytest.raises(SocketPathLong, match="XDG_RUNTIME_DIR"):
        places_for(tmp_path, KEY)


def test_a_folder_that_is_a_link_is_refused(state_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (state_dir / "keepers").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(PlaceUnsafe):
        make_folder(places_for(state_dir, KEY))


def test_nothing_lives_where_nothing_was(state_dir: Path) -> None:
    places = places_for(state_dir, KEY)
    assert not keeper_lives(places)
    assert read_facts(places) is None
    assert post_mortem(places) is None
    assert find_keepers(state_dir) == []
    (state_dir / "keepers").write_text("in the way")
    assert find_keepers(state_dir) == []
    assert find_keepers(state_dir / "keepers") == []
    (state_dir / "keepers").unlink()
    assert present_socket(places) == places.socket
    assert clean_places(state_dir, [KEY]) == 0
    erase_places(places)


@pytest.mark.parametrize("record", [b"", b" " * 4096, b"{}", b"[]", b"\xff", b'{"exit": null}'])
def test_a_record_that_says_nothing_is_none(state_dir: Path, record: bytes) -> None:
    places = places_for(state_dir, KEY)
    make_folder(places)
    places.record.write_bytes(record)
    places.ring.write_bytes(b"no ring")
    assert read_facts(places) is None
    assert post_mortem(places) is None
    (found,) = find_keepers(state_dir)
    assert (found.places.key, found.facts, found.lives) == (KEY, None, False)


async def test_living_keepers_are_found_with_their_facts(yard: Yard) -> None:
    one = await yard.start("cat", key="one.1")
    await yard.start("cat", key="odd/key")
    found = find_keepers(yard.state_dir)
    assert len(found) == 2
    assert all(each.lives for each in found)
    by_folder = {each.places.folder: each for each in found}
    assert by_folder[one.places.folder].facts == one.facts
    assert {each.places.socket for each in found} == {
        yard.places("one.1").socket,
        yard.places("odd/key").socket,
    }
    os.kill(one.keeper_pid, signal.SIGKILL)
    await yard.until_over(one.places)
    (dead,) = [each for each in find_keepers(yard.state_dir) if not each.lives]
    assert dead.places.key == "one.1"
    assert dead.facts


async def test_what_is_over_is_cleared_away_and_what_lives_stays(yard: Yard) -> None:
    for key in ("lives.1", "kept.1", "over.1"):
        await yard.start("true", key=key, linger=600 if key == "lives.1" else 0)
    await yard.until_over(yard.places("kept.1"), yard.places("over.1"))
    stale = yard.places("never.1").socket
    starting = yard.places("starting.1").socket
    foreign = places_for(yard.state_dir / "another", "x").socket
    for path in (stale, starting, foreign):
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
    assert clean_places(yard.state_dir, {"kept.1", "starting.1"}) == 1
    assert {each.places.key for each in find_keepers(yard.state_dir)} == {"kept.1", "lives.1"}
    assert not stale.exists()
    assert starting.exists()
    assert foreign.exists()
    tap = await yard.tap("lives.1")
    assert (await tap.until_exit()).code == 0
    kept = post_mortem(yard.places("kept.1"))
    assert kept
    assert kept.code == 0
    erase_places(yard.places("lives.1"))
    assert yard.places("lives.1").record.exists()


async def test_an_end_is_known_from_the_log_where_the_record_is_damaged(yard: Yard) -> None:
    handle = await yard.start("sh", "-c", "echo words; kill -9 $$", linger=0)
    await yard.until_over(handle.places)
    handle.places.record.write_bytes(b"damaged")
    end = post_mortem(handle.places)
    assert end
    assert (end.code, end.signal, end.facts) == (None, 9, None)
    assert b"".join(end.output()) == b"words\r\n"


async def test_an_end_is_known_from_the_record_where_the_log_is_damaged(yard: Yard) -> None:
    handle = await yard.start("sh", "-c", "echo words; exit 3", linger=0)
    await yard.until_over(handle.places)
    handle.places.ring.unlink()
    end = post_mortem(handle.places)
    assert end
    assert (end.code, end.signal, end.items) == (3, None, ())
    assert (end.ring_start, end.ring_end) == (7, 7)
    assert list(end.output()) == []
