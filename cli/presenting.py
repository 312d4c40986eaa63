"""Views of the protocol as the command line shows them: the JSON schema, and a person's words.

A session as JSON has every field of ``core.protocol.views.SessionView``; its status stands flat
beside them: ``activity``, ``source``, ``evidence``, ``since``, ``request``, and ``shown``, the word
a person reads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .link import Message
from .printing import age, clean, homely, local_time

_SHOWN = {"turn_done": "done", "errored": "error"}

ENDED = ("exited", "crashed", "lost")


def shown(lifecycle: str, activity: str) -> str:
    """The word a person reads for a session's state, as ``core.protocol.status`` has it."""
    if lifecycle != "running":
        return lifecycle
    return _SHOWN.get(activity, activity.replace("_", " "))


def session_record(view: Message) -> Message:
    """A session's JSON."""
    status = view["status"]
    flat = {key: status.get(key) for key in ("activity", "source", "evidence", "since", "request")}
    kept = {key: value for key, value in view.items() if key != "status"}
    return kept | flat | {"shown": shown(view["lifecycle"], status["activity"])}


def stands_since(record: Message) -> str:
    """When a session's JSON came to the state it is ``shown`` in: its end, or its activity's start."""
    ended = record["ended_at"] if record["lifecycle"] in ENDED else None
    return str(ended or record["since"])


def session_row(record: Message) -> tuple[object, ...]:
    """A session's line in a list; see ``SESSION_HEADS``."""
    word = record["shown"]
    progress = record["progress"]
    if progress is not None and word == "working":
        word += f" {progress}%"
    about = request_text(record) or record["reason"] or record["title"]
    place = homely(record["cwd"])
    return (record["name"], record["agent"], word, age(stands_since(record)), place, about)


SESSION_HEADS = ("name", "agent", "state", "since", "in", "about")
SESSION_SPARE = ("in", "agent", "since")
"""Columns that give way on a narrow terminal."""


def workspace_text(record: Message) -> str:
    """A session's worktree in words; empty if it has none of its own."""
    workspace = record.get("workspace")
    if not workspace:
        return ""
    words = f"{clean(workspace['branch'])} from {clean(workspace['base'])}"
    if workspace["merged_into"]:
        words += f", merged into {clean(workspace['merged_into'])}"
    if workspace["branch_gone"]:
        words += ", deleted"
    if workspace["state"] != "ready":
        words += f" ({workspace['state']})"
    return words


def merge_text(done: Message) -> str:
    """What a merge did."""
    branch, into, commit = clean(done["branch"]), clean(done["into"]), done["commit"][:10]
    words = {
        "up_to_date": f"{into} has all of {branch} already",
        "fast_forward": f"{branch} is merged into {into}, which is at {commit} now (fast-forward)",
        "merged": f"{branch} is merged into {into}, which is at {commit} now",
    }[done["how"]]
    return words + (f"; {branch} is deleted." if done["branch_deleted"] else ".")


def request_text(record: Message) -> str:
    """What a session asks, in its words."""
    request = record["request"]
    return clean(request["text"]) if request else ""


def ending(record: Message) -> str:
    """How a session's process ended, in words; empty if it did not."""
    if record["lifecycle"] not in ENDED:
        return ""
    if record["exit_signal"] is not None:
        return f"signal {record['exit_signal']}"
    return "" if record["exit_code"] is None else f"exit code {record['exit_code']}"


def choices_text(choices: list[Message]) -> str:
    """The choices of a request as one can answer them: key, label, meaning."""
    return "  ".join(
        f"[{choice['key']}] {choice['label']}"
        + (f" ({choice['meaning']})" if choice.get("meaning") else "")
        for choice in choices
    )


WORKFLOW_HEADS = ("name", "status", "tasks", "age", "id", "note")
WORKFLOW_SPARE = ("age", "id")
NAMED = 3
"""So many names at most stand in a note."""
TASK_HEADS = ("task", "status", "attempts", "needs", "note")
VERSION_HEADS = ("version", "at", "what", "status")


CANCELLING = "It is being cancelled"
"""As ``core.protocol.workflow_views`` has it, which a plain command need not load."""


def workflow_word(view: Message) -> str:
    """The word a person reads for a workflow's state."""
    winding = not view["ended_at"] and str(view["error"] or "").startswith(CANCELLING)
    return "cancelling" if winding else str(view["status"])


def workflow_row(view: Message, short: str) -> tuple[object, ...]:
    """A workflow's line in a list; see ``WORKFLOW_HEADS``."""
    waiting = some(view["waiting"])
    note = f"waits for you: {waiting}" if waiting else view["error"] or ""
    word = workflow_word(view)
    return (view["name"], word, tasks_done(view), age(view["created_at"]), short, note)


def some(names: Sequence[str], most: int = NAMED) -> str:
    """The first names, and how many more there are."""
    told = ", ".join(names[:most])
    return f"{told} and {len(names) - most} more" if len(names) > most else told


def tasks_done(view: Message) -> str:
    """How many of a workflow's tasks have ended."""
    counts = view["counts"]
    done = sum(counts.get(one, 0) for one in ("completed", "failed", "skipped", "cancelled"))
    return f"{done}/{sum(counts.values())}"


def task_row(task: Message) -> tuple[object, ...]:
    """A task's line; see ``TASK_HEADS``."""
    note = task["error"] or task["reason"]
    name = f"  {task['id']}" if task["parent"] else task["id"]
    return (name, task["status"], task["attempt"] or "", ", ".join(task["needs"]), note or "")


def version_row(version: Message) -> tuple[object, ...]:
    """A version's line; see ``VERSION_HEADS``."""
    back = f" of version {version['restored_from']}" if version["restored_from"] else ""
    what = version["task_id"] or f"{version['kind']}{back}"
    return (version["version"], local_time(version["at"]), what, version["status"] or "")


def item_record(item: Message, names: Mapping[str, str]) -> Message:
    """An attention item's JSON: as the protocol has it, with ``session`` and ``workflow`` by name."""
    workflow = names.get(item.get("workflow_id") or "", "")
    return {**item, "session": names.get(item["session_id"], ""), "workflow": workflow}


def item_owner(record: Message) -> str:
    """What an item is of: a session, a workflow and its task, or what it is about."""
    task = f" · {record['task_id']}" if record.get("task_id") else ""
    return record["session"] or f"{record['workflow']}{task}" or record.get("about", "")


def item_row(record: Message, short: str) -> tuple[object, ...]:
    """An attention item's line in a list; see ``ITEM_HEADS``."""
    kind = record["kind"].replace("_", " ") + (" (snoozed)" if record.get("snoozed_until") else "")
    return (item_owner(record), kind, age(record["created_at"]), short, record["title"])


ITEM_HEADS = ("of", "kind", "age", "item", "asks")
ITEM_SPARE = ("age", "item")
"""An item is named by the end of its id, as ``naming.find_item`` takes it."""
