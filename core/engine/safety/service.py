"""The engine's one safety monitor, with all that belongs to it: what every command and dispatch passes."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Callable, Hashable, Mapping, Sequence
from contextlib import asynccontextmanager

from ...base.clock import SYSTEM_CLOCK, Clock
from ...base.errors import Category, ErrorInfo
from ...base.kept import KeptStore
from ...protocol import commands as c
from ...protocol.attention import AttentionItem, AttentionKind
from ...protocol.crew_events import BreakerChanged, SafetyViolated
from ...protocol.crew_views import (
    BreakerView,
    BudgetView,
    HaltView,
    LimitView,
    SafetyView,
    ViolationView,
)
from ...protocol.events import Cause
from ...protocol.payload import Payload
from ...protocol.views import SessionView
from ...safety.breaker import BreakerOpen
from ...safety.budgets import BudgetExceeded, Budgets
from ...safety.model import OperationContext, ValidationResult, Violation
from ...safety.monitor import OperationRefused, SafetyMonitor
from ...sessions.desk import AttentionDesk
from ...settings import Settings
from ...settings.safety import AGENT
from ...telemetry.logs import logger
from ...telemetry.ports import MetricsCollector, NullMetrics
from ...workflows.executors.ports import Sessions
from ...workflows.machine import Places
from ..answering import Answerers
from ..faults import RateLimited
from ..journal import Journal
from ..workflows.service import WorkflowService
from .accounts import PREFIX, Accounts, Place
from .admissions import BREAKER, Admissions
from .board import BreakerBoard
from .dispatch import HALT, Dispatch, Ticket
from .errands import Errands
from .estimates import Estimates
from .faults import BreakerUnknown, Halted
from .gate import WorkflowGate
from .guarded_sessions import GuardedSessions
from .halting import Halting
from .limits import CommandLimits
from .line import Line
from .looking import limit_views, rule_texts, violation_view
from .watching import Watch, scopes_of

STOPPING = frozenset(
    {
        c.StopAgent.type,
        c.DeleteSession.type,
        c.Shutdown.type,
        c.SnoozeItem.type,
        c.ResolveItem.type,
        c.Resize.type,
        "workflow.pause",
        "workflow.cancel",
        "pipeline.pause",
        "pipeline.cancel",
    }
)
"""Commands that stop something, or touch no work: a halt lets them through."""

FREE = ("crew.", "ui.", "nav.")
"""Commands of these families go on in a halt: they steer it, or are a client's own affair."""

VIOLATIONS = 100

_log = logger("engine.safety")


