"""The terminal's side of OSC 7501, the Program Status Protocol (draft revisions 0.2 to 0.4).

``ESC ] 7501 ; key=value:key=value ST``: programs report what they do, terminals keep one record
for each id. A report is untrusted text and never authorises anything.

``cost`` and ``tokens`` are ours beside the draft's: what the program has spent in all since it began,
in a currency's units and in tokens. Terminals that do not know them pass over them.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any

from ...base.errors import ValidationFault
from .untrusted import has_control, one_line

MAX_SEQUENCE = 4096
"""Bytes from ESC to ST, both included."""
MAX_RECORDS = 128
_FRAME = len(b"\x1b]7501;\x1b\\")
_MAX_KEY = 16
_MAX_PATH = 128
_MAX_LEVELS = 8
_MAX_ENCODED = {"title": 256, "msg": 2732}
_MAX_DECODED = {"title": 192, "msg": 2048}
_NAME = re.compile(r"[A-Za-z0-9_.+-]{1,32}")
_KEY = re.compile(r"[a-z]+")
_VALUE = re.compile(r"[A-Za-z0-9_.,+/=-]*")
_AMOUNT = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,9})?")
_PERCENT = re.compile(r"[0-9]{1,3}")


class ProgramState(StrEnum):
    """What a program says it is doing; ``clear`` takes records back."""

    IDLE = "idle"
    WORKING = "working"
    DONE = "done"
    BLOCKED = "blocked"
    ERROR = "error"
    CLEAR = "clear"


class BlockedKind(StrEnum):
    """What a blocked program waits for."""

    PERMISSION = "permission"
    QUESTION = "question"
    AUTH = "auth"


_URGENCY = {
    ProgramState.BLOCKED: 4,
    ProgramState.ERROR: 3,
    ProgramState.DONE: 2,
    ProgramState.WORKING: 1,
    ProgramState.IDLE: 0,
}
_KINDS = {kind.value: kind for kind in BlockedKind}
_PASSING = frozenset({ProgramState.WORKING, ProgramState.BLOCKED})
_WITH_PROGRESS = _PASSING


class StatusUnwritable(ValidationFault):
    """A status that the protocol can't express."""

    code = "status_unwritable"


@dataclass(frozen=True, slots=True)
class Report:
    """One report; ``id`` is a path, empty for the root. Texts are clean and on one line."""

    state: ProgramState
    id: str = ""
    kind: BlockedKind | None = None
    progress: int | None = None
    app: str = ""
    title: str = ""
    msg: str = ""
    cost: float | None = None
    tokens: float | None = None


class _Refused(Exception):
    """The whole report is dropped."""


def parse_report(body: bytes) -> Report | None:
    """The report in ``body`` (what stands between ``7501;`` and ST); ``None`` if it is dropped.

    Malformed pairs are skipped, unknown keys ignored, of duplicates the last counts. A broken
    limit, undecodable text or a control character drops the report, as does a missing or unknown
    state.
    """
    if len(body) + _FRAME > MAX_SEQUENCE:
        return None
    try:
        return _report(_pairs(body.decode("ascii", "replace")))
    except _Refused:
        return None


def _pairs(body: str) -> dict[str, str]:
    if has_control(body):
        raise _Refused
    found: dict[str, str] = {}
    for pair in body.split(":"):
        key, equals, value = pair.partition("=")
        if equals and len(key) > _MAX_KEY:
            raise _Refused
        if equals and _KEY.fullmatch(key) and _VALUE.fullmatch(value):
            found[key] = _READERS[key](value) if key in _READERS else value
    return found


def _path(value: str) -> str:
    segments = value.split("/")
    if len(value) > _MAX_PATH or len(segments) > _MAX_LEVELS:
        raise _Refused
    if not all(_NAME.fullmatch(segment) for segment in segments):
        raise _Refused
    return value


def _app(value: str) -> str:
    if len(value) > 32:
        raise _Refused
    return value if _NAME.fullmatch(value) else ""


def _text(field: str) -> Callable[[str], str]:
    def read(value: str) -> str:
        if len(value) > _MAX_ENCODED[field]:
            raise _Refused
        try:
            raw = base64.b64decode(value + "=" * (-len(value) % 4), validate=True)
            text = raw.decode()
        except (binascii.Error, UnicodeDecodeError) as error:
            raise _Refused from error
        if len(raw) > _MAX_DECODED[field] or has_control(text):
            raise _Refused
        return one_line(text, _MAX_DECODED[field])

    return read


_READERS: Mapping[str, Callable[[str], str]] = {
    "id": _path,
    "app": _app,
    "title": _text("title"),
    "msg": _text("msg"),
}


def _report(pairs: dict[str, str]) -> Report:
    try:
        state = ProgramState(pairs.get("state", ""))
    except ValueError as error:
        raise _Refused from error
    return Report(
        state=state,
        id=pairs.get("id", ""),
        kind=_kind(state, pairs.get("kind", "")),
        progress=_progress(state, pairs.get("progress", "")),
        app=pairs.get("app", ""),
        title=pairs.get("title", ""),
        msg=pairs.get("msg", ""),
        cost=_amount(pairs.get("cost", "")),
        tokens=_amount(pairs.get("tokens", "")),
    )


