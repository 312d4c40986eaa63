"""What goes over the cluster: plain data, never a callable of a user's.

Leaves and events are turned into lists, texts, numbers and bytes, so that both ends may lie on machines of
different Python versions.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from ....base.priority import Priority
from ..faults import PlaceForeign
from ..ports import Leaf, LeafEnded, LeafEvent, LeafOutput, LeafStarted, Stream

PROTOCOL = 1
"""What engine, scheduler and workers must agree on; any change of what goes between them counts it up."""

NAME = "quarterdeck"
"""Of our plugins on scheduler and workers."""

SCHEME = "dask:"

CORE = f"{Path(__file__).resolve().parents[3]}/"
"""Where our own programs lie."""

MARGIN = 1.0
"""Seconds for signals to arrive, and for processes to go."""


UNMET = "no worker of the cluster offers what it needs"
"""Why an attempt waits that may wait for ever."""


class NotReady(ConnectionError):
    """What is called lacks our plugin: it was started a moment ago, and is connected to again."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What a worker is to hold to, in seconds.

    One that has not reached its scheduler for ``lease`` ends what it runs; so does the keeper of an attempt
    whose worker is gone. Then SIGTERM is followed by SIGKILL after ``grace`` at the latest.
    """

    lease: float = 10.0
    grace: float = 5.0

    @property
    def settle(self) -> float:
        """After how long nothing can run any more on a worker that was lost."""
        return self.lease + self.grace + MARGIN


def place_of(key: str) -> str:
    """The place of an attempt by its identity."""
    return f"{SCHEME}{key}"


def key_of(place: str) -> str:
    """The identity of the attempt at a place.

    :raises PlaceForeign: if it is no place of this back end.
    """
    if not place.startswith(SCHEME):
        raise PlaceForeign(f"{place!r} is no place on a Dask cluster.", place=place)
    return place.removeprefix(SCHEME)


def dask_key(place: str) -> str:
    """The key of an attempt in Dask; one prefix for all, as Dask keeps every prefix for ever."""
    return f"quarterdeck_leaf-{hashlib.sha256(place.encode()).hexdigest()[:32]}"


def dask_priority(priority: Priority) -> int:
    """Our priority as Dask's, where the higher number goes first."""
    return -int(priority)


def portable(word: str) -> str | dict[str, str]:
    """A word of a command; our Python and our own programs by what they are, not by where they lie here."""
    if word == sys.executable:
        return {"ours": "python"}
    if word.startswith(CORE):
        return {"ours": "core", "path": word.removeprefix(CORE)}
    return word


def settled(word: str | Mapping[str, str]) -> str:
    """A word of a command on this machine."""
    if isinstance(word, str):
        return word
    return sys.executable if word["ours"] == "python" else CORE + word["path"]


def pack_leaf(leaf: Leaf, terms: Terms) -> dict[str, Any]:
    """A leaf as data."""
    return {
        "protocol": PROTOCOL,
        "terms": [terms.lease, terms.grace],
        "workflow_id": leaf.workflow_id,
        "task_id": leaf.task_id,
        "attempt": leaf.attempt,
        "epoch": leaf.epoch,
        "command": [portable(word) for word in leaf.command],
        "cwd": leaf.cwd,
        "env": dict(leaf.env),
        "stdin": leaf.stdin,
        "priority": int(leaf.priority),
        "resources": dict(leaf.resources),
        "grace": leaf.grace,
        "log_limit": leaf.log_limit,
    }


def unpack_leaf(order: Mapping[str, Any]) -> Leaf:
    """A leaf from data.

    :raises KeyError, TypeError, ValueError: if it is none.
    """
    return Leaf(
        workflow_id=str(order["workflow_id"]),
        task_id=str(order["task_id"]),
        attempt=int(order["attempt"]),
        epoch=int(order["epoch"]),
        command=tuple(settled(word) for word in order["command"]),
        cwd=str(order["cwd"]),
        env={str(name): str(value) for name, value in order["env"].items()},
        stdin=bytes(order["stdin"]),
        priority=Priority(order["priority"]),
        resources=dict(order["resources"]),
        grace=float(order["grace"]),
        log_limit=int(order["log_limit"]),
    )


def pack_event(event: LeafEvent) -> list[Any]:
    """An event as data."""
    match event:
        case LeafStarted(at, pid, where):
            return ["started", at.isoformat(), pid, where]
        case LeafOutput(stream, offset, data):
            return ["output", stream.value, offset, data]
        case LeafEnded(at, code, signal, error, cancelled):
            return ["ended", at.isoformat(), code, signal, error, cancelled]


def unpack_event(packed: list[Any]) -> LeafEvent:
    """An event from data.

    :raises ValueError: if it is none.
    """
    match packed:
        case ["started", at, pid, where]:
            return LeafStarted(datetime.fromisoformat(at), pid, where)
        case ["output", stream, offset, data]:
            return LeafOutput(Stream(stream), offset, data)
        case ["ended", at, code, signal, error, cancelled]:
            return LeafEnded(datetime.fromisoformat(at), code, signal, error, cancelled)
    raise ValueError(f"{packed[:1]!r} is no event of a leaf")
