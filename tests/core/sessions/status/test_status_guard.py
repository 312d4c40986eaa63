from __future__ import annotations

from datetime import UTC, datetime

import pytest

from quarterdeck.core.base.errors import QuarterdeckError
from quarterdeck.core.protocol.status import Activity, DialogKind, Lifecycle, Request, Status
from quarterdeck.core.sessions.agents.definition import AgentDefinition, PromptDelivery
from quarterdeck.core.sessions.status.guard import Delivery, guard_answer, guard_prompt

STAMP = datetime(2026, 1, 1, tzinfo=UTC)
WITH_RULES = AgentDefinition(name="a", command=("a",), reports=True)
WITHOUT = AgentDefinition(name="b", command=("b",))
RUNNING = Lifecycle.RUNNING
ASKED = Request(request_id="f-1", kind=DialogKind.PERMISSION, text="rm -rf build")


def status(activity: Activity, request: Request | None = None) -> Status:
    return Status(activity=activity, since=STAMP, evidence="seen", request=request)


def code_of(
    definition: AgentDefinition,
    lifecycle: Lifecycle,
    activity: Activity,
    request: Request | None = None,
) -> str:
    with pytest.raises(QuarterdeckError) as caught:
        guard_prompt(definition, lifecycle, status(activity, request))
    return caught.value.code


@pytest.mark.parametrize(
    "activity",
    sorted(set(Activity) - {Activity.UNKNOWN, Activity.NEEDS_APPROVAL, Activity.NEEDS_ANSWER}),
)
def test_prompt_goes_through_and_will_be_verified(activity: Activity) -> None:
    assert guard_prompt(WITH_RULES, RUNNING, status(activity)) is Delivery.VERIFIED


def test_prompt_is_refused_while_something_is_asked() -> None:
    for definition in (WITH_RULES, WITHOUT):
        assert code_of(definition, RUNNING, Activity.NEEDS_APPROVAL, ASKED) == "needs_approval"
        assert code_of(definition, RUNNING, Activity.NEEDS_ANSWER, ASKED) == "needs_answer"
        assert code_of(definition, RUNNING, Activity.NEEDS_ANSWER) == "needs_answer"


def test_refusal_says_what_is_asked() -> None:
    with pytest.raises(QuarterdeckError, match="rm -rf build") as caught:
        guard_prompt(WITH_RULES, RUNNING, status(Activity.NEEDS_APPROVAL, ASKED))
    assert caught.value.details["request_id"] == "f-1"


def test_unknown_state_refuses_only_where_it_could_be_known() -> None:
    assert code_of(WITH_RULES, RUNNING, Activity.UNKNOWN) == "status_unknown"
    assert guard_prompt(WITHOUT, RUNNING, status(Activity.UNKNOWN)) is Delivery.UNVERIFIED
    assert guard_prompt(WITHOUT, RUNNING, status(Activity.IDLE)) is Delivery.UNVERIFIED


def test_agent_that_shows_nothing_is_not_verified() -> None:
    definition = WITH_RULES.model_copy(update={"prompt": PromptDelivery(verify=False)})
    assert guard_prompt(definition, RUNNING, status(Activity.IDLE)) is Delivery.UNVERIFIED


@pytest.mark.parametrize("lifecycle", sorted(set(Lifecycle) - {RUNNING}))
def test_nothing_is_sent_without_a_process(lifecycle: Lifecycle) -> None:
    assert code_of(WITHOUT, lifecycle, Activity.IDLE) == "not_running"
    with pytest.raises(QuarterdeckError, match=lifecycle.value) as caught:
        guard_answer(lifecycle, status(Activity.NEEDS_APPROVAL, ASKED), "f-1", still_open=True)
    assert caught.value.code == "not_running"


def test_answer_goes_to_its_own_request_alone() -> None:
    waiting = status(Activity.NEEDS_APPROVAL, ASKED)
    guard_answer(RUNNING, waiting, "f-1", still_open=True)
    for told, open_now, request_id, still_open in (
        ("its dialog is not on the screen", waiting, "f-1", False),
        ("it now asks: rm -rf build", waiting, "f-0", True),
        ("it asks nothing now", status(Activity.WORKING), "f-1", True),
    ):
        with pytest.raises(QuarterdeckError, match=told) as caught:
            guard_answer(RUNNING, open_now, request_id, still_open=still_open)
        assert caught.value.code == "request_gone"
        assert "nothing was typed" in caught.value.message
