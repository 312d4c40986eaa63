"""What killed engines left of attempts: ended in the background, and told where it is let alone."""

from __future__ import annotations

from ...base.errors import QuarterdeckError
from ...protocol.events import SystemWarning
from ...telemetry.logs import logger
from ...workflows.executors import Leftovers
from ..journal import Journal

_log = logger("engine.workflows")


async def end_leftovers(leftovers: Leftovers | None, journal: Journal) -> None:
    """End what nobody takes up, and tell of what only another store can know."""
    try:
        left = () if leftovers is None else await leftovers.end()
        if left:
            await journal.record([], [_unknown([one.pid for one in left if one.pid is not None])])
    except (QuarterdeckError, OSError) as fault:
        _log.error("what former engines left could not be looked for", fault)


def _unknown(pids: list[int]) -> SystemWarning:
    return SystemWarning(
        code="attempts_unknown",
        message="Processes of tasks run whose workflows this database does not know "
        f"({', '.join(map(str, pids))}): those of another --store, or of one that was moved aside. "
        "They are left alone.",
        details={"pids": pids},
    )
