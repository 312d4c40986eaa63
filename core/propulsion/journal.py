"""What is kept of runs: one line for each thing that happens to one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from ..base.batches import BatchLog, BatchStore
from ..base.retry import RetryPolicy
from .machine import Run, State
from .payload import PropulsionPayload

LOG = "propulsion"

_as_text = json.JSONEncoder(separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class DeadPayload:
    """A payload that failed for good on one event type; ``succeeded`` are the handlers that did not."""

    id: str
    event_type: str
    payload: PropulsionPayload
    error: str
    attempts: int
    at: datetime
    succeeded: tuple[str, ...] = ()


class Journal:
    """The log of one engine's runs. ``standing`` gives what a fold must say of.

    A payload's data must be JSON where payloads are kept.
    """

    def __init__(
        self,
        store: BatchStore,
        standing: Callable[[], Iterable[Run | DeadPayload]],
        log: str = LOG,
    ) -> None:
        self._standing = standing
        self._lines = BatchLog(store, log, whole=self._whole, count=self._count)

    async def load(self) -> tuple[list[Run], list[DeadPayload]]:
        """What was left: runs to be taken up, in the order in which they came, and dead payloads."""
        folding = _Folding()
        for line in await self._lines.load():
            folding.take(json.loads(line))
        return list(folding.runs.values()), list(folding.dead.values())

    def entered(self, run: Run) -> asyncio.Future[None]:
        """A run begins its life.

        :raises TypeError: if its data can't be JSON.
        """
        return self._lines.add(_run_line(run))

    def succeeded(self, run: Run, quoted: str) -> None:
        """A handler (its name quoted as JSON) has succeeded, and others are still to come."""
        self._lines.add(f'["a","{run.id}",{quoted}]')

    def failed(self, run: Run, name: str) -> None:
        """A handler has failed."""
        self._lines.add(json.dumps(["f", run.id, name, run.error]))

    def again(self, run: Run) -> None:
        """Another attempt will follow."""
        self._lines.add(json.dumps(["r", run.id, run.attempt]))

    def ended(self, run: Run, quoted: Iterable[str]) -> asyncio.Future[None]:
        """It has come to its end, with these handlers' success as the last thing."""
        return self._lines.add(f'["e","{run.id}","{run.state.value}",[{",".join(quoted)}]]')

    def buried(self, dead: DeadPayload) -> asyncio.Future[None]:
        """It has become a dead payload."""
        return self._lines.add(_dead_line(dead))

    def unburied(self, dead_id: str) -> asyncio.Future[None]:
        """A dead payload was discarded, or is replayed."""
        return self._lines.add(json.dumps(["u", dead_id]))

    async def settled(self) -> None:
        """Wait until all of this is on disk."""
        await self._lines.settled()

    def _whole(self) -> Iterator[str]:
        for one in self._standing():
            yield _run_line(one) if isinstance(one, Run) else _dead_line(one)

    def _count(self) -> int:
        return sum(1 for _ in self._standing())


class _Folding:
    """Reading a log: what stands after its last line."""

    def __init__(self) -> None:
        self.runs: dict[str, Run] = {}
        self.dead: dict[str, DeadPayload] = {}

    def take(self, entry: list[Any]) -> None:  # noqa: C901  # one case for each kind of line
        match entry:
            case ["p", given]:
                run = _run_of(given)
                self.runs[run.id] = run
            case ["a", run_id, name]:
                if (known := self._known(run_id)) is not None:
                    known.has_succeeded(name)
            case ["f", run_id, name, error]:
                if (known := self._known(run_id)) is not None:
                    known.failed_once_more(name)
                    known.error = error
            case ["r", run_id, attempt]:
                if (known := self._known(run_id)) is not None:
                    known.attempt = attempt
            case ["e", run_id, _, _]:
                self.runs.pop(run_id, None)
            case ["x", given]:
                dead = _dead_of(given)
                self.runs.pop(dead.id, None)
                self.dead[dead.id] = dead
            case ["u", dead_id]:
                self.dead.pop(dead_id, None)
            case _:
                msg = f"the log of payloads holds an entry of another version: {entry[:1]}"
                raise ValueError(msg)

    def _known(self, run_id: str) -> Run | None:
        return self.runs.get(run_id)


def _run_line(run: Run) -> str:
    policy = run.policy
    return _as_text(
        [
            "p",
            {
                "id": run.id,
                "event": run.event_type,
                "payload": run.payload.to_dict(),
                "attempt": run.attempt - (run.state is State.RUNNING),
                "policy": [
                    policy.max_attempts, policy.initial_delay, policy.max_delay,
                    policy.exponential_base, policy.jitter,
                ],
                "buried": run.buried,
                "succeeded": sorted(run.succeeded),
                "tried": dict(run.tried),
            },
        ],
    )  # fmt: skip


def _run_of(given: dict[str, Any]) -> Run:
    run = Run(
        given["event"],
        PropulsionPayload.from_dict(given["payload"]),
        RetryPolicy(*given["policy"]),
        buried=given["buried"],
        run_id=given["id"],
        succeeded=given["succeeded"],
    )
    run.attempt = given["attempt"]
    run.tried = dict(given["tried"])
    return run


def _dead_line(dead: DeadPayload) -> str:
    given = {name: getattr(dead, name) for name in dead.__slots__}
    return json.dumps(
        ["x", {**given, "payload": dead.payload.to_dict(), "at": dead.at.isoformat()}]
    )


def _dead_of(given: dict[str, Any]) -> DeadPayload:
    dead = DeadPayload(**given)
    return replace(
        dead,
        payload=PropulsionPayload.from_dict(given["payload"]),
        at=datetime.fromisoformat(given["at"]),
        succeeded=tuple(given["succeeded"]),
    )
