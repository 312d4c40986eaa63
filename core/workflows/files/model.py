"""The format of workflow files, as models; the JSON schema is made from them.

What one key may hold is said here; what several of them mean together is held in ``checks``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    WithJsonSchema,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError

from ...base.priority import Priority
from ...protocol.rules import quoted
from ..definition import ANY
from .values import (
    Cron,
    Duration,
    Environment,
    Moment,
    PositiveDuration,
    RunCommand,
    Urgency,
    Zone,
)

INPUT_TYPES = ("string", "integer", "number", "boolean", "list", "object", "path", "choice")
KINDS = ("agent", "run", "python", "approve", "wait_for", "workflow", "emit")
NAME = r"^[A-Za-z_][A-Za-z0-9_-]{0,99}$"


class Entry(BaseModel):
    """A part of the file: unknown keys are faults, and nothing is turned into something else."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, populate_by_name=True)

    short: ClassVar[str] = ""
    """The key that is meant where a plain value stands in place of the mapping."""
    short_schema: ClassVar[Mapping[str, Any]] = {"type": "string"}
    schema_extra: ClassVar[Mapping[str, Any]] = {}

    @model_validator(mode="before")
    @classmethod
    def _lengthen(cls, value: Any) -> Any:
        if cls.short and value is not None and not isinstance(value, dict):
            return {cls.short: value}
        return value

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        made = handler.resolve_ref_schema(handler(core_schema))
        made.pop("title", None)
        made.update(cls.schema_extra)
        if not cls.short:
            return made
        return {"anyOf": [dict(cls.short_schema), made], "description": made.get("description", "")}


def _names(value: Any) -> Any:
    """A list of names, or one of them alone."""
    return [value] if isinstance(value, str) else value


def _choices(value: Any) -> Any:
    """Choices by their key, with what a person reads; a list means that both are the same."""
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return {one: one for one in value}
    if isinstance(value, dict) and all(isinstance(one, str) for one in value.values()):
        return value
    raise PydanticCustomError(
        "choices",
        "{message}",
        {"message": f"{quoted(value)} are no choices.", "hint": "Write a list of words."},
    )


Names = Annotated[
    list[str],
    BeforeValidator(_names),
    WithJsonSchema({
        "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}],
    }),
]  # fmt: skip
Needs = Names
Choices = Annotated[
    dict[str, str],
    BeforeValidator(_choices),
    WithJsonSchema({
        "anyOf": [
            {"type": "array", "items": {"type": "string"}, "minItems": 1},
            {"type": "object", "additionalProperties": {"type": "string"}, "minProperties": 1},
        ]
    }),
]  # fmt: skip
Condition = Annotated[bool | str, WithJsonSchema({"type": ["string", "boolean"]})]


class InputEntry(Entry):
    """A value that is given when the workflow is started."""

    short = "type"
    short_schema = {"enum": list(INPUT_TYPES)}

    type: Literal["string", "integer", "number", "boolean", "list", "object", "path", "choice"] = (
        Field("string", description="What it must be.")
    )
    description: str = Field("", description="What it is for.")
    default: Any = Field(
        None, description="Its value where none is given; without one it must be given."
    )
    choices: list[str] = Field([], description="The values of a choice.")
    must_exist: bool = Field(
        False, description="Whether a path must be there when the workflow starts."
    )
    secret: bool = Field(False, description="Whether its value is hidden in messages.")

    @property
    def required(self) -> bool:
        """Whether it must be given."""
        return "default" not in self.model_fields_set


class RetryEntry(Entry):
    """How often a task is tried, and how long to wait in between."""

    short = "attempts"
    short_schema = {"type": "integer", "minimum": 1}

    attempts: int = Field(3, ge=1, le=1000, description="All attempts, the first included.")
    initial: Duration = Field(1.0, description="The wait after the first attempt.")
    max: Duration = Field(60.0, description="The longest wait.")
    base: float = Field(
        2.0, gt=0, strict=False, description="What each wait is multiplied by to give the next."
    )
    jitter: float = Field(
        0.0,
        ge=0,
        le=10,
        strict=False,
        description="How much of a wait may be added to it by chance.",
    )


class ForeachEntry(Entry):
    """One task for each item of a list, under ``item`` and ``index``."""

    short = "items"
    short_schema = {"type": ["string", "array"]}

    items: list[Any] | str = Field(description="The list, or a template that gives one.")
    max: int = Field(1000, ge=1, le=10_000, description="The most items; with more the task fails.")
    at_once: int | None = Field(None, ge=1, description="How many of them run at once.")


class ApproveEntry(Entry):
    """A question to a person; the result is the key of the choice."""

    short = "question"

    question: str = Field(min_length=1, description="What is asked.")
    choices: Choices = Field(
        {"approve": "approve", "reject": "reject"},
        description="What can be answered: words, or keys with the words for them. The task fails with reject.",
    )


class WaitEntry(Entry):
    """An event from outside; the result is the value it brings."""

    short = "event"

    event: str = Field(min_length=1, description="Its name.")
    key: str | None = Field(None, description="Which one of that name, such as a build's number.")


class OutputsEntry(Entry):
    """What a task leaves behind."""

    stdout: Literal["text", "json", "lines"] | None = Field(
        None, description="How the output becomes the result: as text, as JSON, as a list of lines."
    )
    files: dict[str, str] = Field(
        {}, description="Files that are kept, by name; paths from the task's directory."
    )
    schema_: dict[str, Any] | None = Field(
        None, alias="schema", description="A JSON schema that the result must fit."
    )


