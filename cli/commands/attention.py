"""``quarterdeck attention`` and ``quarterdeck next``: what needs a person."""

from __future__ import annotations

from ..durations import seconds
from ..invocation import Invocation
from ..link import Message
from ..naming import find_item, owner_names, short_ids
from ..presenting import ITEM_HEADS, ITEM_SPARE, choices_text, item_record, item_row
from ..printing import age, clean
from .speaking import require_answer

NOTHING = "Nothing needs you."


def list_(invocation: Invocation, *, no_snoozed: bool) -> None:
    """``attention list``."""
    items = invocation.call("attention.list", snoozed=not no_snoozed)["items"]
    names = owner_names(invocation, items)
    records = [item_record(item, names) for item in items]
    short = short_ids([item["item_id"] for item in items])
    rows = (item_row(record, short[record["item_id"]]) for record in records)
    printer = invocation.printer
    printer.show({"items": records}, lambda: printer.table(ITEM_HEADS, rows, NOTHING, ITEM_SPARE))


def next_(invocation: Invocation) -> None:
    """``next``."""
    item = invocation.call("nav.next_actionable").get("item")
    if item is not None:
        item = item_record(item, owner_names(invocation, [item]))
    invocation.printer.show({"item": item}, lambda: _describe(invocation, item))


def _describe(invocation: Invocation, item: Message | None) -> None:
    if item is None:
        invocation.printer.line(NOTHING)
        return
    invocation.printer.fields(
        (
            ("session", item["session"]),
            ("workflow", item["workflow"]),
            ("task", item["task_id"]),
            ("kind", item["kind"].replace("_", " ")),
            ("asks", item["title"]),
            ("text", "" if item["text"] == item["title"] else item["text"]),
            ("choices", choices_text(item["choices"])),
            ("age", age(item["created_at"])),
            ("item", item["item_id"]),
        )
    )


def answer(invocation: Invocation, *, item: str, choice: str | None, text: str | None) -> None:
    """``attention answer``."""
    require_answer(choice, text)
    found = find_item(invocation, item)
    result = invocation.call("attention.answer", item_id=found["item_id"], choice=choice, text=text)
    told = clean(f"Answered: {found['title']}")
    invocation.printer.show(result, lambda: invocation.printer.line(told))


def snooze(invocation: Invocation, *, item: str, for_: str) -> None:
    """``attention snooze``."""
    span = seconds(for_, "--for")
    found = find_item(invocation, item)
    result = invocation.call("attention.snooze", item_id=found["item_id"], seconds=span)
    told = f"Put aside for {for_}." if span else "Back on the queue."
    invocation.printer.show(result, lambda: invocation.printer.line(told))


def resolve(invocation: Invocation, *, item: str) -> None:
    """``attention resolve``."""
    found = find_item(invocation, item)
    result = invocation.call("attention.resolve", item_id=found["item_id"])
    invocation.printer.show(result, lambda: invocation.printer.line("Off the queue."))
