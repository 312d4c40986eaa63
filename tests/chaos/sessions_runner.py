"""An engine's sessions room in a process of its own, made to be killed.

Reads commands as JSON lines, runs them side by side, and answers each when it is done. The first
line that it writes tells how it found everything.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from tests.core.sessions.rig import Rig

from quarterdeck.core.base.clock import SYSTEM_CLOCK
from quarterdeck.core.base.errors import QuarterdeckError
from quarterdeck.state.sqlite.store import open_store


def tell(line: dict[str, Any]) -> None:
    """Write one line."""
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


class Runner:
    """Carries out what it reads."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig

    async def state(self) -> dict[str, Any]:
        """How everything stands."""
        await self.rig.journal.settled()
        return {
            "views": [view.model_dump(mode="json") for view in self.rig.manager.views()],
            "keys": {one.id: one.place_key for one in self.rig.sessions.values()},
            "items": [item.model_dump(mode="json") for item in self.rig.items()],
            "sequence": await self.rig.store.last_sequence(),
            "epoch": self.rig.services.epoch,
        }

    async def obey(self, wish: dict[str, Any]) -> None:
        """Do what a line says, and answer it."""
        number = wish.pop("number")
        try:
            tell({"number": number, "ok": True, "result": await self._do(**wish)})
        except QuarterdeckError as error:
            tell({"number": number, "ok": False, "code": error.code, "message": error.message})

    async def _do(self, do: str, name: str = "", **fields: Any) -> Any:
        rig = self.rig
        if do == "state":
            return await self.state()
        if do == "create":
            return (await rig.create(fields.pop("agent"), name, **fields)).model_dump(mode="json")
        if name not in {view.name for view in rig.manager.views()}:
            return None
        match do:
            case "delete":
                await rig.delete(name, force=True)
            case "type":
                await rig.keys(text=fields["text"], name=name)
                await rig.keys("enter", name=name)
            case "answer":
                if rig.session(name).status.request is not None:
                    await rig.answer(fields["choice"], name=name)
            case "text":
                return rig.text(name)
            case "start" | "stop" | "restart":
                return (await getattr(rig, do)(name)).model_dump(mode="json")
        return None


async def main(place: Path) -> None:
    """Serve until the input ends."""
    store = open_store(f"sqlite:///{place}/state.db", clock=SYSTEM_CLOCK)
    await store.open()
    runner = Runner(await Rig(place, store, max_sessions=100, stop_grace=0.3).open())
    tell(await runner.state())
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    tasks = set()
    while line := await reader.readline():
        task = asyncio.create_task(runner.obey(json.loads(line)))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        if not len(tasks) % 8:
            await runner.rig.manager.checkpoint()
    await runner.rig.close(stop_sessions=True)
    await store.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
