"""The engine's connection to a cluster, made again when it breaks."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from distributed import Client, Security, fire_and_forget

from ..ports import Leaf
from . import scheduler_side, worker_side
from .faults import ClusterMismatch, ClusterUnreachable
from .wire import PROTOCOL, Terms, dask_key, dask_priority, pack_leaf, place_of

WAIT = 20.0
"""Seconds that a call waits at most at the other end for something to tell."""


@dataclass(frozen=True, slots=True)
class ClusterOptions:
    """Where a cluster is and how it is spoken to.

    ``address`` is Dask's, such as ``tcp://host:8786``. ``tls`` are keyword arguments of Dask's ``Security``.
    ``timeout`` is how many seconds a machine may take to answer.
    """

    address: str
    tls: dict[str, Any] = field(default_factory=dict)
    terms: Terms = field(default_factory=Terms)
    timeout: float = 10.0


class Cluster:
    """Calls to scheduler and workers.

    Each raises ``ClusterUnreachable`` where nobody answers; ``lost`` closes what is left of the connection.
    """

    def __init__(self, options: ClusterOptions) -> None:
        self.options = options
        self._client: Any = None

    async def connect(self) -> None:
        """Connect, and see to it that scheduler and workers have what is needed.

        :raises ClusterUnreachable: if the scheduler doesn't answer.
        :raises ClusterMismatch: if Quarterdeck is missing there, or is of another version.
        """
        security = Security(**self.options.tls)
        options = {"asynchronous": True, "set_as_default": False, "timeout": self.options.timeout}
        client: Any = Client(self.options.address, security=security, **options)
        try:
            async with asyncio.timeout(self.options.timeout * 2):
                await client
            self._client = client
            await self._check()
            await self._within(client.register_plugin(scheduler_side.Board()))
            await self._within(client.register_plugin(worker_side.Shim()))
        except (OSError, ValueError) as error:
            await self._drop(client)
            raise self._unreachable(error) from error
        except BaseException:
            await self._drop(client)
            raise

    async def _check(self) -> None:
        found = {"its scheduler": await self._try(self._client.run_on_scheduler)}
        if found["its scheduler"] == {"protocol": PROTOCOL}:
            answers = await self._within(
                self._client.run(scheduler_side.describe, on_error="return")
            )
            found |= {f"its worker {address}": answer for address, answer in answers.items()}
        wrong = {who: answer for who, answer in found.items() if answer != {"protocol": PROTOCOL}}
        if wrong:
            who, answer = next(iter(wrong.items()))
            said = answer if isinstance(answer, Exception) else f"version {answer['protocol']}"
            raise ClusterMismatch(
                f"The cluster at {self.options.address} can't run our tasks: this engine speaks "
                f"version {PROTOCOL} of its protocol, {who} says: {said}. Install the same "
                "quarterdeck[dask] for the scheduler and all its workers.",
                machines=sorted(wrong),
            )

    async def _try(self, run: Callable[..., Awaitable[Any]]) -> Any:
        try:
            return await self._within(run(scheduler_side.describe))
        except (OSError, asyncio.CancelledError):
            raise
        except Exception as error:  # noqa: BLE001  # it comes from another machine's Python
            return error

    async def _within(self, call: Awaitable[Any], more: float = 0.0) -> Any:
        async with asyncio.timeout(self.options.timeout + more):
            return await call

    async def on_scheduler(self, function: Any, /, *, wait: float = 0.0, **given: Any) -> Any:
        """What a function gives on the scheduler; ``wait`` is what it may take in seconds, at ease."""
        return await self._call(wait, "run_on_scheduler", function, **given)

    async def on_worker(
        self, worker: str, function: Any, /, *, wait: float = 0.0, **given: Any
    ) -> Any:
        """What a function gives on a worker."""
        answers = await self._call(wait, "run", function, workers=[worker], **given)
        return answers[worker]

    async def on_workers(
        self, workers: list[str], function: Any, /, *, wait: float = 0.0, **given: Any
    ) -> list[Any]:
        """What a function gives on each of several workers; those that fail are left out."""
        keep = {"workers": workers, "on_error": "ignore"}
        return list((await self._call(wait, "run", function, **keep, **given)).values())

    async def _call(self, wait: float, how: str, function: Any, /, **given: Any) -> Any:
        client = self._client
        if client is None:
            raise ClusterUnreachable(f"The cluster at {self.options.address} is not connected.")
        try:
            return await self._within(getattr(client, how)(function, **given), wait)
        except OSError as error:
            raise self._unreachable(error) from error

    def hand_over(self, leaf: Leaf) -> None:
        """Put an attempt into Dask's queue, from where it is run even if this engine goes."""
        if self._client is None:
            raise ClusterUnreachable(f"The cluster at {self.options.address} is not connected.")
        future = self._client.submit(
            worker_side.run_leaf,
            pack_leaf(leaf, self.options.terms),
            key=dask_key(place_of(leaf.key)),
            pure=False,
            retries=0,
            priority=dask_priority(leaf.priority),
            resources=dict(leaf.resources) or None,
        )
        fire_and_forget(future)

    async def lost(self) -> None:
        """Close what is left of the connection."""
        client, self._client = self._client, None
        if client is not None:
            await self._drop(client)

    async def _drop(self, client: Any) -> None:
        self._client = None
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(self.options.timeout):
                await client.close()

    def _unreachable(self, error: BaseException) -> ClusterUnreachable:
        why = str(error) or type(error).__name__
        return ClusterUnreachable(
            f"The cluster at {self.options.address} doesn't answer ({why}); see whether its "
            "scheduler runs and can be reached from here.",
            address=self.options.address,
        )
