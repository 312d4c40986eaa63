"""One turn without a terminal, told as JSON: the same words for the same role, seed and prompt."""

from __future__ import annotations

import json
import sys
import time
import zlib
from collections.abc import Callable

from .agent import CRASH_CODE
from .dice import Dice, Pace
from .phrases import TRACEBACK
from .spending import Spending
from .turns import NO, Crash, Limit, Permission, Question, Say, Step, Use, turn_of


def answer(role: str, seed: int, prompt: str | None, pace: Pace) -> int:
    """Do what ``prompt`` (or standard input) says in its time, print what came of it; the exit code.

    Nobody is there to ask: what needs a yes is refused, and is listed under ``refused``.
    """
    text = sys.stdin.read() if prompt is None else prompt
    told = make_turn(role, seed, text, lambda: time.sleep(pace.step()))
    if told is None:
        sys.stderr.write(TRACEBACK + "\n")
        return CRASH_CODE
    sys.stdout.write(json.dumps(told) + "\n")
    return 0 if told["ok"] else 1


def _at_once() -> None:
    """A step that takes no time."""


def make_turn(
    role: str, seed: int, prompt: str, rest: Callable[[], None] = _at_once
) -> dict[str, object] | None:
    """What a turn on ``prompt`` gives; None where it crashes. ``rest`` is called after each step."""
    dice = Dice(seed * 1_000_003 + zlib.crc32(prompt.encode("utf-8", "replace")))
    turn = turn_of(role, seed, dice, prompt.strip())
    spending = Spending()
    spending.turn()
    said: list[str] = []
    steps: list[str] = []
    refused: list[str] = []
    reply: str | None = None
    limit = ""
    while True:
        try:
            step: Step = turn.send(reply)
        except StopIteration:
            break
        reply = None
        if isinstance(step, Say):
            said.append(step.text)
            spending.said(step.text)
            rest()
        elif isinstance(step, Use):
            steps.append(step.headline)
            spending.step()
            rest()
        elif isinstance(step, Permission):
            refused.append(step.text)
            reply = NO
        elif isinstance(step, Question):
            refused.append(step.text)
        elif isinstance(step, Limit):
            limit = step.text
        elif isinstance(step, Crash):
            return None
    return {
        "ok": not limit,
        **({"error": limit} if limit else {}),
        "role": role,
        "answer": said[-1] if said else "",
        "steps": steps,
        "refused": refused,
        "usage": {"input_tokens": spending.input, "output_tokens": spending.output},
        "total_cost_usd": spending.cost,
    }
