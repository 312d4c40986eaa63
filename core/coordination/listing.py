"""How locks and sagas stand, for whoever shows them: this engine's, and others' on the same store."""

from __future__ import annotations

from dataclasses import dataclass

from .layer import CoordinationLayer
from .saga import SagaRun, SagaStatus, StepStatus


@dataclass(frozen=True, slots=True)
class LockListing:
    """One lock: who holds it in which engine, and who waits for it here, in order.

    ``seconds_left`` is until it expires unless renewed; of another engine's lock nobody here knows that.
    """

    resource: str
    holder: str | None
    engine_id: str
    token: int
    waiters: tuple[str, ...]
    seconds_left: float | None


@dataclass(frozen=True, slots=True)
class StepListing:
    """One step of a saga."""

    name: str
    agent_id: str
    status: StepStatus
    attempts: int
    error: str | None


@dataclass(frozen=True, slots=True)
class SagaListing:
    """One saga with its steps, as it is kept."""

    saga_id: str
    name: str
    engine_id: str
    status: SagaStatus
    error: str | None
    steps: tuple[StepListing, ...]


async def locks(layer: CoordinationLayer) -> tuple[LockListing, ...]:
    """Every lock that is held anywhere or waited for here, by resource."""
    here = {one.resource: one for one in layer.locks.statistics()}
    kept = {one.resource: one for one in await layer.locks.all()}
    found = []
    for resource in sorted(here.keys() | kept.keys()):
        own, record = here.get(resource), kept.get(resource)
        mine = own is not None and own.holder is not None
        found.append(
            LockListing(
                resource,
                own.holder if own is not None and mine else record.holder if record else None,
                layer.locks.engine_id if mine else record.engine_id if record else "",
                max(own.token if own else 0, record.token if record else 0),
                own.waiters if own else (),
                own.seconds_left if own else None,
            )
        )
    return tuple(found)


async def sagas(layer: CoordinationLayer, *, open_only: bool = False) -> tuple[SagaListing, ...]:
    """Every saga that is kept, oldest first; ``open_only``: those about which something is left to do."""
    return tuple(_saga(run) for run in await layer.list_sagas(open_only=open_only))


def _saga(run: SagaRun) -> SagaListing:
    steps = tuple(
        StepListing(step.name, step.agent_id, state.status, state.attempts, state.error)
        for step, state in zip(run.saga.steps, run.steps, strict=True)
    )
    return SagaListing(run.saga.saga_id, run.saga.name, run.engine_id, run.status, run.error, steps)
