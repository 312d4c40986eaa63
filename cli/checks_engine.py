"""The doctor's checks of what runs: a keeper, an engine."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from contextlib import closing
from pathlib import Path

from ..core.base.errors import QuarterdeckError
from ..core.sessions.keeper.items import Exited
from ..core.sessions.keeper.link import KeeperLink
from ..core.sessions.keeper.spawn import (
    ChildSpec,
    erase_places,
    find_keepers,
    places_for,
    spawn_keeper,
)
from ..core.workflows.backends.local import FOLDER
from .failing import has_code
from .finding import Finding, fail, ok, warn
from .link import Link
from .place import Place

SECONDS = 15.0
ANSWER = "quarterdeck-doctor"
MOST_TOLD = 10


def keeper(_: Place) -> Finding:
    """Start a keeper with a child in a terminal, hear it, and see both end."""
    try:
        with tempfile.TemporaryDirectory(prefix="quarterdeck-doctor-") as scratch:
            heard = asyncio.run(_try_keeper(Path(scratch)))
    except (QuarterdeckError, TimeoutError, OSError) as error:
        return fail(
            "keeper", str(error) or "it did not answer", "Sessions can't be started; see above."
        )
    if ANSWER not in heard:
        return fail("keeper", f"its child said {heard!r}", "Sessions can't be watched; report it.")
    return ok("keeper", "starts, passes its child's output on, and ends")


async def _try_keeper(scratch: Path) -> str:
    """What the keeper's child wrote."""
    spec = ChildSpec(
        argv=(sys.executable, "-I", "-S", "-c", f"print({ANSWER!r})"),
        cwd=str(scratch),
        env={"TERM": "xterm"},
        mode="pty",
        cols=80,
        rows=24,
        session_id="doctor",
    )
    places = places_for(scratch, "doctor")
    heard = bytearray()
    async with asyncio.timeout(SECONDS):
        await spawn_keeper(spec, places, timeout=SECONDS)
        link = await KeeperLink.connect(places, epoch=1, from_offset=0)
        async for item in link.items():
            heard += getattr(item, "data", b"")
            if isinstance(item, Exited):
                break
        await link.dismiss()
        await link.detach()
    erase_places(places)
    return heard.decode("utf-8", "replace")


def left_running(place: Place) -> Finding:
    """Agents and tasks' processes that run with no engine to look after them."""
    name = "left running"
    try:
        sessions = _living(place.state_dir)
        attempts = _living(place.state_dir / FOLDER)
    except QuarterdeckError as error:
        return warn(name, error.message, "See the check of the socket.")
    told = f"agents: {len(sessions)}, processes of tasks: {len(attempts)}"
    if _engine_runs(place):
        return ok(name, f"{told}; an engine looks after them")
    if not (sessions or attempts):
        return ok(name, "nothing without an engine")
    pids = ", ".join(str(pid) for pid in [*sessions, *attempts][:MOST_TOLD])
    return warn(
        name,
        f"{told}; without an engine (processes {pids})",
        "Look after them with: quarterdeck. What it does not know either can be ended with: kill",
    )


def _engine_runs(place: Place) -> bool:
    try:
        Link.open(place.socket).close()
    except QuarterdeckError as error:
        return not has_code(error, "no_engine")
    return True


def _living(folder: Path) -> list[int]:
    """The processes of keepers' children that run."""
    found = [one.facts for one in find_keepers(folder) if one.lives]
    return [one.child_pid for one in found if one is not None and one.exit is None]


def engine(place: Place) -> Finding:
    """The engine that runs, if one does, and its own health."""
    try:
        with closing(Link.open(place.socket)) as link:
            health = link.call("system.health", patience=SECONDS)["health"]
    except QuarterdeckError as error:
        if has_code(error, "no_engine"):
            return ok("engine", "none runs; quarterdeck starts one")
        return fail("engine", error.message, "Stop it by its pid and start quarterdeck again.")
    pid = link.engine["pid"]
    bad = [one for one in health["checks"] if one["status"] != "healthy"]
    said = "; ".join(f"{one['name']}: {one['message']}" for one in bad)
    if health["status"] == "healthy":
        return ok("engine", f"healthy, pid {pid}")
    grade = fail if health["status"] == "unhealthy" else warn
    return grade("engine", f"{health['status']}, pid {pid}: {said}", "See: quarterdeck health")
