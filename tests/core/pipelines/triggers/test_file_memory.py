"""The memory of triggers: what is kept comes back, what is broken counts as nothing."""

from __future__ import annotations

from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quarterdeck.core.pipelines.triggers import FileMemory

VALUES = st.dictionaries(st.text(), st.recursive(st.none() | st.integers() | st.text(), st.lists))


@given(key=st.text(), first=VALUES, second=VALUES)
@settings(
    max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
async def test_the_last_one_counts(tmp_path: Path, key: str, first: object, second: object) -> None:
    memory = FileMemory(tmp_path / "memory")
    await memory.save(key, first)  # type: ignore[arg-type]  # what hypothesis makes is untyped
    await memory.save(key, second)  # type: ignore[arg-type]  # as above
    assert await FileMemory(tmp_path / "memory").load(key) == second


async def test_what_is_broken_or_missing_is_nothing(tmp_path: Path) -> None:
    memory = FileMemory(tmp_path / "memory")
    assert await memory.load("k") is None
    await memory.save("k", {"a": 1})
    (file,) = (tmp_path / "memory").iterdir()
    assert (file.stat().st_mode & 0o77, file.parent.stat().st_mode & 0o77) == (0, 0)
    for text in ("{", "[]", '{"value": 3}'):
        file.write_text(text)
        assert await memory.load("k") is None
