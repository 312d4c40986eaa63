"""What to type: a prompt, or the answer to a dialog as it stands on the screen right now."""

from __future__ import annotations

from ...base.errors import ValidationFault
from ...protocol.screen import Modes
from ..agents.definition import AgentDefinition, AnswerKeys
from ..agents.rules import Pick
from ..terminal.keys import encode_key, paste, plain
from .dialog import Dialog, Option
from .steps import KeyStep, Pause, Send

MEANINGS = ("allow_once", "allow_always", "reject")
"""Answers that are named by what they mean rather than by an option's key."""

CLEAR_LINE = "ctrl+u"
"""What takes back whatever someone has begun to type into a line that asks."""

NO_MODES = Modes()


class AnswerNotOffered(ValidationFault):
    """The dialog has no such option, or takes no words."""

    code = "answer_not_offered"


def prompt_steps(
    definition: AgentDefinition, text: str, modes: Modes = NO_MODES
) -> tuple[KeyStep, ...]:
    """How ``text`` is submitted: pasted, a pause, then the key that submits it, on its own."""
    how = definition.prompt
    bracketed = how.paste == "bracketed" and modes.bracketed_paste
    return (
        Send(paste(text, modes) if bracketed else plain(text)),
        Pause(how.pause),
        Send(encode_key(how.submit, modes)),
    )


def _offered(dialog: Dialog) -> str:
    return ", ".join(f"{option.key} ({option.label})" for option in dialog.options) or "none"


def _refuse(dialog: Dialog, wanted: str) -> AnswerNotOffered:
    return AnswerNotOffered(
        f"This dialog offers no {wanted}; its options are: {_offered(dialog)}.",
        wanted=wanted,
        options=[option.key for option in dialog.options],
    )


class _Plan:
    """Keys on their way to steps, with pauses between them."""

    def __init__(self, dialog: Dialog, keys: AnswerKeys, modes: Modes) -> None:
        self.dialog = dialog
        self.keys = keys
        self.modes = modes
        self.steps: list[KeyStep] = []

    def press(self, *names: str) -> None:
        for name in names:
            self._add(encode_key(name, self.modes))

    def _add(self, data: bytes) -> None:
        if self.steps and self.keys.pause:
            self.steps.append(Pause(self.keys.pause))
        self.steps.append(Send(data))

    def move(self, option: Option) -> None:
        """Mark ``option`` without choosing it."""
        pick = self._pick()
        here = 0 if pick in {Pick.LIST, Pick.BUTTONS} else self.dialog.marked
        if here is None:
            raise AnswerNotOffered(
                "Which option is marked can't be seen, so none can be chosen by arrows; "
                "answer in the session itself."
            )
        steps = self.dialog.options.index(option) - here
        forth, back = ("right", "left") if pick is Pick.BUTTONS else ("down", "up")
        self.press(*([forth if steps > 0 else back] * abs(steps)))

    def choose(self, option: Option) -> None:
        """Choose ``option`` in the way this dialog wants it."""
        match self._pick():
            case Pick.DIGIT if len(option.key) == 1:
                self.press(option.key)
            case Pick.DIGIT_ENTER if len(option.key) == 1:
                self.press(option.key, "enter")
            case Pick.LETTER_ENTER:
                self.press(CLEAR_LINE, *option.key, "enter")
            case Pick.HOTKEY if option.hotkey:
                self.press(option.hotkey)
            case _:
                self.move(option)
                self.press("enter")

    def _pick(self) -> Pick:
        return self.dialog.pick or self.keys.pick

    def write(self, text: str) -> None:
        """Answer in words."""
        free = self._free_option()
        if free is None:
            self._type(text)
            self.press("enter")
            return
        for step in self.keys.free_text or ("{option}", "{text}", "enter"):
            if step == "{option}":
                self.choose(free)
            elif step == "{move}":
                self.move(free)
            elif step == "{text}":
                self._type(text)
            else:
                self.press(step)

    def _free_option(self) -> Option | None:
        found = (option for option in self.dialog.options if option.key == self.dialog.free_key)
        return next(found, None)

    def _type(self, text: str) -> None:
        self._add(plain(" ".join(text.split())))


def _option(dialog: Dialog, choice: str) -> Option | None:
    """The option that ``choice`` names: by its key, else by its meaning."""
    by_key = (option for option in dialog.options if option.key == choice.lower())
    by_meaning = (option for option in dialog.options if option.meaning == choice)
    return next(by_key, None) or next(by_meaning, None)


def answer_keys(
    definition: AgentDefinition,
    dialog: Dialog,
    *,
    choice: str | None = None,
    text: str | None = None,
    modes: Modes = NO_MODES,
) -> tuple[KeyStep, ...]:
    """The keys that answer ``dialog``, which is the one detected right before typing.

    ``choice`` is an option's key or allow_once, allow_always, reject; ``text`` an answer in words.

    :raises AnswerNotOffered: if the dialog has no such option, takes no words, or both are given
        and the option is not the one that takes words.
    """
    plan = _Plan(dialog, definition.answer_keys(dialog.kind), modes)
    if text is not None:
        if not dialog.free_text or choice not in {None, dialog.free_key}:
            raise _refuse(dialog, "answer in words")
        plan.write(text)
        return tuple(plan.steps)
    fixed = getattr(plan.keys, choice) if choice in MEANINGS else ()
    option = _option(dialog, choice or "")
    if fixed:
        plan.press(*fixed)
    elif option is not None:
        plan.choose(option)
    else:
        raise _refuse(dialog, choice or "empty answer")
    return tuple(plan.steps)
