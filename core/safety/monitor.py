"""The safety monitor: every operation is checked before it is done."""

from __future__ import annotations

import json
import logging
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass

from ..base.clock import SYSTEM_CLOCK, Clock
from ..base.errors import BusinessFault
from ..base.kept import Followed, Kept, KeptStore, MemoryKept
from .binding import BreakerOpen, Breakers, Guarded, Limits
from .breaker import BreakerState, BreakerStatistics, CircuitBreaker, Permit
from .checks import Circumstances, Later, check
from .model import (
    ConstraintType,
    Halt,
    OperationContext,
    SafetyConfig,
    SafetyConstraint,
    SafetyLevel,
    ValidationResult,
    Violation,
)
from .rules import Rules

KIND = "safety"
Listener = Callable[[Violation], None]
_COUNTING = frozenset({ConstraintType.RATE_LIMIT})
_SAFE = ValidationResult()
_logger = logging.getLogger("quarterdeck.safety")


class OperationRefused(BusinessFault):
    """The safety monitor forbids an operation; the rules that it breaks are in the message."""

    code = "operation_refused"

    @classmethod
    def of(cls, context: OperationContext, result: ValidationResult) -> OperationRefused:
        """The fault for an operation and what was found about it."""
        found = "; ".join(str(violation).rstrip(".") for violation in result.violations)
        return cls(
            f"{context.operation_type} of {context.agent_id or 'nobody'} was refused: {found}.",
            rules=[violation.rule for violation in result.violations],
        )


