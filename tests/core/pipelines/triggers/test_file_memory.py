"""The memory of triggers: what is kept comes back, what is broken counts as nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from quarterdeck.core.pipelines.triggers import FileMemory


def count(folder: Path) -> int:
    return len(list(folder.iterdir()))


async def test_the_last_one_counts(tmp_path: Path) -> None:
    memory = FileMemory(tmp_path / "memory")
    for key in ("p/watch/e", "../ü\n", ""):
        await memory.save(key, {"a": [1, None, "ü"]})
        await memory.save(key, {"b": key})
    again = FileMemory(tmp_path / "memory")
    assert [await again.load(key) for key in ("p/watch/e", "../ü\n", "")] == [
        {"b": "p/watch/e"}, {"b": "../ü\n"}, {"b": ""},
    ]  # fmt: skip
    assert count(tmp_path) == 1


async def test_what_can_not_be_kept_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = FileMemory(tmp_path)
    await memory.save("k", {"a": 1})

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        await memory.save("k", {"a": 2})
    assert await memory.load("k") == {"a": 1}
    assert count(tmp_path) == 1


async def test_what_is_broken_or_missing_is_nothing(tmp_path: Path) -> None:
    memory = FileMemory(tmp_path / "memory")
    assert await memory.load("k") is None
    await memory.save("k", {"a": 1})
    (file,) = (tmp_path / "memory").iterdir()
    assert (file.stat().st_mode & 0o77, file.parent.stat().st_mode & 0o77) == (0, 0)
    for text in ("{", "[]", '{"value": 3}'):
        file.write_text(text)
        assert await memory.load("k") is None
