"""A removed session leaves nothing, however long its keeper takes to end."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.core.sessions.fakes import FakeKeepers
from tests.core.sessions.rig import Rig, until

from quarterdeck.core.sessions import winding_up
from quarterdeck.core.sessions.keeper.places import KeeperPlaces


class SlowKeepers(FakeKeepers):
    """Keepers whose end is seen when the test says so; ``said`` lists what was asked, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.end_seen = asyncio.Event()
        self.said: list[str] = []

    async def ended(self, places: KeeperPlaces, seconds: float) -> bool:
        self.said.append(f"ended? {seconds:g}")
        try:
            async with asyncio.timeout(seconds):
                await self.end_seen.wait()
        except TimeoutError:
            return False
        return await super().ended(places, seconds)

    async def erase(self, places: KeeperPlaces) -> None:
        self.said.append("erased")
        await super().erase(places)


async def test_deleting_waits_for_the_keepers_end_before_it_erases(
    new_rig: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(winding_up, "DISMISSAL", 0.001)
    keepers = SlowKeepers()
    rig: Rig = await new_rig(keepers=keepers)
    await rig.create()
    deleting = asyncio.create_task(rig.delete(force=True))
    await until(lambda: f"ended? {winding_up.ERASURE:g}" in keepers.said)
    assert "erased" not in keepers.said
    keepers.end_seen.set()
    await deleting
    assert keepers.said[-1] == "erased"


async def test_a_keeper_that_never_ends_delays_no_longer_than_that(
    new_rig: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("DISMISSAL", "ERASURE"):
        monkeypatch.setattr(winding_up, name, 0.001)
    rig: Rig = await new_rig(keepers=SlowKeepers())
    await rig.create()
    await rig.delete(force=True)
    assert rig.sessions == {}
    assert "a keeper does not end" in caplog.text
