"""The leases of the instances that an engine drives, renewed while it does."""

from __future__ import annotations

import asyncio
import logging
from asyncio import Task
from collections.abc import Callable
from datetime import datetime, timedelta

from ..base.clock import Clock
from ..base.errors import BusinessFault, QuarterdeckError
from ..base.logs import warn
from .instance import Instance
from .ports import WorkflowStore

LEASE_SECONDS = 30.0
RENEWALS = 3

_log = logging.getLogger(__name__)


class LeaseGone(BusinessFault):
    """Another engine has taken the instance over."""

    code = "lease_gone"


class Leases:
    """Renews what is held, a few times in each term; ``gone`` is told what was lost."""

    def __init__(
        self,
        store: WorkflowStore,
        clock: Clock,
        gone: Callable[[Instance, BaseException], None],
        *,
        seconds: float = LEASE_SECONDS,
    ) -> None:
        self._store = store
        self._clock = clock
        self._gone = gone
        self._seconds = seconds
        self._held: dict[str, Instance] = {}
        self._task: Task[None] | None = None

    def until(self) -> datetime:
        """When a lease that is taken now expires."""
        return self._clock.now() + timedelta(seconds=self._seconds)

    def hold(self, instance: Instance) -> None:
        """Renew the lease of ``instance`` from now on."""
        self._held[instance.id] = instance
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._renew())

    async def release(self, *instances: Instance) -> None:
        """Give those leases back that are held; where the store fails, they expire by themselves."""
        held = [one for one in instances if self._drop(one)]
        if held:
            try:
                await self._store.release([(one.id, one.lease) for one in held])
            except QuarterdeckError as fault:
                ids = ", ".join(one.id for one in held)
                warn(_log, "The leases of %s could not be given back: %s", ids, fault)

    def lose(self, instance: Instance) -> None:
        """Renew it no more."""
        self._drop(instance)

    def _drop(self, instance: Instance) -> bool:
        if self._held.get(instance.id) is not instance:
            return False
        del self._held[instance.id]
        if not self._held and self._task is not None:
            self._task.cancel()
            self._task = None
        return True

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(self._seconds / RENEWALS)
            await self.renew()

    async def renew(self) -> None:
        """Prolong all leases that are held, and tell those that are not any more."""
        held = list(self._held.values())
        try:
            kept = await self._store.renew([(one.id, one.lease) for one in held], self.until())
        except QuarterdeckError as fault:
            warn(_log, "Leases could not be renewed, and are tried again: %s", fault)
            return
        for one in held:
            if one.id not in kept and self._held.get(one.id) is one:
                self._gone(one, LeaseGone(f"Another engine drives workflow {one.id} now."))
