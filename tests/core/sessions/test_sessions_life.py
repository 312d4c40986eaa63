from __future__ import annotations

from quarterdeck.core.protocol.status import Lifecycle
from tests.core.sessions.rig import Rig


async def test_smoke(rig: Rig) -> None:
    view = await rig.create()
    assert view.lifecycle is Lifecycle.RUNNING
    await rig.keys("enter", text="echo $((40+2))")
    await rig.keys("enter")
    await rig.until_text("42")
    await rig.stop()
