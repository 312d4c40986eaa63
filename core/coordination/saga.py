"""Sagas as a machine without I/O: what to do next, what happened, and the record of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from ..base.ids import new_id
from . import faults as f


class SagaStatus(StrEnum):
    """How a saga stands; the last three are its ends."""

    RUNNING = "running"
    COMPENSATING = "compensating"
    COMPLETED = "completed"
    COMPENSATED = "compensated"
    COMPENSATION_FAILED = "compensation_failed"


class StepStatus(StrEnum):
    """How a step stands; DOING and UNDOING are recorded before the agent is asked."""

    PENDING = "pending"
    DOING = "doing"
    DONE = "done"
    FAILED = "failed"
    UNDOING = "undoing"
    UNDONE = "undone"
    UNDO_FAILED = "undo_failed"


ENDED = frozenset({SagaStatus.COMPLETED, SagaStatus.COMPENSATED, SagaStatus.COMPENSATION_FAILED})
_TO_UNDO = frozenset({StepStatus.DONE, StepStatus.UNDOING})


@dataclass(frozen=True, slots=True)
class SagaStep:
    """One step: what an agent does, and what undoes it (``None``: nothing needs undoing).

    ``retries`` are attempts after the first, of the action and of the compensation alike. An action
    whose outcome is not known, since it was cut short, is undone too: both must bear repetition.
    """

    name: str
    agent_id: str
    action: Any
    compensation: Any = None
    retries: int = 3
    timeout_seconds: float | None = 30.0


@dataclass(frozen=True, slots=True)
class Saga:
    """Steps that are all done, or of which those that were done are undone."""

    name: str
    steps: list[SagaStep] | tuple[SagaStep, ...]
    saga_id: str = field(default_factory=new_id)


@dataclass(frozen=True, slots=True)
class SagaResult:
    """How a saga ended; ``results`` are by step."""

    saga_id: str
    name: str
    status: SagaStatus
    results: Mapping[str, Any]
    failed_step: str | None = None
    error: str | None = None
    error_code: str | None = None
    compensated: tuple[str, ...] = ()
    compensation_errors: Mapping[str, str] = field(default_factory=dict)

    @property
    def success(self) -> bool:
        """Whether every step was done."""
        return self.status is SagaStatus.COMPLETED


@dataclass(slots=True)
class StepState:
    """A step as recorded; ``unsure``: its action was begun, and nobody knows how it ended."""

    status: StepStatus = StepStatus.PENDING
    attempts: int = 0
    result: Any = None
    error: str | None = None
    unsure: bool = False


@dataclass(frozen=True, slots=True)
class Act:
    """Ask the step's agent to do this, or to undo it."""

    index: int
    step: SagaStep
    undo: bool
    key: str