def _amount(value: str) -> float | None:
    return float(value) if _AMOUNT.fullmatch(value) else None


def _kind(state: ProgramState, value: str) -> BlockedKind | None:
    return _KINDS.get(value) if state is ProgramState.BLOCKED else None


def _progress(state: ProgramState, value: str) -> int | None:
    if state not in _WITH_PROGRESS or not _PERCENT.fullmatch(value):
        return None
    return int(value) if int(value) <= 100 else None


class StatusRecords:
    """The records of one terminal, the least recently updated first; at most ``limit``."""

    def __init__(self, limit: int = MAX_RECORDS) -> None:
        self._limit = limit
        self._records: dict[str, Report] = {}

    def __len__(self) -> int:
        return len(self._records)

    def apply(self, report: Report) -> None:
        """Replace the record of the report's id, or remove it and all below for ``clear``."""
        if report.state is ProgramState.CLEAR:
            self._drop(lambda record: _within(record.id, report.id))
            return
        self._records.pop(report.id, None)
        while len(self._records) >= self._limit:
            self._records.pop(next(iter(self._records)))
        self._records[report.id] = report

    def prompt_began(self) -> None:
        """A shell drew its prompt (OSC 133 A): what worked, waited or idled before is over."""
        self._drop(lambda record: record.state in _PASSING or record.state is ProgramState.IDLE)

    def process_exited(self) -> None:
        """The program ended: ``done`` and ``error`` stay, the rest goes."""
        self.prompt_began()

    def reset(self) -> None:
        """A full reset (RIS): nothing stays."""
        self._records.clear()

    def records(self) -> tuple[Report, ...]:
        """Every record, root first, then by id; without ``app`` of its own it has its ancestor's."""
        return tuple(self._inherit(self._records[key]) for key in sorted(self._records))

    def aggregate(self) -> Report | None:
        """The record that asks most of the person: blocked, error, done, working, idle.

        Of equals the one nearest the root, by id.
        """
        records = self.records()
        return max(records, key=lambda record: _URGENCY[record.state], default=None)

    def dump(self) -> list[dict[str, Any]]:
        """The records as plain values, for a snapshot."""
        return [asdict(record) for record in self._records.values()]

    def load(self, records: Iterable[Mapping[str, Any]]) -> None:
        """Replace all records by those of ``dump``.

        :raises ValueError: if a value is none of the protocol's.
        """
        self._records = {}
        for values in records:
            kind = values["kind"]
            report = Report(**values)
            typed = replace(
                report,
                state=ProgramState(report.state),
                kind=None if kind is None else BlockedKind(kind),
            )
            self.apply(typed)

    def _inherit(self, record: Report) -> Report:
        path = record.id
        while path and not record.app:
            path = path.rpartition("/")[0]
            ancestor = self._records.get(path)
            if ancestor is not None and ancestor.app:
                return replace(record, app=ancestor.app)
        return record

    def _drop(self, doomed: Callable[[Report], bool]) -> None:
        self._records = {key: kept for key, kept in self._records.items() if not doomed(kept)}


def _within(path: str, root: str) -> bool:
    return not root or path == root or path.startswith(root + "/")


def format_report(
    state: ProgramState | str,
    *,
    id: str = "",  # noqa: A002 - the protocol's own word
    kind: BlockedKind | str | None = None,
    progress: int | None = None,
    app: str = "",
    title: str = "",
    msg: str = "",
    cost: float | None = None,
    tokens: float | None = None,
) -> bytes:
    """The sequence that reports this status; texts are made one line and cut to their limits.

    :raises StatusUnwritable: if a value is none of the protocol's.
    """
    pairs = {"state": str(state), "id": id, "kind": str(kind or ""), "app": app}
    pairs["progress"] = "" if progress is None else str(progress)
    pairs |= {"cost": _written(cost), "tokens": _written(tokens)}
    pairs |= {key: _encode(text, key) for key, text in (("title", title), ("msg", msg))}
    body = ":".join(f"{key}={value}" for key, value in pairs.items() if value).encode()
    read = parse_report(body)
    for name, wish in (("state", str(state)), ("id", id), ("kind", kind), ("app", app)):
        if read is None or (wish or None) != (getattr(read, name) or None):
            raise _unwritable(name, wish, read)
    if read is not None and progress != read.progress:
        raise _unwritable("progress", progress, read)
    return b"\x1b]7501;" + body + b"\x1b\\"


def _written(amount: float | None) -> str:
    return "" if amount is None else f"{max(amount, 0.0):.9f}".rstrip("0").rstrip(".")


def _unwritable(name: str, wish: object, read: Report | None) -> StatusUnwritable:
    rules = (
        f"states are {', '.join(ProgramState)}; kinds ({', '.join(BlockedKind)}) go with blocked; "
        "progress is 0 to 100 and goes with working or blocked; ids and apps are letters, digits "
        "and _.+- in at most 32 characters, ids up to 8 such parts with / between"
    )
    about = "The status" if read is None else f"{name}={wish!r}"
    return StatusUnwritable(f"{about} can't be reported: {rules}.", field=name)


def _encode(text: str, field: str) -> str:
    limit = _MAX_DECODED[field]
    raw = one_line(text, limit).encode("utf-8", "ignore")[:limit]
    return base64.b64encode(raw.decode("utf-8", "ignore").encode()).decode()
