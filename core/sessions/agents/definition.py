"""An agent as data: how it is started, spoken to, answered and read."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from ...protocol.status import DialogKind
from .patterns import Expression, Expressions, as_tuple, compile_pattern
from .rules import Pick, ScreenRule, TitleRule

ANYBODY = "any"
DEFAULT_CAPACITY = 10
"""Pieces of work that an agent takes at once where nothing is said."""

Transport = Literal["pty", "acp", "process"]


class Part(BaseModel):
    """Base of all parts of a definition: frozen, no unknown keys, no guessing of types."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


Strings = Annotated[tuple[str, ...], BeforeValidator(as_tuple)]
Seconds = Annotated[float, Field(ge=0, le=3600, strict=False)]


class Resume(Part):
    """How a conversation is taken up again.

    ``args`` replace the agent's own and hold ``{session_ref}``, the agent's id for its
    conversation. It becomes known by ``assign`` (arguments added at start that hold
    ``{session_ref}``, for agents that let us choose it) or by ``found_by``, an expression with a
    group ``ref`` that is tried on the last lines after the exit.
    """

    args: Strings = ()
    assign: Strings = ()
    found_by: Expression | None = None

    @model_validator(mode="after")
    def _group(self) -> Resume:
        if self.found_by is not None and "ref" not in self.found_by.groupindex:
            raise PydanticCustomError(
                "group_missing", "The expression found_by has a group (?P<ref>...).", {}
            )
        return self


class PromptDelivery(Part):
    """How a prompt is typed: pasted, a pause in seconds, then the key that submits it alone.

    ``verify``: the agent shows that it has taken a prompt by a change of its status. ``mark``: what
    its input box begins with on the line of the cursor, up to where words are typed.
    """

    paste: Literal["bracketed", "typed"] = "bracketed"
    pause: Seconds = 0.25
    submit: str = "enter"
    verify: bool = True
    mark: Expression | None = None


class AnswerKeys(Part):
    """How a dialog of one kind is answered.

    ``pick`` chooses an option; ``reject`` and the others, if given, are the keys for that meaning
    whatever the options are. ``free_text`` is the sequence for an answer in words: names of keys,
    ``{option}`` (choose the option that takes text), ``{move}`` (only mark it), ``{text}``.
    ``pause`` (seconds) stands between two keys.
    """

    pick: Annotated[Pick, Field(strict=False)] = Pick.ARROWS
    allow_once: Strings = ()
    allow_always: Strings = ()
    reject: Strings = ()
    free_text: Strings = ()
    pause: Seconds = 0.1


def _patterns(*sources: str) -> tuple[re.Pattern[str], ...]:
    return tuple(compile_pattern(source) for source in sources)


class Meanings(Part):
    """Which options mean what, by their labels; tried in this order, the first match wins.

    ``other`` names those that must never be taken for a plain yes, such as a change of mode. The
    defaults fit the words that most agents use.
    """

    other: Expressions = _patterns(r"(?i)switch to auto mode")
    reject: Expressions = _patterns(
        r"(?i)^(?:no|reject|deny|cancel|exit|back|skip|continue without)\b",
        r"(?i)^don.t (?:trust|allow|run)\b",
    )
    allow_always: Expressions = _patterns(
        r"(?i)\balways\b",
        r"(?i)\bdon.t ask again\b",
        r"(?i)\bfor (?:this|the) session\b",
        r"(?i)\baccept edits\b",
    )
    allow_once: Expressions = _patterns(
        r"(?i)^(?:yes|ok|allow|approve|accept|proceed|trust)\b", r"(?i)\bonce$"
    )


class Timing(Part):
    """Seconds. 0 turns ``start_grace``, ``start_settle`` and ``silence_limit`` off.

    ``start_grace``: states at the start that mean nothing yet. ``start_settle``: how long the input
    box must stand at the start to count, for agents that draw it before their dialogs. ``turn_end``: how long work must
    have stopped, by title or screen, to be over. ``silence_limit``: an agent that always moves
    while it works, and writes nothing for so long, is not known to work. ``output_window``: how
    long output counts as work, for agents without rules.
    """

    start_grace: Seconds = 0.0
    start_settle: Seconds = 0.0
    turn_end: Seconds = 0.5
    silence_limit: Seconds = 0.0
    output_window: Seconds = 3.0


Plain = str | bool | int | float | None


class Sought(Part):
    """Events in what a one-shot prints: those that have the values of ``where``, by dotted paths.

    ``read`` is the path of what counts there; an event without it, or with nothing there (null, false, an
    empty text or list), does not count. Without ``read`` the event itself does.
    """

    where: dict[str, Plain] = Field(default_factory=dict)
    read: str = ""


def _sought(value: Any) -> Any:
    return (value,) if isinstance(value, dict) else as_tuple(value)


SoughtList = Annotated[tuple[Sought, ...], BeforeValidator(_sought)]


class UsageSought(Sought):
    """Where in what a one-shot prints it says what it spent: paths of numbers, added up over all such events.

    ``cost`` is money, ``tokens`` are all that count; a ``*`` in a path stands for every key.
    """

    cost: str = ""
    tokens: Strings = ()