class AgentEntry(Entry):
    """The agent that works on a prompt: one by its name, or what it must be able to do."""

    short = "name"

    name: str = Field(ANY, min_length=1, description="The agent; any for whoever has room.")
    any_of: Names = Field([], description="The agents among which one is chosen.")
    capabilities: Names = Field([], description="What it must be able to do, all of it.")
    affinity: str | None = Field(
        None, min_length=1, description="The agent that is preferred while it has room."
    )

    @property
    def chosen(self) -> bool:
        """Whether there is anything to choose by."""
        return bool(self.any_of or self.capabilities or self.affinity)


class ScheduleEntry(Entry):
    """When the workflow starts by itself."""

    cron: Cron = Field(description="Minute, hour, day, month, weekday.")
    zone: Zone = Field("UTC", description="The time zone that the expression is read in.")
    catch_up: Literal["none", "one", "all"] = Field(
        "none", description="What becomes of starts that were missed while nothing ran."
    )


class EmitEntry(Entry):
    """A payload for a pipeline; the result is its id."""

    pipeline: str = Field(min_length=1, description="The pipeline's name.")
    event: str = Field(min_length=1, description="The event type whose handlers get it.")
    data: Any = Field(None, description="What it carries.")
    priority: Urgency | None = Field(
        None, description="Which goes first; without it what the pipeline's file says."
    )


class WorkEntry(Entry):
    """A piece of work: what does it, and how."""

    description: str = Field("", description="What it does, for people.")

    agent: AgentEntry | None = Field(
        None,
        description="The agent that works on the prompt, or any; it waits until that has room.",
    )
    prompt: str | None = Field(None, min_length=1, description="What the agent is told.")
    mode: Literal["session", "one-shot"] | None = Field(
        None,
        description="A session on the Deck that a person can follow (default), or a process of its own for one answer.",
    )
    keep: bool = Field(
        False, description="Whether the agent's session lives on when the work is done."
    )
    run: RunCommand | None = Field(None, description="A command: the program and its arguments.")
    shell: bool = Field(False, description="Whether run is one line for the shell.")
    python: str | None = Field(None, description="A function, as module:function.")
    trusted: bool = Field(
        False, description="Whether the function runs in the engine's own process."
    )
    with_: dict[str, Any] = Field({}, alias="with", description="The function's arguments.")
    workflow: str | None = Field(
        None, min_length=1, description="A workflow: a file, or its name without ending."
    )
    inputs: dict[str, Any] = Field({}, description="The inputs of that workflow.")

    when: Condition | None = Field(
        None, description="An expression; if it is false this is not done, and counts as done."
    )
    retry: RetryEntry | None = Field(None, description="How often it is tried.")
    timeout: PositiveDuration | None = Field(
        None, description="The longest that one attempt may take."
    )
    priority: Urgency = Field(
        Priority.NORMAL, description="Which goes first of those that are ready."
    )
    env: Environment = Field(
        {}, description="Environment variables; one without a value is passed through."
    )
    cwd: str | None = Field(None, min_length=1, description="The directory it works in.")
    group: str | None = Field(
        None, min_length=1, description="The concurrency group it belongs to."
    )
    outputs: OutputsEntry | None = Field(None, description="What it leaves behind.")


class TaskEntry(WorkEntry):
    """One task."""

    schema_extra: ClassVar[Mapping[str, Any]] = {"oneOf": [{"required": [kind]} for kind in KINDS]}

    approve: ApproveEntry | None = Field(None, description="A question to a person.")
    wait_for: WaitEntry | None = Field(None, description="An event from outside.")
    emit: EmitEntry | None = Field(None, description="A payload for a pipeline.")

    needs: Needs = Field([], description="The tasks that must have ended before it begins.")
    foreach: ForeachEntry | None = Field(
        None, description="A list; the task runs once for each item."
    )
    allow_failure: bool = Field(False, description="Whether what needs it runs though it failed.")
    deadline: Moment | None = Field(
        None, description="When it must have begun: a point in time, or a time from the start."
    )
    resources: dict[str, Annotated[float, Field(gt=0)]] = Field(
        {}, description="What the worker of a cluster must have free for it, by name."
    )


Tasks = dict[str, TaskEntry]


class WorkflowFile(Entry):
    """A workflow: tasks, and the order in which they must run."""

    name: str = Field(min_length=1, max_length=100, description="What the workflow is called.")
    description: str = Field("", description="What it does, for people.")
    inputs: dict[str, InputEntry] = Field({}, description="The values it is started with.")
    tasks: Tasks = Field(min_length=1, description="The tasks by their names.")
    finally_: Tasks = Field(
        {},
        alias="finally",
        description="Tasks that run when all others have ended, whatever came of them.",
    )
    on_failure: Literal["continue", "drain", "cancel"] = Field(
        "continue",
        description="What becomes of the rest when a task has failed: independent tasks go on, nothing more is begun, or all is stopped.",
    )
    limit: int | None = Field(None, ge=1, description="How many tasks run at once.")
    concurrency: dict[str, Annotated[int, Field(ge=1)]] = Field(
        {}, description="Groups of tasks, and how many of each run at once."
    )
    retry: RetryEntry | None = Field(None, description="For tasks without a retry of their own.")
    env: Environment = Field({}, description="Environment variables of all tasks.")
    cwd: str | None = Field(None, min_length=1, description="The directory that all tasks work in.")
    schedule: ScheduleEntry | None = Field(None, description="When it starts by itself.")

    def every_task(self) -> dict[str, TaskEntry]:
        """All tasks, those of ``finally`` last."""
        return {**self.tasks, **self.finally_}


def kinds_of(entry: WorkEntry, kinds: Sequence[str] = KINDS) -> list[str]:
    """Which of the kinds it is; exactly one, where nothing is wrong."""
    return [kind for kind in kinds if getattr(entry, kind) is not None]
