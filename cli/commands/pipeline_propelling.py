"""``quarterdeck pipeline propel``: a payload, in the engine that runs or in one of its own."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ...core.base.priority import Priority
from ...core.client.client import Client
from ...core.protocol import pipeline_commands as c
from ...core.protocol.pipeline_views import PipelineView
from ..connector import EngineConnector
from ..exits import DONE, FAILED, INTERRUPTED
from ..failing import fault, near
from ..interruption import cancelled_by
from ..invocation import Invocation
from ..place import absolute, load
from ..running.chain import Chain
from ..running.words import inputs_of

FILES = (".yaml", ".yml", ".json")


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be propelled: into the pipeline of a file, of a name, or of whichever has the event."""

    file: str | None
    name: str | None
    event: str
    data: Any
    priority: Priority | None
    inputs: dict[str, Any]
    agent: str | None
    key: str | None
    deadline: datetime | None
    wait: bool


def propel(
    invocation: Invocation,
    *,
    words: tuple[str, ...],
    data: str | None,
    priority: str | None,
    input: tuple[str, ...],  # noqa: A002  # the option is called so
    agent: str | None,
    key: str | None,
    deadline: int | None,
    wait: bool,
) -> int:
    """``pipeline propel``; exit code 0 if all that was followed was completed."""
    file, name, event = _meant(words)
    until = None if deadline is None else datetime.now(UTC) + timedelta(seconds=deadline)
    inputs = dict(inputs_of(input))
    if inputs and file is None:
        raise fault("usage", "--input is for a pipeline's FILE; load it with its inputs before.")
    wish = Wish(
        file, name, event, _data(data), _priority(priority), inputs, agent, key, until, wait
    )
    return asyncio.run(_Propelling(invocation, wish).run())


def _meant(words: Sequence[str]) -> tuple[str | None, str | None, str]:
    """File, name and event."""
    if len(words) not in {1, 2}:
        raise fault("usage", "Give the event type, and before it the pipeline's FILE or NAME.")
    if len(words) == 1:
        return None, None, words[0]
    first, event = words
    if first.endswith(FILES) or Path(first).is_file():
        return str(absolute(first)), None, event
    return None, first, event


def _data(text: str | None) -> Any:
    """JSON, or text where it is none."""
    if text is None:
        return None
    told = sys.stdin.read() if text == "-" else text
    try:
        return json.loads(told)
    except ValueError:
        if told.lstrip()[:1] in {"{", "["}:
            raise fault("usage", f"--data begins like JSON and is none: {told[:100]}") from None
        return told


def _priority(word: str | None) -> Priority | None:
    if word is None:
        return None
    found = Priority.__members__.get(word.upper())
    if found is None:
        known = [one.lower() for one in Priority.__members__]
        told = f"--priority is one of {', '.join(known)}, not {word}."
        raise fault("usage", told + near(word, known))
    return found


class _Propelling:
    def __init__(self, invocation: Invocation, wish: Wish) -> None:
        self._printer = invocation.printer
        self._wish = wish
        settings = load(invocation.place).settings
        self._connector = EngineConnector(
            settings.state_dir, lambda: settings, reason="its payload was followed to the end"
        )

    async def run(self) -> int:
        client: Client | None = None
        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        with cancelled_by(*numbers) as came:
            try:
                client = Client(await self._connector.connect(), "propel")
                await client.start()
                return await self._propel(client)
            except asyncio.CancelledError:
                if not came:
                    raise
                self._note("It is kept, and goes on with the engine.")
                return INTERRUPTED if came[0] == signal.SIGINT else 128 + came[0]
            finally:
                if client is not None:
                    await client.close()
                await self._connector.release()

    async def _propel(self, client: Client) -> int:
        follows = self._wish.wait or self._connector.hosting
        chain = Chain(client, self._printer)
        if follows:
            await chain.watch()
        name, fresh = await self._pipeline(client)
        wish = self._wish
        told = c.PropelPayload(
            name=name,
            event=wish.event,
            data=wish.data,
            priority=wish.priority,
            deadline=wish.deadline,
            routing_key=wish.key,
            agent_affinity=wish.agent,
        )
        found = await client.call(told)
        payload = found["payload"]
        if not follows:
            line = f"{name}.{wish.event} {payload['id']} is {payload['status']}."
            self._printer.show(found, lambda: self._printer.line(line))
            return DONE
        await chain.follow(payload["id"])
        await chain.show()
        if fresh and self._connector.hosting and chain.succeeded:
            await client.call(c.UnloadPipeline(name=name))  # nobody asked for it to stay
        return DONE if chain.succeeded else FAILED

    async def _pipeline(self, client: Client) -> tuple[str, bool]:
        """The name of the pipeline that is meant, and whether it was loaded for this."""
        wish = self._wish
        if wish.name is not None:
            return wish.name, False
        found = await client.call(c.ListPipelines())
        views = [PipelineView.model_validate(one) for one in found["pipelines"]]
        if wish.file is None:
            return _of_event(views, wish.event), False
        for view in views:
            if view.file == wish.file and not wish.inputs and view.error is None:
                return view.name, False
        cwd = os.path.dirname(wish.file)  # noqa: PTH120  # text is what crosses the boundary
        made = await client.call(c.LoadPipeline(file=wish.file, inputs=wish.inputs, cwd=cwd))
        return str(made["pipeline"]["name"]), all(view.file != wish.file for view in views)

    def _note(self, text: str) -> None:
        if self._printer.as_json:
            self._printer.record({"kind": "note", "text": text})
        else:
            self._printer.line(text)


def _of_event(views: Sequence[PipelineView], event: str) -> str:
    """The one pipeline that has the event type.

    :raises CliFault: ``usage`` if none has, or several have.
    """
    having = [one.name for one in views if any(lane.event == event for lane in one.lanes)]
    if len(having) == 1:
        return having[0]
    if having:
        told = f"{', '.join(having)} have an event {event}; say which: propel NAME {event}"
    else:
        every = [lane.event for one in views for lane in one.lanes]
        told = f"No loaded pipeline has an event {event}.{near(event, every)} Load its file first, "
        told += f"or give it: propel FILE {event}"
    raise fault("usage", told)
