"""Pipelines and the crew's load in the scripted engine."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeAlias

from quarterdeck.core.base.priority import Priority
from quarterdeck.core.protocol import crew_events as ce
from quarterdeck.core.protocol import crew_views as v
from quarterdeck.core.protocol import events as e
from quarterdeck.core.protocol import pipeline_events as pe
from quarterdeck.core.protocol.attention import AttentionItem, AttentionKind
from quarterdeck.core.protocol.pipeline_views import (
    HandlerView,
    LaneView,
    PayloadDetailView,
    PayloadStatus,
    PayloadView,
    PipelineView,
    RunView,
    TriggerView,
    WholePipelineView,
)
from quarterdeck.core.protocol.status import Choice

if TYPE_CHECKING:
    from tests.tui.crew import Crew

S: TypeAlias = PayloadStatus
P: TypeAlias = Priority
GRANT = (
    Choice(key="grant", label="Grant 5.00 more", meaning="allow_once"),
    Choice(key="refuse", label="Stop here", meaning="reject"),
)
VOTE = (
    Choice(key="approve", label="Approve", meaning="allow_once"),
    Choice(key="reject", label="Reject", meaning="reject"),
)


class Lanes:
    """All pipelines with their payloads, and how the crew stands."""

    def __init__(self, crew: Crew) -> None:
        self.crew = crew
        self.pipelines: dict[str, PipelineView] = {}
        self.handlers: dict[str, tuple[HandlerView, ...]] = {}
        self.triggers: dict[str, tuple[TriggerView, ...]] = {}
        self.payloads: dict[str, PayloadView] = {}
        self.details: dict[str, dict[str, Any]] = {}
        self.load = v.CrewView()

    # ---- pipelines

    def add(self, name: str, lanes: Sequence[LaneView], **more: Any) -> PipelineView:
        """Put a pipeline into the state; ``tell`` makes a change known."""
        view = PipelineView(
            name=name, file=f"/home/ann/shop/{name}.yaml", loaded_at=self.crew.ago(600),
            lanes=tuple(lanes), **more,
        )  # fmt: skip
        self.pipelines[name] = view
        return view

    def change(self, name: str, **changes: Any) -> PipelineView:
        """Change a pipeline and tell everyone."""
        view = self.pipelines[name] = self.pipelines[name].changed(**changes)
        self.crew.tell(pe.PipelineChanged(pipeline=view))
        return view

    def unload(self, name: str) -> None:
        """Forget a pipeline and tell everyone."""
        del self.pipelines[name]
        self.crew.tell(pe.PipelineUnloaded(name=name))

    def payload(
        self, event: str, status: PayloadStatus = S.QUEUED, *, age: float = 30, **more: Any
    ) -> PayloadView:
        """Put a payload into the state."""
        ended = self.crew.ago(age / 2) if status in {S.COMPLETED, S.DEAD, S.EXPIRED} else None
        view = PayloadView(
            id=self.crew.next_id("P"), pipeline=more.pop("pipeline", "debate"), event=event,
            status=status, created_at=self.crew.ago(age), ended_at=ended, **more,
        )  # fmt: skip
        self.payloads[view.id] = view
        return view

    def move(self, payload: PayloadView, status: PayloadStatus, **changes: Any) -> PayloadView:
        """Change a payload, or begin one, and tell everyone."""
        view = payload.changed(status=status, **changes)
        self.payloads[view.id] = view
        self.crew.tell(pe.PayloadChanged(payload=view))
        return view

    def whole(self, name: str) -> WholePipelineView:
        return WholePipelineView(
            pipeline=self.pipelines[name],
            handlers=self.handlers.get(name, ()),
            triggers=self.triggers.get(name, ()),
            groups={"reviewers": 2} if name in self.handlers else {},
        )

    def detail(self, payload_id: str) -> PayloadDetailView:
        return PayloadDetailView(
            payload=self.payloads[payload_id], **self.details.get(payload_id, {})
        )

    # ---- the crew

    def crew_is(self, **changes: Any) -> None:
        """Change how the crew stands and tell everyone."""
        self.load = self.load.changed(**changes)
        self.crew.tell(ce.CrewChanged())

    def halt(self, reason: str) -> None:
        """Halt and tell everyone."""
        halt = v.HaltView(reason=reason, rule="by hand", since=self.crew.now())
        self.load = self.load.changed(halt=halt)
        self.crew.tell(ce.SafetyHalted(halt=halt))

    def go_on(self) -> None:
        """End the halt and tell everyone."""
        self.load = self.load.changed(halt=None)
        self.crew.tell(ce.SafetyReset())

    def item(
        self, about: str, title: str, kind: AttentionKind = AttentionKind.LIMIT,
        choices: tuple[Choice, ...] = GRANT,
    ) -> AttentionItem:  # fmt: skip
        """Put an item into the state that is of no session and no workflow."""
        item_id = self.crew.next_id("T")
        item = AttentionItem(
            item_id=item_id, kind=kind, about=about, request_id=f"request-{item_id[-2:]}",
            title=title, choices=choices, created_at=self.crew.ago(40),
        )  # fmt: skip
        self.crew.items[item_id] = item
        return item

    def ask(self, *args: Any, **more: Any) -> AttentionItem:
        """The same, and tell everyone."""
        item = self.item(*args, **more)
        self.crew.tell(e.AttentionRaised(item=item))
        return item


def debate(crew: Crew) -> Lanes:
    """A debate under way: four lanes, handlers, payloads in every state, a chain."""
    lanes = crew.lanes
    lanes.add(
        "debate",
        [
            LaneView(
                event="topic_raised", depths={P.HIGH: 1, P.NORMAL: 2}, running=1, completed=7,
                per_minute=(0, 1, 0, 2, 1, 3), oldest_at=crew.ago(48),
            ),
            LaneView(
                event="proposals_ready",
                depths={P.CRITICAL: 2, P.HIGH: 4, P.NORMAL: 21, P.LOW: 6, P.BACKGROUND: 1},
                running=3, retrying=1, completed=128, failed=9, expired=2, dead=1,
                per_minute=(2, 4, 9, 12, 7, 3, 8, 14, 15, 11), oldest_at=crew.ago(640),
            ),
            LaneView(event="critiques_ready", running=2, completed=64, per_minute=(4, 3, 5, 8, 2)),
            LaneView(event="verdict", completed=12, per_minute=(0, 0, 1, 2, 1)),
        ],
        description="proposals, critiques, a vote",
    )  # fmt: skip
    lanes.handlers["debate"] = (
        HandlerView(
            name="propose", event="topic_raised", kind="agent", agents=("claude", "codex"),
            emits=("proposals_ready",), running=1, limit=2, waiting=3, succeeded=7,
            average_seconds=41.2,
        ),
        HandlerView(
            name="critique", event="proposals_ready", kind="agent", agents=("gemini",),
            group="reviewers", emits=("critiques_ready",), running=2, limit=2, waiting=33,
            succeeded=126, failed=9, retried=14, average_seconds=128,
            last_error="exit code 3: the model refused to answer",
        ),
        HandlerView(
            name="decide", event="critiques_ready", kind="vote", emits=("verdict",), running=2,
            succeeded=64, average_seconds=0.4, rate=5,
        ),
        HandlerView(name="note", event="verdict", kind="run", succeeded=12, average_seconds=0.2),
    )  # fmt: skip
    lanes.triggers["debate"] = (
        TriggerView(
            kind="watch", event="topic_raised", what="topics/*.md", last_at=crew.ago(90), count=7
        ),
        TriggerView(
            kind="schedule", event="topic_raised", what="0 9 * * 1", count=1,
            next_at=crew.now() + timedelta(hours=3),
        ),
    )  # fmt: skip
    first = lanes.payload("topic_raised", S.COMPLETED, age=400, summary="Which cache do we use?")
    chain = {"root": first.id, "cause": f"payload/{first.id}", "hops": 1}
    mine = lanes.payload(
        "proposals_ready", S.RUNNING, age=120, summary="A write-through cache in the engine",
        handlers=("critique",), priority=P.HIGH, attempt=2, max_attempts=3,
        deadline=crew.now() + timedelta(seconds=95), **chain,
    )  # fmt: skip
    other = lanes.payload(
        "proposals_ready", S.COMPLETED, age=118, summary="No cache: measure first", **chain
    )
    lanes.payload(
        "proposals_ready", S.RETRYING, age=90, attempt=1, max_attempts=3,
        summary="A cache beside the store", reason="waits for its next attempt",
        next_attempt_at=crew.now() + timedelta(seconds=8),
    )  # fmt: skip
    lanes.payload(
        "proposals_ready", S.DEAD, age=700, attempt=3, max_attempts=3, summary="A cache of caches",
        error="exit code 3: the model refused to answer",
    )  # fmt: skip
    lanes.payload("proposals_ready", S.EXPIRED, age=900, summary="Too late a thought")
    for number in range(6):
        lanes.payload(
            "proposals_ready", age=60 - number, summary=f"Proposal number {number}",
            reason="critique takes 2 at once", priority=P.NORMAL if number else P.CRITICAL,
        )  # fmt: skip
    below = {"root": first.id, "cause": f"payload/{mine.id}", "hops": 2}
    critique = lanes.payload("critiques_ready", S.COMPLETED, age=50, summary="Too costly", **below)
    verdict = lanes.payload(
        "verdict", S.COMPLETED, age=40, summary="rejected", root=first.id,
        cause=f"payload/{critique.id}", hops=3,
    )  # fmt: skip
    waits = lanes.payload("critiques_ready", S.QUEUED, age=20, summary="What of restarts?", **below)
    worker = next(iter(crew.sessions), None)
    lanes.details[mine.id] = {
        "data": {"topic": "Which cache do we use?", "author": "codex", "round": 2},
        "causes": (first,),
        "effects": (critique, verdict, waits),
        "runs": (
            RunView(
                handler="critique", attempt=1, status=S.RETRYING, agent="gemini",
                started_at=crew.ago(110), ended_at=crew.ago(70), error_type="ExecutionError",
                error="exit code 3: the model refused to answer", emitted=(critique.id,),
            ),
            RunView(
                handler="critique", attempt=2, status=S.RUNNING, agent="gemini",
                started_at=crew.ago(12), session_id=worker,
                workflow_id=None if worker else "01JW0000000000000000000001",
            ),
        ),
    }  # fmt: skip
    lanes.details[other.id] = {"data": "text alone", "causes": (first,)}
    return lanes


def at_work(crew: Crew) -> v.CrewView:
    """A crew with something in every section."""
    a = v.AgentLoadView
    return v.CrewView(
        agents=(
            a(name="claude", capacity=3, running=3, waiting=4, sessions=2, completed=31,
              capabilities=("python", "review"), groups=("anthropic",), state="full",
              reason="all 3 places are taken"),
            a(name="codex", capacity=4, running=1, completed=12, failed=1, score=92.3,
              capabilities=("python",), groups=("openai",)),
            a(name="gemini", capacity=2, waiting=2, completed=3, failed=6, score=33,
              state="open", reason="its breaker is open: exit code 3, 5 times"),
            a(name="aider", capacity=1, state="missing", reason="aider is not on PATH"),
        ),
        groups=(v.GroupView(name="anthropic", limit=4, running=3, waiting=4),
                v.GroupView(name="~/shop", limit=2, running=1)),
        waiting=(
            v.WaitingView(what="workflow/01JW0000000000000000000001/build", title="feature · build",
                          reason="claude is full: 3 of 3", priority=P.HIGH, since=crew.ago(95),
                          deadline=crew.now() + timedelta(seconds=300)),
            v.WaitingView(what="payload/01JP0000000000000000000002/critique",
                          title="debate · critique", since=crew.ago(12),
                          reason="gemini's breaker is open, tried in 18s"),
        ),
        placed=(v.PlacedView(what="workflow/01JW0000000000000000000001/plan",
                             title="feature · plan", agent="claude", since=crew.ago(42)),),
        breakers=(
            v.BreakerView(name="agent:gemini", about="agent/gemini", state="open", failures=5,
                          threshold=5, opened_at=crew.ago(42), last_error="exit code 3",
                          retry_at=crew.now() + timedelta(seconds=18)),
            v.BreakerView(name="agent:codex", about="agent/codex", state="closed", failures=1,
                          threshold=5),
        ),
        limits=(v.LimitView(name="commands", key="session.prompt", rate=5, burst=10, left=7.2),),
        budgets=(
            v.BudgetView(name="daily", scope="day", key="2026-03-01", unit="cost", limit=20,
                         spent=20.4, estimated=3.1, left=0, asked=True),
            v.BudgetView(name="run", scope="workflow", key="feature", unit="tokens", limit=500_000,
                         spent=210_000, reserved=40_000, left=250_000),
        ),
        locks=(v.LockView(resource="branch/shop/main", holder="merge fix-login", token=41,
                          since=crew.ago(8), ttl_seconds=60, ends_at=crew.ago(-52), waiters=("merge docs", "merge ui")),),
        sagas=(
            v.SagaView(id="01JG0000000000000000000007", name="session fix-login in a worktree",
                       status="compensation_failed", started_at=crew.ago(300),
                       ended_at=crew.ago(280), error="the worktree could not be removed",
                       steps=(v.StepView(name="branch", status="undone", attempts=1),
                              v.StepView(name="worktree", status="undo_failed", attempts=3,
                                         error="device or resource busy"),
                              v.StepView(name="set-up", status="failed", attempts=1,
                                         error="make: no rule for target setup"),
                              v.StepView(name="keeper", status="pending"))),
        ),
        proposals=(
            v.ProposalView(id="01JV0000000000000000000003", question="Use a write-through cache?",
                           proposer="codex", status="open", quorum=2, threshold=0.5,
                           votes=(v.VoteView(voter="claude", choice="approve",
                                             reason="simple enough"),
                                  v.VoteView(voter="gemini", choice="reject", weight=2)),
                           missing=("a person",),
                           deadline=crew.now() + timedelta(seconds=600)),
        ),
        violations=(
            v.ViolationView(at=crew.ago(20), rule="no-force-push", level="high",
                            operation="git push --force", agent="gemini",
                            message="pushes with force are refused"),
        ),
        constraints={"no-force-push": "permission: git push --force is refused",
                     "quiet-hours": "timing: nothing from 22:00 to 06:00"},
    )  # fmt: skip