class OneShot(Part):
    """How an agent gives one answer as a process, and how that is read.

    ``none`` says why it can't; then nothing else is needed. ``args`` come after ``command`` (the agent's own
    if empty) in place of its own. ``prompt`` comes on standard input, or as an argument in place of
    ``{prompt}``. ``output`` is one JSON value (``json``), or one for each line (``lines``). It is a ``success``
    only if it says so; ``answer`` is what it gives then: what the last such event holds, or with ``join`` the
    text of all of them. ``failures`` hold what went wrong, ``refusals`` what was refused with nobody
    there to ask; either is a failure of the task whatever else is said. ``usage`` is what it spent.
    """

    none: str = ""
    command: Strings = ()
    args: Strings = ()
    env: dict[str, str] = Field(default_factory=dict)
    prompt: Literal["stdin", "argument"] = "stdin"
    output: Literal["json", "lines"] = "json"
    success: SoughtList = ()
    answer: Sought = Sought()
    join: bool = False
    failures: SoughtList = ()
    refusals: SoughtList = ()
    usage: UsageSought | None = None

    @model_validator(mode="after")
    def _whole(self) -> OneShot:
        if self.none:
            return self
        if not self.success or not self.answer.read:
            raise PydanticCustomError(
                "oneshot_unread",
                "A one-shot says what counts as success, and what its answer is "
                "(success, answer.read); or why there is none (none).",
                {},
            )
        if (self.prompt == "argument") != any("{prompt}" in one for one in self.args):
            raise PydanticCustomError(
                "oneshot_prompt",
                'With prompt = "argument" one of args holds {name}, otherwise none does.',
                {"name": "{prompt}"},
            )
        return self


def _program(value: Any) -> Any:
    if isinstance(value, str):
        if value.split() != [value]:
            raise PydanticCustomError(
                "bad_command",
                "A command is one program: write a list for more, such as {example}.",
                {"example": str(value.split()) if value.strip() else '["my-agent"]'},
            )
        return (value,)
    if isinstance(value, list) and not value:
        raise PydanticCustomError("bad_command", "A command names a program.", {})
    return as_tuple(value)


def _own_name(name: str) -> str:
    if name == ANYBODY:
        raise PydanticCustomError(
            "agent_name", "In workflows {name} stands for whoever has room: take another name.",
            {"name": ANYBODY},
        )  # fmt: skip
    return name


class AgentDefinition(Part):
    """One kind of agent. Only ``command`` is needed; everything else has a sane default.

    ``command`` is the program with what always goes before ``args``. ``detect`` names the programs
    to look for on PATH; the command's own if empty. ``shell``: it runs other programs, and is idle
    when it owns its terminal. ``reports``: it always tells its status by OSC 7501. ``limits`` tell
    from an error's message that a limit is the cause. ``oneshot``: how it gives one answer as a
    process, for tasks of workflows. ``extend``: the rules given last came on top
    of those for the same agent before them, rather than in their place. ``capacity`` is how many pieces of
    work it takes at once, ``score`` its weight where one of several is drawn, ``groups`` are limits
    that it shares with others (``[crew.groups]``).
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$"), AfterValidator(_own_name)]
    title: str = ""
    command: Annotated[tuple[str, ...], BeforeValidator(_program)]
    args: Strings = ()
    env: dict[str, str] = Field(default_factory=dict)
    cwd: str | None = None
    transport: Transport = "pty"
    capabilities: Strings = ()
    capacity: Annotated[int, Field(ge=1, le=10_000)] = DEFAULT_CAPACITY
    score: Annotated[float, Field(ge=0, le=1_000_000, strict=False)] = 100.0
    groups: Strings = ()
    detect: Strings = ()
    shell: bool = False
    reports: bool = False
    practice: bool = False
    resume: Resume = Resume()
    prompt: PromptDelivery = PromptDelivery()
    answers: dict[Annotated[DialogKind, Field(strict=False)], AnswerKeys] = Field(
        default_factory=dict
    )
    meanings: Meanings = Meanings()
    timing: Timing = Timing()
    limits: Expressions = ()
    oneshot: OneShot | None = None
    title_rules: Annotated[tuple[TitleRule, ...], BeforeValidator(as_tuple)] = ()
    screen_rules: Annotated[tuple[ScreenRule, ...], BeforeValidator(as_tuple)] = ()
    extend: bool = False
    origin: str = "built in"

    @property
    def shown(self) -> str:
        """The name a person reads."""
        return self.title or self.name

    @property
    def has_rules(self) -> bool:
        """Whether rules can tell its status from title or screen."""
        return bool(self.title_rules or self.screen_rules)

    @property
    def readable(self) -> bool:
        """Whether its status is known from something better than output and processes.

        Only such an agent's unknown state refuses input.
        """
        return self.has_rules or self.reports or self.transport == "acp"

    @property
    def resumable(self) -> bool:
        """Whether it has a way to take up a conversation."""
        return bool(self.resume.args)

    def answer_keys(self, kind: DialogKind) -> AnswerKeys:
        """How its dialogs of ``kind`` are answered."""
        return self.answers.get(kind, AnswerKeys())
