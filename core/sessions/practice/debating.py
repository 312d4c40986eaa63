"""What the practice debaters say: proposals, critiques, revisions and votes that follow from the prompt.

Each of them has one concern. A proposal that minds it pleases; one that doesn't is criticised for it. A
revision takes up the first concern that the critiques name and it lacks, so that three debaters agree
in the second round.
"""

from __future__ import annotations

import json

CONCERNS = ("tests", "simplicity", "cost", "safety")
"""By seed, from 1."""
_WAYS = {
    "tests": "begin with a test that shows what is wanted, and let the tests lead",
    "simplicity": "do the least that could work; simplicity first, and nothing that nobody asked for",
    "cost": "look at the cost before anything else, and keep the door open for a way back",
    "safety": "begin with what could go wrong, and put safety above speed",
}
_ROOM = 120
"""Characters of a topic that are repeated."""


def concern_of(seed: int) -> str:
    """What the debater of that seed minds."""
    return CONCERNS[(seed - 1) % len(CONCERNS)]


def answer(seed: int, prompt: str) -> str:
    """The answer to ``prompt``, by its first word: Propose, Criticise, Revise, Sum; or a vote, if it asks for one."""
    mine = concern_of(seed)
    if '"vote"' in prompt:
        return _vote(mine, prompt)
    word = prompt.split(maxsplit=1)[0].lower().rstrip(":,.") if prompt.strip() else ""
    said = _ANSWERS.get(word, _propose)
    return said(mine, prompt)


def _propose(mine: str, prompt: str) -> str:
    return f"“{_topic(prompt)}”: {_WAYS[mine]}."


def _criticise(mine: str, prompt: str) -> str:
    missing = [who for who, text in _speakers(prompt) if mine not in text]
    if not missing:
        return f"Nothing is missing: all of them mind {mine}."
    return f"{' and '.join(missing)}: nothing is said of {mine}."


def _revise(mine: str, prompt: str) -> str:
    yours, _, critiques = prompt.partition("Critiques:")
    own = next((text for who, text in _speakers(yours) if who.lower() == "yours"), "")
    own = own or _propose(mine, prompt)
    wanted = [one for one in CONCERNS if one in critiques and one not in own]
    return f"{own} And mind {wanted[0]}." if wanted else own


def _sum_up(_: str, prompt: str) -> str:
    common = [one for one in CONCERNS if all(one in text for _, text in _speakers(prompt))]
    shared = ", ".join(common) or "nothing yet"
    return f"“{_topic(prompt)}”: what all have in common is {shared}."


def _vote(mine: str, prompt: str) -> str:
    speakers = _speakers(prompt.partition("Vote:")[0])
    missing = [who for who, text in speakers if mine not in text]
    if not speakers:
        told = {"vote": "abstain", "reason": "there is nothing to judge"}
    elif missing:
        told = {"vote": "reject", "reason": f"{missing[0]} does not mind {mine}"}
    else:
        told = {"vote": "approve", "reason": f"all of them mind {mine}"}
    return json.dumps(told)


_ANSWERS = {
    "propose": _propose,
    "criticise": _criticise,
    "revise": _revise,
    "sum": _sum_up,
}


def _topic(prompt: str) -> str:
    """What the first line is about: all behind its colon."""
    line = prompt.strip().split("\n", 1)[0]
    topic = (line.partition(":")[2] or line).strip() or "this"
    return topic if len(topic) <= _ROOM else f"{topic[: _ROOM - 1]}…"


def _speakers(text: str) -> list[tuple[str, str]]:
    """The lines behind the first that are ``NAME: TEXT``."""
    found = []
    for line in text.split("\n")[1:]:
        who, colon, said = line.partition(": ")
        if colon and who.strip() and " " not in who.strip():
            found.append((who.strip(), said.strip()))
    return found
