"""Making, checking and passing on handoffs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ...base.clock import SYSTEM_CLOCK, Clock
from ...base.ids import new_id
from ...base.priority import Priority
from .faults import HandoffValidationError
from .message import Context, HandoffContext, Metadata, Progress, Source, State, Target
from .validation import check

Entries = Sequence[Mapping[str, Any]]


class HandoffProtocol:
    """The functions of the protocol; every message that one of them gives is valid."""

    @staticmethod
    def create_handoff(
        source_agent_id: str,
        source_agent_type: str,
        target_agent_id: str,
        target_agent_type: str,
        task_description: str,
        *,
        workflow_id: str | None = None,
        execution_time: float | None = None,
        requirements: Sequence[str] = (),
        previous_results: Entries = (),
        conversation_history: Entries = (),
        files: Entries = (),
        user_preferences: Mapping[str, Any] | None = None,
        variables: Mapping[str, Any] | None = None,
        completed_steps: Sequence[str] = (),
        pending_steps: Sequence[str] = (),
        errors: Entries = (),
        priority: Priority = Priority.NORMAL,
        timeout: float | None = None,
        retry_count: int = 0,
        tags: Sequence[str] = (),
        correlation_id: str | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> HandoffContext:
        """A new handoff, with an id and a stamp of its own.

        :raises HandoffValidationError: if what is given breaks the schema.
        """
        message = HandoffContext(
            handoff_id=new_id(),
            workflow_id=workflow_id,
            source=Source(source_agent_id, source_agent_type, execution_time),
            target=Target(target_agent_id, target_agent_type, list(requirements)),
            context=Context(
                task_description,
                _plain(previous_results),
                _plain(conversation_history),
                _plain(files),
                dict(user_preferences or {}),
            ),
            state=State(
                dict(variables or {}),
                _progress(completed_steps, pending_steps, None),
                _plain(errors),
            ),
            metadata=Metadata(
                priority.name.lower(), timeout, retry_count, list(tags), correlation_id
            ),
            timestamp=clock.now().isoformat(),
        )
        HandoffProtocol.validate(message)
        return message

    @staticmethod
    def validate(message: HandoffContext | Mapping[str, Any]) -> None:
        """Nothing, if the message is valid.

        :raises HandoffValidationError: naming path and fault.
        """
        _text(message)

    @staticmethod
    def serialize(message: HandoffContext | Mapping[str, Any], *, indent: int | None = None) -> str:
        """The message as JSON text.

        :raises HandoffValidationError: if it is not valid.
        """
        return _text(message, indent)

    @staticmethod
    def deserialize(text: str) -> HandoffContext:
        """The message in JSON text.

        :raises HandoffValidationError: if it is no JSON, or not valid.
        """
        try:
            values = json.loads(text, parse_constant=_no_constant)
        except (ValueError, TypeError, RecursionError) as error:
            raise HandoffValidationError("$", f"it is no JSON: {error}") from error
        check(values)
        return HandoffContext.from_dict(values)

    @staticmethod
    def update_progress(
        message: HandoffContext,
        *,
        completed: Sequence[str] = (),
        pending: Sequence[str] | None = None,
        percentage: float | None = None,
    ) -> HandoffContext:
        """The message with more steps done: those of ``completed`` are pending no longer.

        ``pending`` replaces the steps that are left. Without ``percentage`` it is the share of the
        completed ones of all steps.

        :raises HandoffValidationError: if the percentage is none.
        """
        before = message.state.progress
        done = [*before.completed_steps, *completed]
        left = before.pending_steps if pending is None else pending
        progress = _progress(done, [step for step in left if step not in completed], percentage)
        changed = replace(message, state=replace(message.state, progress=progress))
        HandoffProtocol.validate(changed)
        return changed


def _progress(
    completed: Sequence[str], pending: Sequence[str], percentage: float | None
) -> Progress:
    done = list(dict.fromkeys(completed))
    steps = len(done) + len(pending)
    if percentage is None:
        percentage = round(100 * len(done) / steps, 2) if steps else 0
    return Progress(done, list(pending), percentage)


def _text(message: HandoffContext | Mapping[str, Any], indent: int | None = None) -> str:
    values = message.to_dict() if isinstance(message, HandoffContext) else dict(message)
    try:
        text = json.dumps(values, indent=indent, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise HandoffValidationError("$", f"it can't be JSON: {error}") from error
    check(json.loads(text))  # what is sent, not what is held: tuples are lists there
    return text


def _plain(entries: Entries) -> list[dict[str, Any]]:
    return [dict(entry) for entry in entries]


def _no_constant(name: str) -> Any:
    msg = f"{name} is no JSON number"
    raise ValueError(msg)
