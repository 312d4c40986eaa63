"""The format of pipeline files, as models; the JSON schema is made from them.

What one key may hold is said here; what several of them mean together is held in ``checks``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema
from pydantic_core.core_schema import no_info_before_validator_function

from ...base.priority import Priority
from ...workflows.files.model import Condition, Entry, InputEntry, WorkEntry
from ...workflows.files.values import Cron, Duration, Environment, PositiveDuration, Urgency, Zone
from ..definition import MAX_HOPS
from .values import Rate

KINDS = ("agent", "agents", "run", "python", "workflow")
TRIGGERS = ("watch", "schedule", "git")
HOOKS = (
    "applypatch-msg", "commit-msg", "post-applypatch", "post-checkout", "post-commit", "post-merge",
    "post-rewrite", "pre-applypatch", "pre-auto-gc", "pre-commit", "pre-merge-commit", "pre-push",
    "pre-rebase", "prepare-commit-msg",
)  # fmt: skip


class OneOrMore:
    """A list, in whose place one item may stand alone."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return no_info_before_validator_function(_listed, handler(source))

    def __get_pydantic_json_schema__(
        self, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        made = handler(core_schema)
        return {"anyOf": [made["items"], made]}


def _listed(value: Any) -> Any:
    return value if isinstance(value, list) or value is None else [value]


def _filled(value: Any) -> Any:
    """Nothing as an entry without keys."""
    return {} if value is None else value


class EmitEntry(Entry):
    """A payload that follows from a handler's success."""

    short = "event"

    event: str = Field(min_length=1, description="Its event type.")
    when: Condition | None = Field(
        None, description="An expression; it is emitted if that is true."
    )
    data: Any = Field(None, description="What it carries; the handler's result if nothing is said.")
    each: bool = Field(False, description="Whether each item of a list is a payload of its own.")
    priority: Urgency | None = Field(
        None, description="Which goes first; its event type's priority if nothing is said."
    )


class VoteEntry(Entry):
    """The agents' answers as votes: approve, reject, abstain."""

    short = "question"

    question: str = Field(min_length=1, description="What is decided.")
    threshold: float = Field(
        0.5, ge=0, le=1, strict=False, description="The share of approvals that must be passed."
    )
    quorum: float = Field(
        0.5, ge=0, le=1, strict=False, description="The share of voters that must have voted."
    )
    people: bool = Field(False, description="Whether a person has a vote too.")
    deadline: PositiveDuration | None = Field(None, description="How long the vote is open.")


class HandlerEntry(WorkEntry):
    """What is done with each payload of an event type."""

    schema_extra: ClassVar[Mapping[str, Any]] = {"oneOf": [{"required": [kind]} for kind in KINDS]}

    agents: list[str] | str | None = Field(
        None,
        min_length=1,
        description="Several agents, or a template that gives them; each works on the prompt.",
    )
    vote: VoteEntry | None = Field(None, description="The agents' answers are votes.")
    emits: Annotated[list[EmitEntry], OneOrMore()] = Field(
        [], description="What follows from its success."
    )
    limit: int | None = Field(None, ge=1, description="How many of it run at once.")
    rate: Rate | None = Field(None, description="How many of it may begin in a time.")


class EventEntry(Entry):
    """An event type: a lane of payloads with its handlers."""

    short = "description"
    short_schema: ClassVar[Mapping[str, Any]] = {"type": ["string", "null"]}

    description: str = Field("", description="What it means, for people.")
    priority: Urgency = Field(
        Priority.NORMAL, description="Which goes first of the payloads that wait."
    )
    deadline: PositiveDuration | None = Field(
        None, description="How long after its creation a payload may still begin."
    )
    schema_: dict[str, Any] | None = Field(
        None, alias="schema", description="A JSON schema that the data must fit."
    )
    handlers: dict[str, HandlerEntry] = Field({}, description="What is done, by name.")


class CronEntry(Entry):
    """When it is propelled by the clock."""

    short = "cron"

    cron: Cron = Field(description="Minute, hour, day, month, weekday.")
    zone: Zone = Field("UTC", description="The time zone that the expression is read in.")
    catch_up: Literal["none", "one", "all"] = Field(
        "none", description="What becomes of times that were missed while nothing ran."
    )


class WatchEntry(Entry):
    """A folder whose files are told."""

    short = "folder"

    folder: str = Field(min_length=1, description="The folder, from the file's directory.")
    pattern: str = Field(
        "*", min_length=1, description="Which files: a pattern from the folder; ** are all folders."
    )
    on: Annotated[list[Literal["created", "changed", "removed"]], OneOrMore()] = Field(
        ["created", "changed"], description="What is told of them."
    )
    settle: Duration = Field(
        0.5, description="How long a file must have been left alone before it is told."
    )


class GitEntry(Entry):
    """A hook of a git repository."""

    short = "hook"
    short_schema: ClassVar[Mapping[str, Any]] = {"enum": list(HOOKS)}

    hook: str = Field(description="The hook's name.", json_schema_extra={"enum": list(HOOKS)})
    repository: str = Field(
        ".", min_length=1, description="The repository, from the file's directory."
    )


class TriggerEntry(Entry):
    """What propels by itself."""

    schema_extra: ClassVar[Mapping[str, Any]] = {
        "oneOf": [{"required": [kind]} for kind in TRIGGERS]
    }

    watch: WatchEntry | None = Field(None, description="A folder whose files are told.")
    schedule: CronEntry | None = Field(None, description="Times by the clock.")
    git: GitEntry | None = Field(None, description="A hook of a git repository.")
    event: str = Field(min_length=1, description="The event type of the payload.")
    data: Any = Field(None, description="What it carries; all that is told if nothing is said.")
    priority: Urgency | None = Field(
        None, description="Which goes first; its event type's priority if nothing is said."
    )


class PipelineFile(Entry):
    """A pipeline: event types, and what is done with each payload of them."""

    name: str = Field(min_length=1, max_length=100, description="What the pipeline is called.")
    description: str = Field("", description="What it does, for people.")
    inputs: dict[str, InputEntry] = Field({}, description="The values it is loaded with.")
    events: dict[str, Annotated[EventEntry, BeforeValidator(_filled)]] = Field(
        min_length=1, description="The event types by their names."
    )
    triggers: list[TriggerEntry] = Field([], description="What propels by itself.")
    groups: dict[str, Annotated[int, Field(ge=1)]] = Field(
        {}, description="Groups of handlers, and how many of each run at once."
    )
    limit: int | None = Field(None, ge=1, description="How many handlers run at once.")
    max_hops: int = Field(
        MAX_HOPS, ge=1, le=10_000, description="How many payloads may follow from each other."
    )
    env: Environment = Field({}, description="Environment variables of all handlers.")
    cwd: str | None = Field(
        None, min_length=1, description="The directory that all handlers work in."
    )
