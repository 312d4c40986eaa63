"""Status rules as data: which text on a screen or in a title means which activity."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from ...protocol.status import Activity, DialogKind
from .patterns import Expression, Expressions

WAITING = frozenset({Activity.NEEDS_APPROVAL, Activity.NEEDS_ANSWER})
"""Activities with an open request."""

REGION_LIMIT = 60
"""Lines a rule may look at; a screen's bottom is enough for every dialog seen so far."""

_REGION = re.compile(r"bottom:(?P<count>[1-9]\d?)")
_WHOLE, _LAST_LINE = "whole", "last_line"


class Pick(StrEnum):
    """How an option of a dialog is chosen."""

    DIGIT = "digit"  # its number, which takes effect at once
    DIGIT_ENTER = "digit_enter"  # its number, then Enter
    ARROWS = "arrows"  # up or down from the marked option, then Enter
    LIST = "list"  # down from the first option, then Enter: the mark is a colour only
    BUTTONS = "buttons"  # right from the first option, then Enter: likewise
    HOTKEY = "hotkey"  # the key named in its label, such as (y); without one, as by arrows
    LETTER_ENTER = "letter_enter"  # its letter, then Enter


def _region(value: Any) -> Any:
    if value == _WHOLE:
        return REGION_LIMIT
    if value == _LAST_LINE:
        return 1
    found = _REGION.fullmatch(value) if isinstance(value, str) else None
    if found and int(found["count"]) <= REGION_LIMIT:
        return int(found["count"])
    raise PydanticCustomError(
        "bad_region",
        "A region is whole, last_line, or bottom:N with N from 1 to {limit} non-empty lines.",
        {"limit": REGION_LIMIT},
    )


Region = Annotated[int, BeforeValidator(_region)]
"""How many of a screen's last non-empty lines a rule looks at."""

RuleId = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]


class Rule(BaseModel):
    """What titles' and screens' rules have in common.

    A rule matches when every expression of ``all``, at least one of ``any`` (if it has any) and
    none of ``none`` is found. Among matching rules the higher ``priority`` wins, then the first.
    ``ends_turn`` tells whether idleness by this rule, after work, is a finished turn; an
    interrupted one is not. ``origin`` is the file and line it came from.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    id: RuleId
    activity: Annotated[Activity | None, Field(strict=False)] = None
    kind: Annotated[DialogKind | None, Field(strict=False)] = None
    priority: int = 0
    any: Expressions = ()
    all: Expressions = ()
    none: Expressions = ()
    ends_turn: bool = True
    origin: str = ""

    @model_validator(mode="after")
    def _kind_fits(self) -> Rule:
        if self.activity in WAITING and self.kind is None:
            raise PydanticCustomError(
                "kind_missing",
                "A rule for {activity} says what is asked: kind is one of {kinds}.",
                {"activity": self.activity, "kinds": ", ".join(DialogKind)},
            )
        if self.kind is not None and self.activity not in WAITING:
            raise PydanticCustomError(
                "kind_unfit", "Only needs_approval and needs_answer have a kind.", {}
            )
        return self


class TitleRule(Rule):
    """What a terminal's title means; the title is matched without blanks around it."""

    @model_validator(mode="after")
    def _complete(self) -> TitleRule:
        if self.activity is None or not (self.any or self.all):
            raise PydanticCustomError(
                "rule_incomplete",
                "A title rule has an activity, and expressions in any or all.",
                {},
            )
        return self


class ScreenRule(Rule):
    """What the bottom of a screen means.

    Lines that are empty, or only a box's sides, don't count. The region narrows to what follows
    the last line that matches ``start`` (that line included); without such a line the rule doesn't
    match. ``ends`` must match up to the very end of the screen's last line, or of the last two
    joined by a blank: what stands higher up, in a transcript, is no dialog. With ``cursor`` the
    cursor, if it is known, stands on the last line.

    ``text`` (group ``text``; the first that matches) finds what is asked. ``choices`` (group
    ``label``; ``key`` and ``mark`` if there) finds the options, ``free_text`` the one that takes
    text. ``hold``: this screen says nothing (a viewer, a pager), what was known still stands.
    ``modal``: something that takes the keys stands before the input box (a menu, a palette); the
    other rules tell the activity. Under either a prompt is refused.

    With ``fresh`` its evidence counts only if it did not stand on the screen while the agent worked.
    A dialog with ``ends_turn = false`` is no part of a turn: a menu that a person opened.
    """

    region: Region = 15
    start: Expression | None = None
    ends: Expression | None = None
    cursor: bool = False
    hold: bool = False
    modal: bool = False
    fresh: bool = False
    text: Expressions = ()
    choices: Expression | None = None
    free_text: Expression | None = None
    pick: Annotated[Pick | None, Field(strict=False)] = None

    @model_validator(mode="after")
    def _complete(self) -> ScreenRule:
        if not (self.any or self.all or self.ends):
            raise PydanticCustomError(
                "rule_incomplete", "A screen rule has expressions in any, all or ends.", {}
            )
        if [self.activity is not None, self.hold, self.modal].count(True) != 1:
            raise PydanticCustomError(
                "rule_incomplete",
                "A screen rule has one of these: an activity, hold = true, modal = true.",
                {},
            )
        return self

    @model_validator(mode="after")
    def _groups(self) -> ScreenRule:
        if any("text" not in pattern.groupindex for pattern in self.text):
            raise PydanticCustomError(
                "group_missing", "Each expression in text has a group (?P<text>...).", {}
            )
        if self.choices is not None and "label" not in self.choices.groupindex:
            raise PydanticCustomError(
                "group_missing", "The expression choices has a group (?P<label>...).", {}
            )
        return self

    @property
    def is_dialog(self) -> bool:
        """Whether it finds an open request."""
        return self.activity in WAITING
