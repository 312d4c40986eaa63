"""The word for how a workflow stands is the same in a shell and on a screen."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from quarterdeck.cli.presenting import workflow_row, workflow_word
from quarterdeck.core.protocol.workflow_views import WorkflowView
from quarterdeck.core.workflows.machine.run import CANCELLED, CANCELLED_TWICE, DRAINED
from quarterdeck.core.workflows.statuses import WorkflowStatus
from quarterdeck.tui.model.flow.words import flow_word

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("error", "ended", "word"),
    [
        (CANCELLED, None, "cancelling"),
        (CANCELLED_TWICE, None, "cancelling"),
        (DRAINED, None, "running"),
        (None, None, "running"),
        (None, NOW, "cancelled"),
    ],
)
def test_what_winds_up_after_a_cancel_is_called_so(
    error: str | None, ended: datetime | None, word: str
) -> None:
    status = WorkflowStatus.CANCELLED if ended else WorkflowStatus.RUNNING
    view = WorkflowView(
        id="01", name="flow", status=status, created_at=NOW, error=error, ended_at=ended
    )
    data = view.model_dump(mode="json")
    assert flow_word(view) == workflow_word(data) == workflow_row(data, "01")[1] == word


def test_a_thousand_gates_are_a_few_names_and_a_count() -> None:
    gates = tuple(f"gate[{n}]" for n in range(1000))
    view = WorkflowView(
        id="01", name="flow", status=WorkflowStatus.RUNNING, created_at=NOW, waiting=gates
    )
    note = workflow_row(view.model_dump(mode="json"), "01")[-1]
    assert note == "waits for you: gate[0], gate[1], gate[2] and 997 more"
    few = view.model_copy(update={"waiting": gates[:3]}).model_dump(mode="json")
    assert workflow_row(few, "01")[-1] == "waits for you: gate[0], gate[1], gate[2]"