@dataclass(frozen=True, slots=True)
class SafetyStatistics:
    """What a monitor holds and did so far."""

    constraints: int
    checked: int
    refused: int
    warned: int
    halt: Halt | None
    breakers: Mapping[str, BreakerStatistics]
    limits: Mapping[str, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Admission:
    """Whether an operation may be done; if so, the permits of the breakers that it met."""

    result: ValidationResult
    permits: tuple[tuple[Guarded, Permit], ...] = ()

    @property
    def waits(self) -> Violation | None:
        """What keeps it from being done now, where that passes by itself or with a person's word."""
        broken = self.result.violations
        if not broken or not all(one.passes for one in broken):
            return None
        return max(broken, key=lambda one: one.retry_after)

    def release(self) -> None:
        """It was not done after all."""
        for _, permit in self.permits:
            permit.release()


class SafetyMonitor:
    """Constraints, breakers, limits and the halt.

    ``store`` keeps the halt, so that it survives a restart (``await restore()`` at start); without
    one it lives as long as the monitor. ``listener`` hears of every violation; it must be quick.
    """

    def __init__(
        self,
        config: SafetyConfig | None = None,
        *,
        store: KeptStore | None = None,
        clock: Clock = SYSTEM_CLOCK,
        listener: Listener | None = None,
        name: str = "monitor",
    ) -> None:
        self.config = config or SafetyConfig()
        self._store = store or MemoryKept()
        self._clock = clock
        self._listener = listener
        self._name = name
        self._rules = Rules()
        self._around = Circumstances(clock)
        self._breakers = Breakers(clock, self.config.max_keys)
        self._limits = Limits(clock, self.config.max_keys)
        self._halt: Halt | None = None
        self._halt_version = 0
        self._keeping = 0
        self._violations: deque[Violation] = deque(maxlen=self.config.max_violations)
        self._checked = self._refused = self._warned = 0

    # ---- rules -----------------------------------------------------------------------------

    def add_constraint(self, constraint: SafetyConstraint) -> str:
        """Enforce a constraint from now on; its id."""
        self._rules.add(constraint)
        return constraint.constraint_id

    def remove_constraint(self, constraint_id: str) -> bool:
        """Enforce a constraint no more; whether there was one with that id."""
        self._around.buckets.pop(constraint_id, None)
        return self._rules.remove(constraint_id)

    @property
    def constraints(self) -> list[SafetyConstraint]:
        """All constraints, oldest first."""
        return list(self._rules.all.values())

    def add_circuit_breaker(
        self,
        name: str,
        failure_threshold: int = 5,
        timeout_seconds: float = 60.0,
        *,
        half_open_calls: int = 1,
        success_threshold: int = 1,
        per_agent: bool = False,
    ) -> None:
        """Guard what ``name``, a name or a pattern, means: operations, agents, ``agent.operation``.

        :raises ValueError: if a number is below 1, or the timeout not above 0.
        """
        if min(failure_threshold, half_open_calls, success_threshold) < 1 or timeout_seconds <= 0:
            raise ValueError(
                f"The breaker {name!r}: numbers are at least 1, timeout above 0 seconds"
            )
        self._breakers.add(
            name,
            threshold=failure_threshold,
            timeout=timeout_seconds,
            probes=half_open_calls,
            successes=success_threshold,
            per_agent=per_agent,
        )

    def add_rate_limiter(
        self, key: str, max_requests: int, window_seconds: float = 60.0, *, per_agent: bool = False
    ) -> None:
        """Allow ``max_requests`` at once, and as many again in every window.

        ``key`` means operations and agents as a breaker's name does, and the operations' own keys.

        :raises ValueError: if ``max_requests`` is below 1, or the window not above 0.
        """
        if max_requests < 1 or not window_seconds > 0:
            raise ValueError(
                "A limit needs 1 request or more in more than 0 s, "
                f"not {max_requests}, {window_seconds}"
            )
        rate = max_requests / window_seconds
        self._limits.add(key, rate, max_requests, "agent" if per_agent else "")

    def add_limit(self, key: str, rate: float, burst: float, *, by: str = "") -> None:
        """Allow ``rate`` operations a second and ``burst`` at once, for each value of ``by``.

        ``by`` is ``agent``, one of the operations' ``subjects``, or empty: for all together.

        :raises ValueError: if the rate is not above 0, or the burst below 1.
        """
        self._limits.add(key, rate, burst, by)

    # ---- checking --------------------------------------------------------------------------

    async def validate_operation(self, context: OperationContext) -> ValidationResult:
        """Whether an operation may be done; a halt that comes of it is kept before this returns."""
        result = self.check(context)
        worst = self.grave(result)
        if worst is not None:
            await self.halt(str(worst), rule=worst.rule)
        return result

    def grave(self, result: ValidationResult) -> Violation | None:
        """The violation that everything is to be halted for, if there is one."""
        if not result.violations or not self.config.halt_on_critical or self._halt is not None:
            return None
        return next((one for one in result.violations if _halts(one)), None)

    async def require(self, context: OperationContext) -> None:
        """Pass, if the operation may be done.

        :raises OperationRefused: if not.
        """
        result = await self.validate_operation(context)
        if not result.is_safe:
            raise OperationRefused.of(context, result)

    def check(self, context: OperationContext) -> ValidationResult:
        """As ``validate_operation``, without halting; it counts against rates all the same."""
        self._checked += 1
        if self._halt is not None:
            found = [_violation("halt", "halt", context, self._halted(), SafetyLevel.CRITICAL)]
            return self._told(found)
        found = list(self._broken(context, counting=False))
        if not self._forbid(found):
            found += self._broken(context, counting=True)
        if not self._forbid(found):
            found += self._gates(context)
        if not found:
            self._note_times(context)
            return _SAFE
        return self._told(found)

    def admit(self, context: OperationContext, *, patient: bool = False) -> Admission:
        """As ``check``, with a permit of every breaker: whoever got in ends it once.

        ``patient``: what time or a person mends is no violation, the operation waits for it.
        """
        self._checked += 1
        if self._halt is not None:
            found = [_violation("halt", "halt", context, self._halted(), SafetyLevel.CRITICAL)]
            return Admission(self._told(found, patient=patient))
        found = list(self._broken(context, counting=False))
        permits: list[tuple[Guarded, Permit]] = []
        if not self._forbid(found):
            gate = self._breaker(context, permits, Guarded.permit) or self._limit(context)
            found += [gate] if gate else self._broken(context, counting=True)
        if not found:
            self._note_times(context)
            return Admission(_SAFE, tuple(permits))
        if not self._forbid(found):
            return Admission(self._told(found), tuple(permits))
        for _, permit in permits:
            permit.release()
        return Admission(self._told(found, patient=patient))

    def foreseen(self, context: OperationContext) -> Violation | None:
        """The rule that an operation would break, as far as that can be said without counting it.

        One that time does not mend comes first. Nothing is told, and nothing is halted for it.
        """
        broken = [one for one in self._broken(context, counting=False) if self._forbid([one])]
        return min(broken, key=lambda one: (one.passes, -one.retry_after), default=None)

    def record_success(self, agent_id: str, operation: str, keys: tuple[str, ...] = ()) -> None:
        """An operation went well: its breakers hear of it."""
        for guarded in self._breakers.meeting(agent_id, operation, keys):
            guarded.tell(good=True)

    def record_failure(self, agent_id: str, operation: str, keys: tuple[str, ...] = ()) -> None:
        """An operation failed: its breakers hear of it."""
        for guarded in self._breakers.meeting(agent_id, operation, keys):
            guarded.tell(good=False)

    def breakers(
        self, agent_id: str, operation: str, keys: tuple[str, ...] = ()
    ) -> list[CircuitBreaker]:
        """The breakers that an agent's operation meets."""
        return [one.breaker for one in self._breakers.meeting(agent_id, operation, keys)]

    def use(self, resource: str, amount: float) -> None:
        """So much of a resource is in use from now on (less, if negative)."""
        used = self._around.in_use.get(resource, 0.0) + amount
        self._around.in_use[resource] = max(0.0, used)

    # ---- halt ------------------------------------------------------------------------------

    @property
    def halted(self) -> Halt | None:
        """The halt in force."""
        return self._halt

    async def halt(self, reason: str, *, rule: str = "asked") -> None:
        """Forbid everything until reset; in force at once, kept when this returns."""
        self.trip(reason, rule=rule)
        await self._keep()

    def trip(self, reason: str, *, rule: str = "asked") -> Halt:
        """Forbid everything from now on; ``keep_halt`` makes it last."""
        self._halt = Halt(rule, reason, self._clock.now().isoformat())
        _logger.error("Safety halt: %s", reason)
        return self._halt

    async def keep_halt(self) -> None:
        """Return when the halt, or that there is none, is kept."""
        await self._keep()

    async def reset(self) -> bool:
        """End the halt; whether there was one. It is over when that is kept."""
        if self._halt is None:
            return False
        before, self._halt = self._halt, None
        try:
            await self._keep()
        except BaseException:
            self._halt = before
            raise
        return True

    async def restore(self) -> None:
        """Take up the halt that was in force when the last process ended."""
        await self.look()

    async def look(self) -> bool:
        """Take up a halt, or its end, that another engine has kept meanwhile; whether that is new."""
        kept = await self._store.get_kept(KIND, self._name)
        if kept is None or kept.version <= self._halt_version or self._keeping:
            return False
        before, self._halt_version = self._halt, kept.version
        found = json.loads(kept.body)
        self._halt = Halt(**found) if found else None
        return self._halt != before

    def follow(self, heard: Callable[[], None]) -> Callable[[], None]:
        """Call ``heard`` when ``look`` may find something; call the result to end that."""
        if not isinstance(self._store, Followed):
            return lambda: None
        mine = (KIND, self._name)
        return self._store.follow_kept(lambda *one: heard() if one == mine else None)

    # ---- figures ---------------------------------------------------------------------------

    def get_circuit_breaker_status(self) -> dict[str, BreakerStatistics]:
        """Each breaker by its name, or ``name@agent``."""
        return self._breakers.status()

    @property
    def limits(self) -> Limits:
        """The limits."""
        return self._limits

    def reset_circuit_breaker(self, name: str) -> bool:
        """Close a breaker as a person's decision; whether there is one of that name."""
        return self._breakers.reset(name)

    def get_violations(self, limit: int = 100) -> list[Violation]:
        """The latest violations and warnings, oldest first."""
        return list(self._violations)[-limit:] if limit > 0 else []

    def statistics(self) -> SafetyStatistics:
        """The figures of the moment."""
        return SafetyStatistics(
            len(self._rules.all),
            self._checked,
            self._refused,
            self._warned,
            self._halt,
            self._breakers.status(),
            self._limits.status(),
        )

    # ---- parts -----------------------------------------------------------------------------

    def _broken(self, context: OperationContext, *, counting: bool) -> Iterator[Violation]:
        for constraint, value in self._rules.applying(context):
            if (constraint.constraint_type in _COUNTING) is counting:
                wrong = check(constraint, context, value, self._around)
                if wrong:
                    yield Violation(
                        constraint.name,
                        str(constraint.constraint_type),
                        constraint.level,
                        wrong,
                        context.operation_type,
                        context.agent_id,
                        constraint.parameter,
                        _until(constraint, wrong),
                    )

    def _gates(self, context: OperationContext) -> list[Violation]:
        """Breakers, then limits; a trial call that a later gate forbids is given back."""
        trials: list[tuple[Guarded, Permit]] = []

        def take(guarded: Guarded) -> Permit | None:
            return guarded.admit()

        found = self._breaker(context, trials, take) or self._limit(context)
        if found is None:
            return []
        for guarded, permit in trials:
            guarded.give_up(permit)
        return [found]

    def _breaker(
        self,
        context: OperationContext,
        trials: list[tuple[Guarded, Permit]],
        take: Callable[[Guarded], Permit | None],
    ) -> Violation | None:
        if not self.config.enable_circuit_breakers:
            return None
        agent, operation, keys = context.agent_id, context.operation_type, context.rate_keys
        for guarded in self._breakers.meeting(agent, operation, keys):
            try:
                permit = take(guarded)
            except BreakerOpen as fault:
                wait = float(fault.details["retry_after"])
                name = guarded.breaker.name
                return _violation(name, "circuit_breaker", context, fault.message, retry_after=wait)
            if permit is not None:
                trials.append((guarded, permit))
        return None

    def _limit(self, context: OperationContext) -> Violation | None:
        if not self.config.enable_rate_limiting:
            return None
        agent, operation, keys = context.agent_id, context.operation_type, context.rate_keys
        found = self._limits.take(agent, operation, keys, context.subjects)
        if found is None:
            return None
        text = f"the limit is used up, again in {found[1]:.1f} s"
        return _violation(found[0], "rate_limit", context, text, retry_after=found[1])

    def _forbid(self, found: list[Violation]) -> bool:
        return any(one.level.rank <= self.config.blocking_level.rank for one in found)

    def _halted(self) -> str:
        assert self._halt is not None  # noqa: S101  # only asked while it stands
        return f"everything is halted since {self._halt.since}: {self._halt.reason}"

    def _told(self, found: list[Violation], *, patient: bool = False) -> ValidationResult:
        most = self.config.blocking_level.rank
        violations = tuple(one for one in found if one.level.rank <= most)
        warnings = tuple(one for one in found if one.level.rank > most)
        self._refused += bool(violations)
        self._warned += len(warnings)
        for one in found:
            if patient and one.passes:
                continue
            self._violations.append(one)
            if self._listener is not None:
                with suppress(Exception):
                    self._listener(one)
        return ValidationResult(violations, warnings)

    def _note_times(self, context: OperationContext) -> None:
        for constraint, _ in self._rules.applying(context):
            if "min_interval_seconds" in constraint.metadata:
                key = (constraint.constraint_id, context.agent_id)
                self._around.last_done[key] = self._clock.monotonic()

    async def _keep(self) -> None:
        body, done = json.dumps(asdict(self._halt) if self._halt else None), False
        self._keeping += 1
        try:
            while not done:
                self._halt_version += 1
                record = Kept(KIND, self._name, self._halt_version, body, open=body != "null")
                if not (done := await self._store.put_kept(record)):
                    kept = await self._store.get_kept(KIND, self._name)  # another one changed it
                    self._halt_version = kept.version if kept else 0
        finally:
            self._keeping -= 1


def _until(constraint: SafetyConstraint, wrong: str) -> float:
    """When time mends it; what is critical halts, and is not waited for."""
    critical = constraint.level is SafetyLevel.CRITICAL
    return wrong.seconds if isinstance(wrong, Later) and not critical else 0.0


def _halts(violation: Violation) -> bool:
    return violation.level is SafetyLevel.CRITICAL and violation.rule != "halt"


def _violation(
    rule: str,
    kind: str,
    context: OperationContext,
    message: str,
    level: SafetyLevel = SafetyLevel.HIGH,
    *,
    retry_after: float = 0.0,
) -> Violation:
    return Violation(
        rule,
        kind,
        level,
        message,
        context.operation_type,
        context.agent_id,
        retry_after=retry_after,
    )


__all__ = ["Admission", "BreakerState", "OperationRefused", "SafetyMonitor", "SafetyStatistics"]
