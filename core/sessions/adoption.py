"""Sessions made anew from keepers that live, where the store was lost and knows nothing of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import count

from ..base.clock import Clock
from ..protocol.status import Lifecycle, Status
from .keeper.items import KeeperFacts
from .keeper.places import FoundKeeper
from .records import SessionRecord

FIRST = 1
"""The epoch of the first engine on a store: nothing can have been deleted from it before."""

MOST_ABOUT = 1000
"""Bytes of a text that a keeper is given for its record, which is one block on the disk."""


def about(record: SessionRecord) -> dict[str, str]:
    """What a keeper notes of its session, enough to know it again by."""
    texts = {"name": record.name, "agent": record.agent, "cwd": record.cwd}
    return {key: text for key, text in texts.items() if len(text.encode()) <= MOST_ABOUT}


def epoch_above(epoch: int, found: Iterable[FoundKeeper], records: Iterable[SessionRecord]) -> int:
    """The epoch of an engine to which the store gave ``epoch``, above what its keepers have seen.

    A store that was begun anew counts from 1 again, below its keepers. One that saw a higher
    epoch than is on record here is held by a later engine, and is not outbid.
    """
    seen = {f"{record.id}.{record.generation}": record.epoch for record in records}
    living = [(one.places.key, one.facts.epoch) for one in found if one.lives and one.facts]
    own = [last for key, last in living if epoch == FIRST or seen.get(key) == last]
    return max([epoch, *(last + 1 for last in own)])


def strays(found: Iterable[FoundKeeper], clock: Clock) -> Iterator[SessionRecord]:
    """A record for each living keeper whose place tells which start of a session it is."""
    taken: set[str] = set()
    living = [one for one in found if one.lives and one.facts and one.facts.mode == "pty"]
    for one in living:
        facts = one.facts
        generation = one.places.key.rpartition(".")[2]
        if facts is None or not generation.isdigit():
            continue
        record = _record(facts, int(generation), taken, clock)
        taken.add(record.name)
        yield record


def _record(facts: KeeperFacts, generation: int, taken: set[str], clock: Clock) -> SessionRecord:
    wanted = facts.about.get("name") or "found"
    numbered = (f"{wanted[:44]} {number}" for number in count(2))
    name = wanted if wanted not in taken else next(one for one in numbered if one not in taken)
    return SessionRecord(
        id=facts.session_id,
        name=name,
        agent=facts.about.get("agent", ""),
        cwd=facts.about.get("cwd", "/"),
        created_at=facts.started_at,
        status=Status(since=clock.now(), evidence="found again by its keeper"),
        lifecycle=Lifecycle.RUNNING,
        pid=facts.child_pid,
        keeper_pid=facts.keeper_pid,
        epoch=facts.epoch,
        generation=generation,
        cols=facts.cols,
        lines=facts.rows,
        started_at=facts.started_at,
        version=0,
    )
