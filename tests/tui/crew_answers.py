"""What the scripted engine does with each command, and what it answers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import singledispatch
from typing import TYPE_CHECKING, Any

from tests.tui.fleet_answers import flow_answer
from tests.tui.lanes_answers import lane_answer

from quarterdeck.core.protocol import commands as c
from quarterdeck.core.protocol import events as e
from quarterdeck.core.protocol.attention import ItemState
from quarterdeck.core.protocol.screen import Row, row_text
from quarterdeck.core.protocol.status import Activity, Lifecycle

if TYPE_CHECKING:
    from tests.tui.crew import Crew

Result = dict[str, Any]
Do = Callable[["Crew"], "Result | None"]


def execute(crew: Crew, payload: c.Payload) -> Result:
    """Do what ``payload`` says; the reply's result."""
    return (flow_answer(payload) or lane_answer(payload) or _do(payload))(crew) or {}


@singledispatch
def _do(_payload: c.Payload) -> Do:
    return lambda _crew: None


@_do.register(c.CreateSession)
def _(wish: c.CreateSession) -> Do:
    def create(crew: Crew) -> Result:
        session = crew.create(
            wish.name, wish.agent, Activity.WORKING, cwd=wish.cwd or "/", since=0,
            cols=wish.cols, lines=wish.lines,
        )  # fmt: skip
        return {"session": session.model_dump(mode="json")}

    return create


@_do.register(c.DeleteSession)
def _(wish: c.DeleteSession) -> Do:
    return lambda crew: crew.delete(crew.sessions[wish.session_id])


@_do.register(c.StartAgent)
@_do.register(c.RestartAgent)
def _(wish: c.OnSession) -> Do:
    def start(crew: Crew) -> None:
        crew.act(crew.sessions[wish.session_id], Activity.WORKING)

    return start


@_do.register(c.StopAgent)
def _(wish: c.StopAgent) -> Do:
    def stop(crew: Crew) -> None:
        crew.act(crew.sessions[wish.session_id], Activity.UNKNOWN, Lifecycle.EXITED, exit_code=0)

    return stop


@_do.register(c.SetPreference)
def _(wish: c.SetPreference) -> Do:
    def keep(crew: Crew) -> None:
        crew.preferences[wish.key] = wish.value
        crew.tell(e.PreferenceChanged(name=wish.key, value=wish.value))

    return keep


@_do.register(c.Answer)
def _(wish: c.Answer) -> Do:
    def answer(crew: Crew) -> None:
        for item in list(crew.items.values()):
            if item.request_id == wish.request_id:
                crew.close_item(item)

    return answer


@_do.register(c.AnswerItem)
def _(wish: c.AnswerItem) -> Do:
    def answer(crew: Crew) -> None:
        item = crew.items[wish.item_id]
        crew.close_item(item)
        crew.fleet.answered(item)

    return answer


@_do.register(c.ResolveItem)
def _(wish: c.ResolveItem) -> Do:
    return lambda crew: crew.close_item(crew.items[wish.item_id], ItemState.RESOLVED)


@_do.register(c.SnoozeItem)
def _(wish: c.SnoozeItem) -> Do:
    def snooze(crew: Crew) -> None:
        until = crew.now() + timedelta(seconds=wish.seconds) if wish.seconds else None
        crew.update_item(crew.items[wish.item_id], snoozed_until=until)

    return snooze


@_do.register(c.Prompt)
def _(_wish: c.Prompt) -> Do:
    return lambda crew: {"delivery": crew.delivery}


@_do.register(c.ReadScreen)
def _(wish: c.ReadScreen) -> Do:
    def read(crew: Crew) -> Result:
        lines = _lines(crew, wish.session_id)
        start = wish.start or 0
        rows = lines[start : start + (wish.count or len(lines))]
        return {"start": start, "rows": [[list(run) for run in row] for row in rows]}

    return read


@_do.register(c.SearchScreen)
def _(wish: c.SearchScreen) -> Do:
    def search(crew: Crew) -> Result:
        texts = [row_text(row) for row in _lines(crew, wish.session_id)]
        found = [
            {"line": line, "column": text.casefold().find(wish.text.casefold()), "text": text}
            for line, text in enumerate(texts)
            if wish.text.casefold() in text.casefold()
        ]
        return {"matches": found[::-1]}

    return search


@_do.register(c.HealthCheck)
def _(_wish: c.HealthCheck) -> Do:
    return lambda crew: {"health": crew.health.model_dump(mode="json")}


@_do.register(c.ListEvents)
def _(_wish: c.ListEvents) -> Do:
    return lambda crew: {"events": [event.dump() for event in crew.kept_events]}


def _lines(crew: Crew, session_id: str) -> list[Row]:
    """History and screen, oldest first."""
    frame = crew.screens[session_id]
    return [*crew.past[session_id], *(frame.rows.get(y, ()) for y in range(frame.lines))]
