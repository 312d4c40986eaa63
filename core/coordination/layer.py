"""The coordination layer: locks, sagas, votes and patterns over one store."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ..base.clock import SYSTEM_CLOCK, Clock
from ..base.ids import new_id
from ..base.kept import KeptStore, MemoryKept
from ..base.retry import RetryPolicy
from ..messaging.bus import MessageBus
from .calling import Agents, CallContext, Executor
from .consensus import ConsensusResult, Proposal, Vote, Votes
from .holding import Held
from .lock_line import WAITER_TTL
from .locks import Grant, Locks, LockStatistics
from .patterns import (
    CoordinationPattern,
    PatternOutcome,
    agree,
    conduct,
    dance,
    lead,
    meet,
)
from .saga import Saga, SagaResult, SagaRun
from .sagas import Sagas

Pattern = Callable[..., Any]
_PATTERNS: Mapping[CoordinationPattern, Pattern] = {
    CoordinationPattern.MASTER_SLAVE: lead,
    CoordinationPattern.PEER_TO_PEER: meet,
    CoordinationPattern.CONSENSUS: agree,
    CoordinationPattern.CHOREOGRAPHY: dance,
    CoordinationPattern.ORCHESTRATION: conduct,
}


@dataclass(frozen=True, slots=True)
class CoordinationConfig:
    """Settings of a layer: the pattern of ``coordinate``, and terms of locks, sagas and calls."""

    default_pattern: CoordinationPattern = CoordinationPattern.ORCHESTRATION
    lock_ttl_seconds: float = 30.0
    max_lock_waiters: int = 1000
    lock_waiter_ttl_seconds: float = WAITER_TTL
    saga_retry_policy: RetryPolicy = field(default_factory=lambda: RetryPolicy(1, 0.1, 10.0))
    call_timeout_seconds: float | None = 30.0


@dataclass(frozen=True, slots=True)
class CoordinationStatistics:
    """What a layer holds at the moment."""

    agents: tuple[str, ...]
    locks: tuple[LockStatistics, ...]


class CoordinationLayer:
    """What agents do together. Belongs to the running loop.

    ``store`` keeps locks, sagas and votes; without one they live as long as the layer. ``bus`` reaches
    agents that have no executor here. ``alarm`` hears of sagas whose compensation failed.
    """

    def __init__(
        self,
        config: CoordinationConfig | None = None,
        *,
        store: KeptStore | None = None,
        bus: MessageBus | None = None,
        clock: Clock = SYSTEM_CLOCK,
        engine_id: str = "",
        alarm: Callable[[SagaResult], None] | None = None,
    ) -> None:
        self.config = config or CoordinationConfig()
        kept = store or MemoryKept()
        self._agents = Agents(bus)
        self._clock = clock
        self.locks = Locks(
            kept,
            clock=clock,
            engine_id=engine_id,
            max_waiters=self.config.max_lock_waiters,
            waiter_ttl=self.config.lock_waiter_ttl_seconds,
        )
        self.sagas = Sagas(
            kept,
            self._agents,
            policy=self.config.saga_retry_policy,
            engine_id=self.locks.engine_id,
            alarm=alarm,
        )
        self.votes = Votes(kept, clock)

    async def close(self) -> None:
        """Give up locks, break off sagas (``resume_sagas`` takes them up again)."""
        await self.sagas.close()
        await self.locks.close()
        self._agents.close()

    # ---- agents ----------------------------------------------------------------------------

    def attach_bus(self, bus: MessageBus) -> None:
        """Reach agents that have no executor by this bus from now on."""
        self._agents.bus = bus

    def register_agent(self, agent_id: str, executor: Executor) -> None:
        """Let an agent act by ``executor``, sync or async; it is given the action."""
        self._agents.register(agent_id, executor)

    def unregister_agent(self, agent_id: str) -> None:
        """Forget an agent's executor."""
        self._agents.unregister(agent_id)

    async def ask(self, agent_id: str, action: Any) -> Any:
        """What an agent's action gives.

        :raises NoExecutor: if it has no executor, and there is no bus.
        :raises TimeoutError: if it took longer than ``call_timeout_seconds``.
        """
        context = CallContext(agent_id, new_id())
        return await self._agents.call(action, context, self.config.call_timeout_seconds)

    # ---- locks -----------------------------------------------------------------------------

    def acquire_lock(
        self, resource: str, holder: str, ttl: float | None = None, *, timeout: float | None = None
    ) -> Held:
        """``async with`` it to hold a lock, renewed meanwhile; ``await lock(...)`` for one by hand."""
        return Held(self.locks, resource, holder, ttl or self.config.lock_ttl_seconds, timeout)

    async def lock(
        self,
        resource: str,
        holder: str,
        ttl: float | None = None,
        *,
        timeout: float | None = None,  # noqa: ASYNC109  # a person's word for it
    ) -> Grant:
        """See ``Locks.acquire``."""
        span = ttl or self.config.lock_ttl_seconds
        return await self.locks.acquire(resource, holder, span, timeout=timeout)

    async def renew_lock(self, grant: Grant, ttl: float | None = None) -> None:
        """See ``Locks.renew``."""
        await self.locks.renew(grant, ttl)

    async def release_lock(self, grant: Grant) -> None:
        """See ``Locks.release``."""
        await self.locks.release(grant)

    # ---- sagas -----------------------------------------------------------------------------

    async def run_saga(self, saga: Saga) -> SagaResult:
        """See ``Sagas.run``."""
        return await self.sagas.run(saga)

    async def resume_sagas(self, former: Collection[str] | None = None) -> list[SagaResult]:
        """See ``Sagas.resume``."""
        return await self.sagas.resume(former)

    async def list_sagas(self, *, open_only: bool = False) -> list[SagaRun]:
        """See ``Sagas.all``."""
        return await self.sagas.all(open_only=open_only)

    # ---- votes -----------------------------------------------------------------------------

    async def propose_consensus(
        self,
        topic: str,
        proposed_by: str,
        data: Any = None,
        required_approval: float = 0.5,
        *,
        voters: Mapping[str, float] | Collection[str] | None = None,
        quorum: int = 1,
        deadline: datetime | None = None,
        deadline_seconds: float | None = None,
    ) -> Proposal:
        """Open a proposal; ``voters`` with or without weights, ``None``: anyone. See ``Proposal``.

        :raises ProposalInvalid: if its terms mean nothing or can't be met.
        """
        weights = (
            None
            if voters is None
            else dict(voters)
            if isinstance(voters, Mapping)
            else dict.fromkeys(voters, 1.0)
        )
        proposal = Proposal(topic, proposed_by, data, required_approval, weights, quorum, deadline)
        return await self.votes.propose(proposal, deadline_seconds)

    async def vote_on_proposal(
        self, proposal_id: str, voter_id: str, vote: str, *, reason: str = ""
    ) -> Proposal:
        """See ``Votes.vote``."""
        return await self.votes.vote(proposal_id, voter_id, vote, reason=reason)

    async def resolve_consensus(self, proposal_id: str) -> ConsensusResult:
        """See ``Votes.resolve``."""
        return await self.votes.resolve(proposal_id)

    async def wait_for_consensus(self, proposal_id: str) -> ConsensusResult:
        """See ``Votes.wait``."""
        return await self.votes.wait(proposal_id)

    async def decide(
        self, topic: str, proposed_by: str, data: Any, voters: Sequence[str], required: float
    ) -> tuple[ConsensusResult, Mapping[str, Vote]]:
        """Let agents vote by asking each ``{"vote_on": topic, "data": data}``.

        Whoever fails, or answers with no vote, has not voted; all but none must have.
        """
        proposal = await self.propose_consensus(
            topic, proposed_by, data, required, voters=voters, quorum=(len(voters) + 1) // 2
        )
        for voter in voters:
            try:
                said = await self.ask(voter, {"vote_on": topic, "data": data})
                await self.vote_on_proposal(proposal.proposal_id, voter, said)
            except Exception:  # noqa: BLE001, S112  # whoever can't vote is missing in the quorum
                continue
        result = await self.resolve_consensus(proposal.proposal_id)
        return result, proposal.votes

    # ---- patterns --------------------------------------------------------------------------

    async def coordinate(
        self, *given: Any, pattern: CoordinationPattern | None = None, **terms: Any
    ) -> PatternOutcome:
        """Work by a pattern; what is given goes to its function in ``patterns``."""
        chosen = pattern or self.config.default_pattern
        outcome: PatternOutcome = await _PATTERNS[CoordinationPattern(chosen)](
            self, *given, **terms
        )
        return outcome

    def tick(self) -> None:
        """Look at the clock now; only needed where a clock is moved by hand."""
        self.locks.tick()
        self.votes.tick()

    def statistics(self) -> CoordinationStatistics:
        """The figures of the moment."""
        return CoordinationStatistics(tuple(self._agents.known), self.locks.statistics())
