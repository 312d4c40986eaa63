"""The demo as data: who sails, what each is told, how a person answers, what must come of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..core.protocol.attention import AttentionKind
from ..core.protocol.status import Activity, Lifecycle

SECONDS = 120.0
"""How long the headless demo may take before it has failed."""


@dataclass(frozen=True, slots=True)
class Member:
    """One session of the crew.

    ``items`` are the kinds of attention items it must raise, ``states`` the activities it must have
    had, ``ends`` the lifecycle it must come to. ``keys`` are pressed once its ``states`` were seen.
    """

    name: str
    agent: str
    prompt: str | None = None
    args: tuple[str, ...] = ()
    items: frozenset[AttentionKind] = frozenset()
    states: frozenset[Activity] = frozenset()
    ends: Lifecycle = Lifecycle.RUNNING
    keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Scenario:
    """A crew, and by kind of item the answers a person gives in turn; empty: resolve the item."""

    crew: tuple[Member, ...]
    answers: Mapping[AttentionKind, tuple[str, ...]] = field(default_factory=dict)


PACED = ("--pace", "{pace}", "--seed", "{seed}")

PRACTICE = Scenario(
    crew=(
        Member(
            "fix-login",
            "practice-approver",
            "Make the login test pass",
            PACED,
            items=frozenset({AttentionKind.APPROVAL, AttentionKind.TURN_DONE}),
        ),
        Member(
            "plan-release",
            "practice-asker",
            "Plan the next release",
            PACED,
            items=frozenset({AttentionKind.QUESTION, AttentionKind.TURN_DONE}),
        ),
        Member(
            "add-tests",
            "practice-worker",
            "Add tests for the parser",
            PACED,
            items=frozenset({AttentionKind.TURN_DONE}),
        ),
        Member(
            "import-data",
            "practice-crasher",
            args=PACED,
            items=frozenset({AttentionKind.FAILURE}),
            ends=Lifecycle.CRASHED,
        ),
        Member(
            "watch-log",
            "practice-flooder",
            args=("--rate", "20000", "--seed", "{seed}"),
            states=frozenset({Activity.WORKING}),
            keys=("space",),
        ),
        Member(
            "write-docs",
            "practice-limited",
            "Describe the release",
            PACED,
            items=frozenset({AttentionKind.LIMIT}),
        ),
        Member("spare", "practice-idler", args=("--seed", "{seed}")),
    ),
    answers={
        AttentionKind.APPROVAL: ("allow_once", "reject", "allow_always"),
        AttentionKind.QUESTION: ("1",),
        AttentionKind.GATE: ("approve",),
    },
)
