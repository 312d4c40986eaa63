"""What keepers cost: memory at rest, under a flood, and the time of a start.

    python tests/core/sessions/keeper/measure_keeper.py [COUNT]

Prints medians over COUNT keepers (10) that live at the same time; Linux only.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

from quarterdeck.core.sessions.keeper.link import Exited, KeeperLink, Output
from quarterdeck.core.sessions.keeper.spawn import (
    ChildSpec,
    KeeperHandle,
    places_for,
    spawn_keeper,
)

FLOOD = 64 * 1024 * 1024


def memory(pid: int) -> dict[str, float]:
    """A process's memory in MB."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    fields = [line.split() for line in lines if line.endswith("kB")]
    wanted = {"Rss:", "Pss:", "Private_Dirty:"}
    return {name[:-1]: int(size) / 1024 for name, size, _ in fields if name in wanted}


def say(title: str, figures: str) -> None:
    """One line."""
    sys.stdout.write(f"{title:24}{figures}\n")


def show(title: str, handles: list[KeeperHandle]) -> None:
    """One line of medians."""
    each = [memory(handle.keeper_pid) for handle in handles]
    figures = {name: statistics.median(one[name] for one in each) for name in each[0]}
    say(title, "   ".join(f"{name} {value:5.1f} MB" for name, value in figures.items()))


async def flood(handle: KeeperHandle) -> float:
    """The rate at which one keeper hands output on, in MB a second."""
    started = time.perf_counter()
    async with await KeeperLink.connect(handle.places, epoch=1) as link:
        await link.write(b"go\n")
        size = 0
        async for item in link.items():
            size += len(item.data) if isinstance(item, Output) else 0
            if isinstance(item, Exited):
                break
    return size / 1e6 / (time.perf_counter() - started)


async def main(count: int) -> None:
    """Start, measure, flood, measure, end."""
    with tempfile.TemporaryDirectory(prefix="qd", dir="/tmp") as directory:
        os.environ["XDG_RUNTIME_DIR"] = directory
        handles, times = [], []
        for number in range(count):
            script = f"read go; head -c {FLOOD} /dev/zero"
            spec = ChildSpec(
                ("sh", "-c", script), "/", {"PATH": os.defpath}, "m", mode="pipe", linger=0
            )
            started = time.perf_counter()
            handles.append(await spawn_keeper(spec, places_for(Path(directory), f"m.{number}")))
            times.append(time.perf_counter() - started)
        say("start", f"{statistics.median(times) * 1000:.0f} ms")
        show("at rest", handles)
        rate = await flood(handles[0])
        async with await KeeperLink.connect(handles[1].places, epoch=1, from_offset=None) as link:
            await link.write(b"go\n")
        await asyncio.sleep(0.5)
        show("flooded, no engine", handles[1:2])
        say("flood through a link", f"{rate:.0f} MB/s")
        for handle in handles[1:]:
            async with await KeeperLink.connect(handle.places, epoch=2) as link:
                await link.stop(1)
                await link.dismiss()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if sys.argv[1:] else 10))