class SagaRun:
    """One run of a saga. Ask ``next``, record, carry it out, tell ``begun`` and ``ended``."""

    def __init__(self, saga: Saga) -> None:
        names = [step.name for step in saga.steps]
        if not names or len(set(names)) != len(names):
            raise f.SagaInvalid(f"The saga {saga.name!r} needs steps, each with a name of its own.")
        if any(step.retries < 0 for step in saga.steps):
            raise f.SagaInvalid(f"The saga {saga.name!r} has a step with retries below 0.")
        self.saga = saga
        self.status = SagaStatus.RUNNING
        self.steps = [StepState() for _ in saga.steps]
        self.failed: int | None = None
        self.error: str | None = None
        self.error_code: str | None = None
        self.engine_id = ""

    @property
    def ended(self) -> bool:
        """Whether nothing is left to do."""
        return self.status in ENDED

    def next(self) -> Act | None:
        """What to do now; ``None``, and its end, if there is nothing more."""
        if self.status is SagaStatus.RUNNING:
            for index, state in enumerate(self.steps):
                if state.status in {StepStatus.PENDING, StepStatus.DOING}:
                    return self._act(index, undo=False)
            self.status = SagaStatus.COMPLETED
        if self.status is SagaStatus.COMPENSATING:
            for index in reversed(range(len(self.steps))):
                if self.steps[index].status in _TO_UNDO:
                    return self._act(index, undo=True)
            bad = any(state.status is StepStatus.UNDO_FAILED for state in self.steps)
            self.status = SagaStatus.COMPENSATION_FAILED if bad else SagaStatus.COMPENSATED
        return None

    def begun(self, act: Act) -> None:
        """The agent is about to be asked: record this before it is."""
        state = self.steps[act.index]
        state.status = StepStatus.UNDOING if act.undo else StepStatus.DOING
        state.attempts += 1

    def done(self, act: Act, result: Any) -> None:
        """The agent has done it: record this before anything else is asked."""
        state = self.steps[act.index]
        state.unsure, state.attempts = False, 0
        if act.undo:
            state.status, state.error = StepStatus.UNDONE, None
        else:
            state.status, state.result = StepStatus.DONE, result

    def failed_once(self, act: Act, error: str, code: str, *, unsure: bool, retry: bool) -> bool:
        """The agent could not, or, if ``unsure``, may not have; whether it is to be asked again."""
        state = self.steps[act.index]
        state.error = error
        state.unsure = state.unsure or unsure
        if retry and state.attempts <= act.step.retries:
            return True
        if act.undo:
            state.status = StepStatus.UNDO_FAILED
        else:
            state.status = StepStatus.DONE if state.unsure else StepStatus.FAILED
            self.failed, self.error, self.error_code = act.index, error, code
            self.status = SagaStatus.COMPENSATING
        state.attempts = 0
        return False

    def interrupted(self) -> None:
        """It was taken up after a crash: what was being done then may or may not have been."""
        for state in self.steps:
            if state.status is StepStatus.DOING:
                state.unsure = True

    def abort(self, reason: str) -> bool:
        """Undo what was done; whether it was still going forward."""
        if self.status is not SagaStatus.RUNNING:
            return False
        self.status, self.error, self.error_code = SagaStatus.COMPENSATING, reason, "aborted"
        for state in self.steps:
            if state.status is StepStatus.DOING:
                state.status, state.unsure = StepStatus.DONE, True
        return True

    def compensate_again(self) -> bool:
        """Try once more to undo what could not be; whether there was such a thing."""
        if self.status is not SagaStatus.COMPENSATION_FAILED:
            return False
        self.status = SagaStatus.COMPENSATING
        for state in self.steps:
            if state.status is StepStatus.UNDO_FAILED:
                state.status = StepStatus.UNDOING
        return True

    def result(self) -> SagaResult:
        """How it stands."""
        pairs = list(zip(self.saga.steps, self.steps, strict=True))
        return SagaResult(
            self.saga.saga_id,
            self.saga.name,
            self.status,
            {step.name: state.result for step, state in pairs if state.status is StepStatus.DONE},
            None if self.failed is None else self.saga.steps[self.failed].name,
            self.error,
            self.error_code,
            tuple(step.name for step, state in pairs if state.status is StepStatus.UNDONE)[::-1],
            {
                step.name: state.error or ""
                for step, state in pairs
                if state.status is StepStatus.UNDO_FAILED
            },
        )

    def to_json(self) -> str:
        """The whole run as JSON text.

        :raises SagaInvalid: if an action or a result is no JSON.
        """
        body = {
            "name": self.saga.name, "id": self.saga.saga_id, "engine": self.engine_id, "status": self.status,
            "failed": self.failed, "error": self.error, "error_code": self.error_code,
            "plan": [asdict(step) for step in self.saga.steps],
            "steps": [asdict(state) for state in self.steps],
        }  # fmt: skip
        try:
            return json.dumps(body, separators=(",", ":"), allow_nan=False)
        except (TypeError, ValueError) as error:
            raise f.SagaInvalid(
                f"The saga {self.saga.name!r} can't be kept, since an action, compensation or result "
                f"is no JSON: {error}."
            ) from error

    @classmethod
    def from_json(cls, text: str) -> SagaRun:
        """The run that ``to_json`` gave."""
        body = json.loads(text)
        plan = [SagaStep(**step) for step in body["plan"]]
        run = cls(Saga(body["name"], plan, body["id"]))
        run.status = SagaStatus(body["status"])
        run.engine_id = body["engine"]
        run.failed, run.error, run.error_code = body["failed"], body["error"], body["error_code"]
        run.steps = [
            StepState(**{**state, "status": StepStatus(state["status"])}) for state in body["steps"]
        ]
        return run

    def _act(self, index: int, *, undo: bool) -> Act:
        key = f"{self.saga.saga_id}/{index}/{'undo' if undo else 'do'}"
        return Act(index, self.saga.steps[index], undo, key)