class SafetyService:
    """Asked before every command, and before every piece of work that begins.

    Without ``desk`` nobody is asked: what breaks a budget waits until more is granted by command.
    """

    def __init__(
        self,
        settings: Settings,
        store: KeptStore,
        journal: Journal,
        *,
        desk: AttentionDesk | None = None,
        clock: Clock = SYSTEM_CLOCK,
        metrics: MetricsCollector | None = None,
    ) -> None:
        given = settings.safety
        self._journal = journal
        self._clock = clock
        self._desk = desk
        self._errands = Errands()
        self._violations: deque[ViolationView] = deque(maxlen=VIOLATIONS)
        self.monitor = SafetyMonitor(
            given.config, store=store, clock=clock, listener=self._violated, name="engine"
        )
        self.board = BreakerBoard(self.monitor, clock, given.breakers)
        self.board.heard.append(self._breaker_changed)
        for one in given.constraints:
            self.monitor.add_constraint(one.made())
        for name, limit in given.limits.items():
            by = "" if limit.by == "all" else limit.by
            self.monitor.add_limit(name, limit.rate, limit.burst, by=by)
        self.waiting_changed: Callable[[str, str], None] = lambda _workflow, _task: None
        self.halt_moved: list[Callable[[], None]] = []
        line = self._line = Line(self._line_changed)
        budgets = Budgets(store=store, clock=clock)
        for budget in settings.budgets:
            budgets.define(budget.made())
        self.halting = Halting(self.monitor, journal, self._errands, desk, self._halt_moved)
        self.accounts = Accounts(
            budgets,
            journal=journal,
            errands=self._errands,
            desk=desk,
            line=line,
            stop=self._stop,
        )
        self.admissions = Admissions(
            monitor=self.monitor,
            board=self.board,
            halting=self.halting,
            accounts=self.accounts,
            estimates=Estimates(settings.budgets),
            line=line,
            clock=clock,
        )
        self.gate = WorkflowGate(self.admissions, self._errands)
        self.watch = Watch(
            store,
            clock=clock,
            board=self.board,
            accounts=self.accounts,
            admissions=self.admissions,
            gate=self.gate,
            errands=self._errands,
        )
        engine = settings.engine
        self.command_limits = CommandLimits(
            engine.rate_limit_per_second,
            engine.rate_limit_burst,
            metrics or NullMetrics(),
            clock=clock,
        )
        self._rules = bool(given.constraints or given.limits or self.board.operations)
        self._budgeted = bool(settings.budgets)
        self._look_for_work()

    # ---- the engine's life -----------------------------------------------------------------

    async def restore(self) -> None:
        """Take up the halt, the accounts and the figures of former engines."""
        await self.halting.restore()
        await self.accounts.restore()
        await self.watch.restore()

    async def begin(self) -> None:
        """Let the attention queue, which has been taken up by now, say what is true."""
        await self.halting.begin()
        await self.accounts.begin()

    async def tidy(self, workflows: WorkflowService) -> None:
        """Everything that goes on has been taken up: what nobody asks any more is closed."""
        await workflows.orchestrator.settled()
        self.accounts.tidy()

    async def close(self) -> None:
        """Set no timer any more, and finish what is under way."""
        self._line.close()
        self.halting.close()
        self.accounts.close()
        self.board.close()
        self.watch.close()
        await self._errands.close()

    def guard(self, workflows: WorkflowService, places: Places | None = None) -> None:
        """Have the attempts of workflows ask here first, and say what they wait for.

        On an agent whose breaker is open ``places`` place nothing.
        """
        self.gate.attach(workflows.orchestrator)
        self.waiting_changed = workflows.tell_again
        if places is None:
            return
        self.gate.places = places

        def heard(view: BreakerView) -> None:
            closed = f"is left alone: {self.board.why(view)}" if view.state == "open" else ""
            if places.close(view.name.removeprefix(AGENT), closed):
                workflows.orchestrator.look_at_places()

        self.board.heard.append(heard)

    def guarded(self, sessions: Sessions) -> GuardedSessions:
        """Sessions for the attempts of workflows."""
        return GuardedSessions(sessions, self.admissions, self.gate)

    def answers(self, answerers: Answerers) -> None:
        """Take the answers to the questions that are asked here."""
        answerers.register(PREFIX, self.accounts.answer)
        answerers.register(HALT, self.halting.answer)

    # ---- commands --------------------------------------------------------------------------

    def check_command(
        self,
        wish: Payload,
        *,
        reads: bool,
        session: SessionView | None,
        client_id: str,
        item: AttentionItem | None = None,
    ) -> None:
        """Pass, if the command may be carried out; what only ``reads`` is never halted.

        :raises Halted: if everything is, and it is none that stops something.
        :raises RateLimited: if a configured limit is used up.
        :raises OperationRefused: if it breaks a rule, which is named.
        """
        if self.monitor.halted is not None and not (reads or _may_in_halt(wish, item)):
            raise Halted(
                f"{wish.type} was refused: everything is halted, {self.monitor.halted.reason}. Go on "
                "with: quarterdeck safety reset",
                rule=self.monitor.halted.rule,
            )
        if not self._rules or self.monitor.halted is not None:
            return
        context = OperationContext(
            wish.type,
            session.agent if session is not None else str(getattr(wish, "agent", "") or ""),
            wish.__dict__,
            subjects={"session": session.id if session is not None else "", "client": client_id},
        )
        result = self.monitor.check(context)
        if not result.is_safe:
            self._refuse(context, result.violations)

    def _refuse(self, context: OperationContext, broken: Sequence[Violation]) -> None:
        first = broken[0]
        if first.kind == "rate_limit" and all(one.passes for one in broken):
            raise RateLimited(
                f"{context.operation_type} was refused: {first}.",
                retry_after=round(first.retry_after, 3),
                rule=first.rule,
            )
        if first.kind == BREAKER:
            raise BreakerOpen(
                f"{context.operation_type} was refused: {first}.",
                retry_after=round(first.retry_after, 3),
                rule=first.rule,
            )
        result = ValidationResult(tuple(broken))
        worst = self.monitor.grave(result)
        if worst is not None:
            self.halting.trip(str(worst), rule=worst.rule)
        raise OperationRefused.of(context, result)

    def ended(self, wish: Payload, error: ErrorInfo | None) -> None:
        """A command was carried out: the breakers of operations hear how it went.

        What was wrong with the wish, or with the moment, says nothing about the operation.
        """
        if not self.board.operations:
            return
        if error is None:
            self.monitor.record_success("", wish.type)
        elif error.category in {Category.RESOURCE, Category.SYSTEM} and not _is_ours(error):
            self.monitor.record_failure("", wish.type)
        self.board.look()

    @asynccontextmanager
    async def prompting(self, session: SessionView) -> AsyncIterator[None]:
        """A person prompts a session: a turn is set aside, and paid for when it has ended.

        :raises BudgetExceeded: if a budget does not suffice; a person is asked for more.
        """
        if not self._budgeted:
            yield
            return
        ticket = self._reserve_turn(session)
        try:
            yield
        except BaseException:
            self.admissions.release(ticket)
            raise
        self.watch.prompted(session.id, ticket)

    def _reserve_turn(self, session: SessionView) -> Ticket:
        wish = Dispatch(
            c.Prompt.type,
            f"session/{session.id}",
            session.agent,
            scopes=scopes_of(session),
            turns=1.0,
        )
        breach = self.admissions.breach(wish)
        if breach is not None:
            self.accounts.ask(breach)
            raise BudgetExceeded(
                f"{breach}. More is granted with: quarterdeck budget grant {breach.budget.name} "
                f"{breach.key} AMOUNT",
                budget=breach.budget.name,
                key=breach.key,
            )
        return self.admissions.resume(wish)

    # ---- a person's own --------------------------------------------------------------------

    async def halt(self, reason: str, cause: Cause) -> HaltView:
        """Halt everything; in force at once."""
        return await self.halting.halt(reason, cause)

    async def reset_halt(self, cause: Cause) -> None:
        """Go on after a halt.

        :raises NotHalted: if nothing is halted.
        """
        await self.halting.reset(cause)

    def reset_breaker(self, name: str) -> BreakerView:
        """Close a breaker now; what waits for it goes on.

        :raises BreakerUnknown: if there is none of this name.
        """
        if not self.board.reset(name):
            known = ", ".join(view.name for view in self.board.views()) or "none"
            raise BreakerUnknown(f"There is no breaker {name!r}; known are: {known}.", name=name)
        found = next((view for view in self.board.views() if view.name == name), None)
        return found or BreakerView(name=name, about=name, state="closed")

    async def grant(self, name: str, key: str, more: float, cause: Cause) -> BudgetView:
        """Allow more of one account.

        :raises BudgetUnknown: if there is no such account.
        """
        return await self.accounts.grant(name, key, more, cause)

    # ---- looking ---------------------------------------------------------------------------

    def halt_view(self) -> HaltView | None:
        """The halt that stands."""
        return self.halting.view()

    def halt_reason(self) -> str:
        """Why nothing may begin; empty if nothing is halted."""
        found = self.monitor.halted
        return "" if found is None else f"halted: {found.reason}"

    def breakers(self) -> tuple[BreakerView, ...]:
        """The breakers that are configured, or have something to remember."""
        return self.board.views()

    def limits(self) -> tuple[LimitView, ...]:
        """Every limit, the engine's own first, and those of their buckets that are not full."""
        return (*self.command_limits.views(), *limit_views(self.monitor.limits.all()))

    def budgets(self) -> tuple[BudgetView, ...]:
        """The accounts that were used; of very many those that matter most."""
        return self.accounts.views()

    def violations(self) -> tuple[ViolationView, ...]:
        """The latest violations since the engine began, newest first."""
        return tuple(reversed(self._violations))

    def constraints(self) -> Mapping[str, str]:
        """What each constraint says, by its name."""
        return rule_texts(self.monitor.constraints)

    def view(self) -> SafetyView:
        """All of it."""
        return SafetyView(
            halt=self.halt_view(),
            constraints=dict(self.constraints()),
            violations=self.violations(),
            breakers=self.breakers(),
            limits=self.limits(),
            budgets=self.budgets(),
        )

    # ---- parts -----------------------------------------------------------------------------

    def _violated(self, violation: Violation) -> None:
        view = violation_view(violation, self._clock.now())
        self._violations.append(view)
        _log.warning(
            "rule broken", rule=violation.rule, operation=violation.operation_type,
            level=violation.level.value, what=violation.message,
        )  # fmt: skip
        self._journal.record([], [SafetyViolated(violation=view)])

    def _breaker_changed(self, view: BreakerView) -> None:
        self._journal.record([], [BreakerChanged(breaker=view)])
        if view.state != "open":
            self._line.wake((BREAKER, self.board.rule(view.name)))

    def _halt_moved(self) -> None:
        self._look_for_work()
        if self.monitor.halted is None:
            self._line.wake(HALT)
        for one in self.halt_moved:
            one()

    def _look_for_work(self) -> None:
        self.gate.rules = self._rules or self._budgeted or self.monitor.halted is not None

    def _line_changed(self, key: Hashable) -> None:
        if isinstance(key, tuple):
            self.waiting_changed(str(key[0]), str(key[1]))

    def _stop(self, place: Place, error: BudgetExceeded) -> None:
        self.admissions.stop(place, error)


def _is_ours(error: ErrorInfo) -> bool:
    """Whether it was refused here, before anything was tried."""
    return error.code in {BreakerOpen.code, RateLimited.code, BudgetExceeded.code}


def _may_in_halt(wish: Payload, item: AttentionItem | None) -> bool:
    kind: str = wish.type
    if kind in STOPPING or kind.startswith(FREE):
        return True
    return isinstance(wish, c.AnswerItem) and item is not None and item.kind is AttentionKind.LIMIT
