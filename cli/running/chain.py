"""Follows a chain of payloads to its end, and shows it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime

from ...core.client.client import Client
from ...core.protocol import pipeline_commands as c
from ...core.protocol.attention import AttentionItem
from ...core.protocol.events import AttentionRaised, Event, StateSnapshot
from ...core.protocol.pipeline_events import PayloadChanged
from ...core.protocol.pipeline_views import PayloadDetailView, PayloadStatus, PayloadView
from ..failing import fault
from ..pipeline_rows import value_text
from ..printing import Printer, clean

TOPICS = ("pipeline.payload", "attention.*")
OVER = frozenset(
    {
        PayloadStatus.COMPLETED,
        PayloadStatus.DEAD,
        PayloadStatus.EXPIRED,
        PayloadStatus.CANCELLED,
    }
)
_FAILED = frozenset({PayloadStatus.RETRYING, PayloadStatus.DEAD})
MOST = 10_000
MOST_SHOWN = 200
LONGEST = 120


class Chain:
    """The payloads that follow from one, as they stand."""

    def __init__(self, client: Client, printer: Printer) -> None:
        self._client = client
        self._printer = printer
        self._root = ""
        self._payloads: dict[str, PayloadView] = {}
        self._told: set[str] = set()
        self._stir = asyncio.Event()
        self._lost = False

    @property
    def succeeded(self) -> bool:
        """Whether all of it was completed."""
        return all(one.status is PayloadStatus.COMPLETED for one in self._payloads.values())

    async def watch(self) -> None:
        """Hear of payloads from now on."""
        self._client.on_event = self._take
        self._client.on_closed = self._closed
        await self._client.follow(*TOPICS)

    async def follow(self, root: str) -> None:
        """Show it until all of it has ended.

        :raises CliFault: ``link_closed`` if the engine left.
        """
        self._root = root
        while True:
            self._stir.clear()
            if self._lost:
                raise fault(
                    "link_closed",
                    f"The engine left. See later with: quarterdeck pipeline payloads --chain {root}",
                )
            if all(one.status in OVER for one in self._payloads.values()) and await self._ended():
                return
            await self._stir.wait()

    async def _ended(self) -> bool:
        """Read it anew, since what is told comes a little later; whether all of it has ended."""
        found = await self._client.call(c.ListPayloads(root=self._root, limit=MOST))
        for given in reversed(found["payloads"]):
            self._see(PayloadView.model_validate(given))
        return all(one.status in OVER for one in self._payloads.values())

    def _take(self, event: Event) -> None:
        match event.payload:
            case PayloadChanged(payload=payload) if payload.root == self._root:
                self._see(payload)
            case AttentionRaised(item=item) if item.about or item.session_id:
                self._tell_question(item)
            case StateSnapshot():
                self._payloads.clear()
            case _:
                return
        self._stir.set()

    def _closed(self, _reason: str) -> None:
        self._lost = True
        self._stir.set()

    def _see(self, payload: PayloadView) -> None:
        before = self._payloads.get(payload.id)
        self._payloads[payload.id] = payload
        if before is not None and (before.status, before.attempt) == (
            payload.status,
            payload.attempt,
        ):
            return
        if self._printer.as_json:
            self._printer.record({"kind": "payload", "payload": payload.model_dump(mode="json")})
        else:
            self._printer.line(f"{datetime.now(UTC).astimezone():%H:%M:%S}  {_line(payload)}")

    def _tell_question(self, item: AttentionItem) -> None:
        """A person is asked; where the answer can be given."""
        if item.item_id in self._told or self._printer.as_json or not item.choices:
            return
        self._told.add(item.item_id)
        keys = "|".join(choice.key for choice in item.choices)
        self._printer.line(
            f"{clean(item.title)} Answer with: quarterdeck attention answer {item.item_id[-6:]} {keys}"
        )

    async def show(self) -> None:
        """Show all of it as a tree of causes, with what its handlers gave."""
        details = [await self._detail(one) for one in list(self._payloads)[:MOST_SHOWN]]
        if self._printer.as_json:
            told = [one.model_dump(mode="json") for one in details]
            self._printer.record({"kind": "chain", "ok": self.succeeded, "payloads": told})
            return
        by_id = {one.payload.id: one for one in details}
        root = by_id.get(self._root)
        if root is not None:
            self._printer.line()
            for line in _tree(root, by_id, 0):
                self._printer.line(line)
        left_out = len(self._payloads) - len(details)
        if left_out > 0:
            self._printer.line(f"... and {left_out} more payloads")

    async def _detail(self, payload_id: str) -> PayloadDetailView:
        found = await self._client.call(c.ShowPayload(payload_id=payload_id))
        return PayloadDetailView.model_validate(found["detail"])


def _line(payload: PayloadView) -> str:
    why = f": {payload.error}" if payload.error and payload.status in OVER else ""
    if payload.status is PayloadStatus.RETRYING:
        why = f" (attempt {payload.attempt} of {payload.max_attempts} failed: {payload.error})"
    who = f" ({', '.join(payload.handlers)})" if payload.handlers else ""
    return clean(f"{payload.event} {payload.status}{who}{why}  {payload.summary}".rstrip())


def _tree(
    detail: PayloadDetailView, by_id: dict[str, PayloadDetailView], depth: int
) -> Iterator[str]:
    """The lines of a payload, its runs, and what follows from each."""
    pad, view = "  " * depth, detail.payload
    why = f": {view.error}" if view.error and view.status is not PayloadStatus.COMPLETED else ""
    yield f"{pad}{clean(f'{view.event} {view.status}{why}')}"
    for run in detail.runs:
        gave = value_text(run.result) if run.has_result else (run.error or "")
        short = gave if len(gave) <= LONGEST else f"{gave[: LONGEST - 1]}…"
        agent = f" ({run.agent})" if run.agent else ""
        how = "failed" if run.status in _FAILED else run.status
        yield f"{pad}  {clean(f'{run.handler}{agent} {how}: {short}')}"
        for emitted in run.emitted:
            if emitted in by_id:
                yield from _tree(by_id[emitted], by_id, depth + 2)
    for one in by_id.values():
        cause = one.payload.cause or ""
        if one.payload.above == view.id and cause.startswith("workflow/"):
            _, workflow, task = cause.split("/", 2)
            yield f"{pad}  {clean(f'through task {task} of the workflow {workflow}')}"
            yield from _tree(one, by_id, depth + 2)
