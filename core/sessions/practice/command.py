"""The command line of the practice crew."""

from __future__ import annotations

import os
import resource
import signal
import sys

from .agent import CRASH_CODE, Agent
from .dice import Dice, Pace
from .line_agents import Flooder, Idler
from .loop import Loop
from .phrases import TRACEBACK
from .program import Program
from .terminal import Terminal
from .turns import DEBATER, TURNS

USAGE = """\
usage: crew.py --role ROLE [--seed N] [--pace fast|person|SECONDS] [--prompt TEXT] [--turns N]
               [--signal] [--rate BYTES] [--once] [--crashes N --tally FILE]

A scripted agent for practice: it runs in a terminal, behaves like a coding agent, touches no file.

  --role ROLE     worker    works on what it is told
                  approver  asks before each command it wants to run
                  asker     asks questions with options
                  debater   proposes, criticises, revises and votes, as its prompt begins; by its
                            seed it minds tests, simplicity, cost or safety; in a terminal it leaves
                            its answer in the file that QUARTERDECK_RESULT names, if one does
                  crasher   works for a while and dies with exit code 3
                  limited   works for a while and has reached its usage limit
                  flooder   writes as fast as the terminal takes it, until a key is pressed
                  idler     waits at a prompt
  --seed N        the same seed, the same texts and decisions (default 0)
  --pace PACE     fast, person, or the seconds that a step takes; without it what the variable
                  QUARTERDECK_PRACTICE_PACE says, else person
  --prompt TEXT   begin with this
  --turns N       begin N turns without being asked (default: 1 for crasher and flooder, else 0)
  --signal        the crasher kills itself by SIGABRT instead
  --once          no terminal: one turn on the prompt (or standard input), told as JSON; at once,
                  unless a pace is said
  --crashes N     die at once the first N times; FILE (--tally) counts them
  --rate BYTES    the flooder's limit in bytes a second; 0 (default) for none
"""
VALUES = ("--role", "--seed", "--pace", "--prompt", "--turns", "--rate", "--crashes", "--tally")
PACE = "QUARTERDECK_PRACTICE_PACE"
SELF_STARTING = ("crasher", "flooder")
USAGE_CODE = 2


class UsageFault(ValueError):
    """The command line can't be understood; the message says where."""


class Options:
    """The command line, read."""

    def __init__(self, arguments: list[str]) -> None:
        self.signal = self.once = False
        values: dict[str, str] = {}
        words = iter(arguments)
        for word in words:
            name, equals, value = word.partition("=")
            if word == "--signal":
                self.signal = True
            elif word == "--once":
                self.once = True
            elif name not in VALUES:
                raise UsageFault(f"{word} is not known")
            else:
                values[name] = value if equals else next(words, "")
        self.role = values.get("--role", "")
        if self.role not in (*TURNS, DEBATER, Flooder.role, Idler.role):
            raise UsageFault(f"there is no role {self.role!r}")
        if self.once and self.role not in (*TURNS, DEBATER):
            raise UsageFault(f"--once is not for the role {self.role}")
        self.seed = whole_number(values, "--seed", 0)
        self.rate = whole_number(values, "--rate", 0)
        self.turns = whole_number(values, "--turns", int(self.role in SELF_STARTING))
        self.pace = wanted_pace(values)
        self.paced = "--pace" in values or bool(os.environ.get(PACE))
        self.prompt = values.get("--prompt")
        self.crashes = whole_number(values, "--crashes", 0)
        self.tally = values.get("--tally", "")
        if self.crashes and not self.tally:
            raise UsageFault("--crashes needs --tally FILE, which counts them")


def whole_number(values: dict[str, str], name: str, default: int) -> int:
    """The whole number, 0 or more, that was given as ``name``."""
    text = values.get(name, str(default))
    if not (text.isascii() and text.isdecimal()):
        raise UsageFault(f"{name} is a whole number, not {text!r}")
    return int(text)


def wanted_pace(values: dict[str, str]) -> str:
    """The pace by ``--pace``, else by the environment, else a person's."""
    name = "--pace" if "--pace" in values else PACE
    text = values.get("--pace", os.environ.get(PACE) or "person")
    try:
        known = text in {"fast", "person"} or 0 <= float(text) < float("inf")
    except ValueError:
        known = False
    if not known:
        raise UsageFault(f"{name} is fast, person or seconds, not {text!r}")
    return text


def pace_of_once(options: Options) -> Pace:
    """The pace of a turn that nobody watches: none, unless one was said."""
    return Pace(options.pace if options.paced else "0", Dice(options.seed))


def place_name() -> str:
    """The working directory as a person writes it."""
    try:
        place = os.getcwd()  # noqa: PTH109 - pathlib would double the start-up time
    except OSError:
        return "a directory that is gone"
    home = os.environ.get("HOME", "")
    return f"~{place[len(home) :]}" if home and f"{place}/".startswith(f"{home}/") else place


def make_agent(options: Options) -> Program:
    """The agent that was asked for."""
    if options.role == Idler.role:
        return Idler(options.seed, place_name())
    if options.role == Flooder.role:
        return Flooder(options.seed, place_name(), options.rate)
    pace = Pace(options.pace, Dice(options.seed))
    return Agent(options.role, options.seed, pace, place_name(), leave_result)


def leave_result(text: str) -> None:
    """Put ``text`` into the file that is asked for by the environment, if one is."""
    place = os.environ.get("QUARTERDECK_RESULT")
    if place:
        with open(place, "w", encoding="utf-8") as file:  # noqa: PTH123 - pathlib would double the start-up time
            file.write(text)


def die() -> None:
    """End by SIGABRT, without a core file."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGABRT, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGABRT)


def crashes_now(options: Options) -> bool:
    """Whether this is one of the first times, at which it is to die; it is counted."""
    try:
        with open(options.tally, encoding="ascii") as file:  # noqa: PTH123 - see place_name
            count = int(file.read() or 0)
    except FileNotFoundError:
        count = 0
    if count >= options.crashes:
        return False
    with open(options.tally, "w", encoding="ascii") as file:  # noqa: PTH123 - see place_name
        file.write(str(count + 1))
    return True


def main(arguments: list[str], terminal: Terminal | None = None) -> int:
    """Run the agent that ``arguments`` describe; its exit code."""
    if "--help" in arguments or "-h" in arguments:
        sys.stdout.write(USAGE)
        return 0
    try:
        options = Options(arguments)
    except UsageFault as fault:
        sys.stderr.write(f"crew.py: {fault}; --help says more\n")
        return USAGE_CODE
    if options.crashes and crashes_now(options):
        sys.stderr.write(f"{TRACEBACK}\n")
        return CRASH_CODE
    if options.once:
        from .once import answer  # costs those with a terminal nothing  # noqa: PLC0415

        return answer(options.role, options.seed, options.prompt, pace_of_once(options))
    terminal = terminal or Terminal()
    if not terminal.usable():
        sys.stderr.write("crew.py: a practice agent needs a terminal\n")
        return USAGE_CODE
    program = make_agent(options)
    program.begin(options.prompt, options.turns)
    code = Loop(program, terminal).run()
    if program.crashed and options.signal:
        die()
    return code
