"""Turns as sequences of steps: what a role does with a prompt, without time and without a screen."""

from __future__ import annotations

from collections.abc import Generator

from .dice import Dice
from .phrases import COMMANDS, OPENINGS, OUTPUTS, QUESTIONS, STORIES, WEIGHING, Story

ONCE, ALWAYS, NO = "once", "always", "no"
FREE_TEXT = "Type something"


class Focus:
    """From here on the agent is busy with ``message``; ``progress`` is a percentage."""

    def __init__(self, message: str, progress: int) -> None:
        self.message = message
        self.progress = progress


class Say:
    """Text that is streamed word by word."""

    def __init__(self, text: str) -> None:
        self.text = text


class Use:
    """A tool at work: its headline, and after a while the lines it gave."""

    def __init__(self, headline: str, result: str) -> None:
        self.headline = headline
        self.result = result


class Permission:
    """May the command ``text`` be run? Answered by ``ONCE``, ``ALWAYS`` or ``NO``."""

    def __init__(self, text: str) -> None:
        self.text = text


class Question:
    """One of several options, or text of one's own; answered by that text, or None to skip."""

    def __init__(self, text: str, options: tuple[str, ...]) -> None:
        self.text = text
        self.options = options


class Crash:
    """The end of the process, here and now."""


class Limit:
    """The end of the turn, since a limit is reached; ``text`` says which."""

    def __init__(self, text: str) -> None:
        self.text = text


Step = Focus | Say | Use | Permission | Question | Crash | Limit
Turn = Generator[Step, "str | None", None]


def choose_story(dice: Dice, prompt: str) -> Story:
    """The story that ``prompt`` begins, else any."""
    told = [story for story in STORIES if story.prompt == prompt]
    return told[0] if told else STORIES[dice.between(0, len(STORIES) - 1)]


def read(dice: Dice, file: str) -> Use:
    """Reading a file."""
    return Use(f"Read {file}", f"{dice.between(38, 460)} lines")


def search(dice: Dice, story: Story) -> Use:
    """Searching for a name."""
    matches, files = dice.between(3, 21), dice.between(2, 6)
    return Use(f"Search {story.name}", f"{matches} matches in {files} files")


def run_tests(dice: Dice, story: Story) -> Use:
    """Running tests that pass."""
    passed, centis = dice.between(4, 61), dice.between(11, 340)
    return Use(f"Run pytest {story.files[-1]} -q", f"{passed} passed in {centis / 100:.2f}s")


def worker_turn(dice: Dice, story: Story) -> Turn:
    """Read, search, think, edit, test, sum up."""
    code, other, test = story.files
    yield Focus("reading the request", 0)
    yield Say(dice.pick(OPENINGS))
    yield Focus("reading the code", 10)
    yield search(dice, story)
    yield read(dice, code)
    if dice.between(0, 1):
        yield read(dice, other)
    yield Say(story.thought)
    yield Focus("editing", 45)
    yield Use(f"Edit {code}", story.diff)
    if dice.between(0, 1):
        yield Use(f"Edit {test}", f"{dice.between(6, 31)} lines added")
    yield Focus("running the tests", 80)
    yield run_tests(dice, story)
    yield Say(f"Done. {story.closing}")


def approver_turn(dice: Dice, story: Story) -> Turn:
    """Several commands, each of which needs a person's yes; ``ALWAYS`` holds for the turn."""
    yield Focus("planning", 0)
    yield Say(dice.pick(OPENINGS))
    yield read(dice, story.files[0])
    count = dice.between(2, 3)
    asking = True
    for number, which in enumerate(dice.order(len(COMMANDS))[:count]):
        yield Focus(f"command {number + 1} of {count}", 100 * number // count)
        command, output = COMMANDS[which], dice.pick(OUTPUTS)
        answer = (yield Permission(command)) if asking else ALWAYS
        asking = asking and answer != ALWAYS
        if answer == NO:
            yield Use(f"Skipped: {command}", "rejected; going on without it")
        else:
            yield Use(f"Ran: {command}", output)
    yield Say(f"That was the last command of {count}.")


def asker_turn(dice: Dice, story: Story) -> Turn:
    """One or two questions with work in between."""
    yield Focus("reading the code", 0)
    yield read(dice, story.files[0])
    count = dice.between(1, 2)
    for number, which in enumerate(dice.order(len(QUESTIONS))[:count]):
        text, *options = QUESTIONS[which].split("|")
        answer = yield Question(text, (*options, FREE_TEXT))
        yield Use(f"Asked: {text}", "skipped; I'll choose" if answer is None else answer)
        yield Focus("editing", 50 + 40 * number // count)
        yield Use(f"Edit {story.files[number]}", story.diff)
    yield Say(f"Done. {story.closing}")


def crasher_turn(dice: Dice, story: Story) -> Turn:
    """Begins like a worker, then dies."""
    yield Focus("reading the request", 0)
    yield Say(dice.pick(OPENINGS))
    yield Focus("reading the code", 10)
    for _ in range(dice.between(2, 4)):
        yield read(dice, story.files[dice.between(0, 2)])
    yield Say(story.thought)
    yield Crash()


def limited_turn(dice: Dice, story: Story) -> Turn:
    """Begins like a worker, then has used up what it may."""
    yield Focus("reading the request", 0)
    yield Say(dice.pick(OPENINGS))
    yield Focus("reading the code", 10)
    yield read(dice, story.files[0])
    yield Say(story.thought)
    yield Limit(f"Usage limit reached; it resets in {dice.between(2, 50)} minutes")


def debater_turn(seed: int, dice: Dice, prompt: str) -> Turn:
    """Reads what it is given, thinks, and says what follows from it."""
    from . import debating  # costs the other roles nothing  # noqa: PLC0415

    yield Focus("reading what the others say", 0)
    yield Use("Read the prompt", f"{len(prompt.splitlines())} lines")
    yield Focus("weighing it", 50)
    yield Say(f"What I mind is {debating.concern_of(seed)}. {dice.pick(WEIGHING)}")
    yield Say(debating.answer(seed, prompt))


DEBATER = "debater"
TURNS = {
    "worker": worker_turn,
    "approver": approver_turn,
    "asker": asker_turn,
    "crasher": crasher_turn,
    "limited": limited_turn,
}
"""The roles whose turns are a story."""


def turn_of(role: str, seed: int, dice: Dice, prompt: str) -> Turn:
    """What ``role`` does with ``prompt``."""
    if role == DEBATER:
        return debater_turn(seed, dice, prompt)
    return TURNS[role](dice, choose_story(dice, prompt))
