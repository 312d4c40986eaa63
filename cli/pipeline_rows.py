"""Pipelines and payloads as the command line shows them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .failing import fault
from .invocation import Invocation
from .link import Message
from .naming import LEAST_PREFIX
from .printing import age, clean

MOST_LISTED = 10_000
PIPELINE_HEADS = ("name", "waiting", "running", "completed", "failed", "dead", "note")
LANE_HEADS = ("event", "waiting", "running", "retrying", "completed", "failed", "expired", "dead")
HANDLER_HEADS = (
    "handler",
    "of",
    "kind",
    "running",
    "waiting",
    "succeeded",
    "failed",
    "seconds",
    "note",
)
PAYLOAD_HEADS = ("event", "status", "try", "age", "payload", "data", "note")
PAYLOAD_SPARE = ("age", "try", "payload")


def pipeline_row(view: Message) -> tuple[object, ...]:
    """A pipeline's line; see ``PIPELINE_HEADS``."""
    lanes = view["lanes"]
    sums = [sum(lane[key] for lane in lanes) for key in ("running", "completed", "failed", "dead")]
    note = view["error"] or ("paused" if view["paused"] else view["description"])
    return (view["name"], sum(map(_waiting, lanes)), *sums, note)


def _waiting(lane: Message) -> int:
    return sum(lane["depths"].values())


def lane_row(lane: Message) -> tuple[object, ...]:
    """A lane's line; see ``LANE_HEADS``."""
    counts = (lane[key] for key in LANE_HEADS[2:])
    return (lane["event"], _waiting(lane), *counts)


def handler_row(view: Message) -> tuple[object, ...]:
    """A handler's line; see ``HANDLER_HEADS``."""
    agents = f" ({', '.join(view['agents'])})" if view["agents"] else ""
    seconds = "" if view["average_seconds"] is None else f"{view['average_seconds']:.1f}"
    counts = (view[key] for key in ("running", "waiting", "succeeded", "failed"))
    kind = f"{view['kind']}{agents}"
    return (view["name"], view["event"], kind, *counts, seconds, view["last_error"] or "")


def payload_row(view: Message, short: str) -> tuple[object, ...]:
    """A payload's line; see ``PAYLOAD_HEADS``."""
    note = ": ".join(filter(None, (view["reason"], view["error"])))
    note = note or ", ".join(view["handlers"])
    tries = f"{view['attempt']}/{view['max_attempts']}" if view["max_attempts"] > 1 else ""
    return (
        f"{view['pipeline']}.{view['event']}",
        view["status"],
        tries,
        age(view["created_at"]),
        short,
        view["summary"],
        note,
    )


def find_payload(invocation: Invocation, text: str) -> str:
    """The id of the payload whose id is, begins or ends so.

    :raises CliFault: ``payload_unknown``, ``ambiguous_payload``.
    """
    wanted = text.upper()
    ids = [one["id"] for one in _all(invocation)]
    if wanted in ids:
        return wanted
    found = [one for one in ids if one.startswith(wanted) or one.endswith(wanted)]
    if len(wanted) < LEAST_PREFIX or not found:
        raise fault(
            "payload_unknown",
            f"No payload's id begins or ends with {text}. See them with: quarterdeck pipeline payloads",
        )
    if len(found) > 1:
        some = ", ".join(found[:10])
        raise fault("ambiguous_payload", f"{text} may be any of: {some}. Give more of the id.")
    return str(found[0])


def _all(invocation: Invocation) -> Sequence[Message]:
    found: Sequence[Message] = invocation.call("pipeline.payloads", limit=MOST_LISTED)["payloads"]
    return found


def value_text(value: Any) -> str:
    """A value in one line, for people."""
    return clean(value if isinstance(value, str) else _json(value))


def _json(value: Any) -> str:
    # Start-up time: most commands print no value.
    import json  # noqa: PLC0415

    return json.dumps(value, ensure_ascii=False)
