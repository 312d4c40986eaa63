"""Votes of agents: what they are told, and what their answers mean."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

CHOICES = ("approve", "reject", "abstain")
OUTCOMES = ("achieved", "not_achieved", "timeout", "insufficient_voters")
LONGEST_REASON = 2000
MOST_TRIED = 100

_FORM = (
    'Answer with one JSON object alone: {"vote": "approve", "reason": "why, in a sentence"}. '
    "The vote is approve, reject or abstain."
)
_DECODER = json.JSONDecoder(strict=False)
_FIRST_WORD = re.compile(r"\W*(\w+)")


@dataclass(frozen=True, slots=True)
class Ballot:
    """One voter's vote: ``approve``, ``reject`` or ``abstain``."""

    voter: str
    choice: str
    reason: str = ""


def told_to_vote(question: str, prompt: str | None) -> str:
    """What an agent that has a vote is told."""
    return "\n\n".join(filter(None, (prompt, f"Vote: {question}", _FORM)))


def ballot_of(voter: str, answer: Any) -> Ballot:
    """What an agent's answer means; one that says no vote abstains, and its text is the reason.

    The answer is a mapping with ``vote`` and ``reason``, text that holds such a JSON object, or text whose
    first word is the vote.
    """
    found = answer if isinstance(answer, Mapping) else _object_in(str(answer))
    if found is not None:
        choice = str(found.get("vote", "")).strip().lower()
        reason = str(found.get("reason") or "")[:LONGEST_REASON]
        return Ballot(voter, choice if choice in CHOICES else "abstain", reason)
    text = str(answer).strip()
    word = _FIRST_WORD.match(text)
    choice = word[1].lower() if word else ""
    return Ballot(voter, choice if choice in CHOICES else "abstain", text[:LONGEST_REASON])


def _object_in(text: str) -> Mapping[str, Any] | None:
    """The last object with a vote in ``text``."""
    starts = [found.start() for found in re.finditer(r"\{", text)]
    for start in starts[: -MOST_TRIED - 1 : -1]:
        try:
            found, _ = _DECODER.raw_decode(text, start)
        except (ValueError, RecursionError):
            continue
        if isinstance(found, dict) and "vote" in found:
            return found
    return None


def ballots(answers: Sequence[Mapping[str, Any]]) -> list[Ballot]:
    """The votes in a list of ``{"agent", "result"}``; an agent that gave nothing has not voted."""
    return [
        ballot_of(str(one["agent"]), one["result"]) for one in answers if one["result"] is not None
    ]


def vote_result(question: str, cast: Iterable[Ballot], outcome: str) -> dict[str, Any]:
    """The result of a handler that lets its agents vote; ``outcome`` is one of ``OUTCOMES``."""
    votes = list(cast)
    counts = {choice: sum(one.choice == choice for one in votes) for choice in CHOICES}
    return {
        "outcome": outcome,
        "achieved": outcome == "achieved",
        "question": question,
        **counts,
        "votes": [{"voter": one.voter, "vote": one.choice, "reason": one.reason} for one in votes],
    }
