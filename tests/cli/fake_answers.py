"""What the fake engine answers to commands."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from tests.cli.fake_views import SINCE

from quarterdeck.core.protocol import commands as c
from quarterdeck.core.protocol.attention import ItemState
from quarterdeck.core.protocol.preferences import check_preference
from quarterdeck.core.protocol.status import Activity, Lifecycle, Source, Status
from quarterdeck.core.protocol.topics import covers
from quarterdeck.core.protocol.validation import CommandFault
from quarterdeck.core.protocol.views import (
    AgentView,
    Check,
    HealthView,
    SessionView,
)
from quarterdeck.core.sessions.status.claims import Verdict
from quarterdeck.core.sessions.status.explain import Explanation, Reading

if TYPE_CHECKING:
    from tests.cli.fake_engine import FakeEngine


def explanation(status: Status) -> Explanation:
    """A status that a title rule gave, against what the screen says."""
    rest = {"activity": status.activity, "evidence": status.evidence, "since": status.since}
    title = Reading(
        source=Source.TITLE, verdict=Verdict.WINS, rule="busy", origin="claude.toml:3", **rest
    )
    screen = Reading(
        source=Source.SCREEN,
        activity=Activity.IDLE,
        evidence="> ",
        since=status.since,
        verdict=Verdict.OUTRANKED,
        why="the title goes before it",
    )
    return Explanation(status=status, readings=(title, screen), note="it has just begun")


@dataclass
class Answers:
    """The fake engine's own handlers."""

    engine: FakeEngine

    def to(self, payload: c.Payload) -> dict[str, Any]:
        """The result of a command."""
        found: dict[str, Any] = getattr(self, payload.type.replace(".", "_"))(payload)
        return found

    def _session(self, session_id: str) -> dict[str, Any]:
        return {"session": self.engine.sessions[session_id].model_dump(mode="json")}

    def session_list(self, wish: c.ListSessions) -> dict[str, Any]:
        views = [view for view in self.engine.sessions.values() if _passes(view, wish)]
        return {"sessions": [view.model_dump(mode="json") for view in views]}

    def session_create(self, wish: c.CreateSession) -> dict[str, Any]:
        state = Lifecycle.RUNNING if wish.start else Lifecycle.CREATED
        view = self.engine.add(wish.name, agent=wish.agent, cwd=wish.cwd, lifecycle=state)
        return self._session(view.id)

    def session_update(self, wish: c.UpdateSession) -> dict[str, Any]:
        view = self.engine.sessions[wish.session_id]
        changes = {"name": wish.updates.name}
        self.engine.sessions[view.id] = view.model_copy(update=changes)
        return self._session(view.id)

    def session_delete(self, wish: c.DeleteSession) -> dict[str, Any]:
        view = self.engine.sessions[wish.session_id]
        if view.living and not wish.force:
            raise CommandFault("session_living", f"{view.name} is running; stop it first.")
        del self.engine.sessions[view.id]
        return {}

    def agent_start(self, wish: c.StartAgent) -> dict[str, Any]:
        return self._move(wish.session_id, lifecycle=Lifecycle.RUNNING)

    def agent_stop(self, wish: c.StopAgent) -> dict[str, Any]:
        return self._move(wish.session_id, lifecycle=Lifecycle.EXITED, exit_signal=15)

    def agent_restart(self, wish: c.RestartAgent) -> dict[str, Any]:
        return self._move(wish.session_id, lifecycle=Lifecycle.RUNNING)

    def _move(self, session_id: str, **changes: Any) -> dict[str, Any]:
        view = self.engine.sessions[session_id]
        self.engine.sessions[session_id] = view.model_copy(update=changes)
        return self._session(session_id)

    def session_prompt(self, wish: c.Prompt) -> dict[str, Any]:
        return {"delivery": "verified" if wish.verify else "unverified"}

    def session_keys(self, _wish: c.SendKeys) -> dict[str, Any]:
        return {}

    def session_answer(self, wish: c.Answer) -> dict[str, Any]:
        return {"answer": wish.choice or wish.text}

    def session_screen(self, wish: c.ReadScreen) -> dict[str, Any]:
        start = 50 if wish.start is None else wish.start
        count = 3 if wish.count is None else wish.count
        text = [f"line {number}" if number < 52 else "" for number in range(start, start + count)]
        return {
            "session_id": wish.session_id,
            "cols": 120,
            "lines": 3,
            "history": 50,
            "start": start,
            "rows": [[[line, 2, 0x1000000 | 0x102030, 1]] for line in text if line]
            if wish.styled
            else None,
            "text": None if wish.styled else text,
            "cursor": {"x": 0, "y": 2},
            "title": "shop",
        }

    def session_search(self, wish: c.SearchScreen) -> dict[str, Any]:
        match = {"line": 7, "column": 2, "cells": len(wish.text), "text": f"a {wish.text}"}
        return {"session_id": wish.session_id, "matches": [match] if wish.ignore_case else []}

    def session_logs(self, wish: c.ReadLog) -> dict[str, Any]:
        text = "\x1b[1mpast\x1b[0m\r\n" if wish.raw else "past\n"
        return {"session_id": wish.session_id, "text": text}

    def session_explain(self, wish: c.ExplainSession) -> dict[str, Any]:
        view = self.engine.sessions[wish.session_id]
        return {
            "session_id": view.id,
            "name": view.name,
            "lifecycle": view.lifecycle,
            "status": view.status.model_dump(mode="json"),
            "explanation": explanation(view.status).model_dump(mode="json"),
        }

    def session_history(self, wish: c.SessionHistory) -> dict[str, Any]:
        entry = {
            "at": SINCE.isoformat(),
            "lifecycle": "running",
            "activity": "working",
            "source": "screen",
            "evidence": "spinner",
        }
        return {"session_id": wish.session_id, "entries": [entry] * min(wish.limit, 2)}

    def attention_list(self, wish: c.ListAttention) -> dict[str, Any]:
        items = [one for one in self.engine.items.values() if wish.snoozed or not one.snoozed_until]
        return {"items": [item.model_dump(mode="json") for item in items]}

    def nav_next_actionable(self, _wish: c.NextActionable) -> dict[str, Any]:
        item = next(iter(self.engine.items.values()), None)
        return {"item": None if item is None else item.model_dump(mode="json")}

    def attention_answer(self, wish: c.AnswerItem) -> dict[str, Any]:
        self._close(wish.item_id, ItemState.ANSWERED)
        return {"answer": wish.choice or wish.text}

    def attention_snooze(self, wish: c.SnoozeItem) -> dict[str, Any]:
        item = self.engine.items[wish.item_id]
        until = datetime.now(UTC) + timedelta(seconds=wish.seconds) if wish.seconds else None
        new = item.model_copy(update={"snoozed_until": until})
        self.engine.items[wish.item_id] = new
        return {"item": new.model_dump(mode="json")}

    def attention_resolve(self, wish: c.ResolveItem) -> dict[str, Any]:
        return self._close(wish.item_id, ItemState.RESOLVED)

    def _close(self, item_id: str, state: ItemState) -> dict[str, Any]:
        item = self.engine.items.pop(item_id).model_copy(update={"state": state})
        return {"item": item.model_dump(mode="json")}

    def agent_list(self, _wish: c.ListAgents) -> dict[str, Any]:
        agents = (
            AgentView(name="claude", title="Claude Code", command=("claude",), has_rules=True,
                      path="/usr/bin/claude"),
            AgentView(name="codex", title="Codex", command=("codex",), found=False),
        )  # fmt: skip
        return {"agents": [agent.model_dump(mode="json") for agent in agents]}

    def events_list(self, wish: c.ListEvents) -> dict[str, Any]:
        events = [one for one in self.engine.kept if one.metadata.sequence > (wish.after or 0)]
        if wish.topic:
            events = [one for one in events if covers(wish.topic, one.topic, one.type)]
        if wish.session_id:
            events = [one for one in events if one.metadata.session_id == wish.session_id]
        return {"events": [event.dump() for event in events[-wish.limit :]]}

    def system_health(self, _wish: c.HealthCheck) -> dict[str, Any]:
        found = HealthView(
            status=self.engine.health,
            active_sessions=len(self.engine.sessions),
            rate_limiters=1,
            worker_count=3,
            max_sessions=10,
            uptime_seconds=12.5,
            checks=(Check(name="store", status=self.engine.health, message="writes"),),
            terminal_backend="rust",
        )
        return {"health": found.model_dump(mode="json")}

    def system_shutdown(self, _wish: c.Shutdown) -> dict[str, Any]:
        self.engine.later(self.engine._leave("shutdown"))
        return {"stopping": True}

    def ui_preferences(self, _wish: c.GetPreferences) -> dict[str, Any]:
        return {"preferences": dict(self.engine.preferences)}

    def ui_set_preference(self, wish: c.SetPreference) -> dict[str, Any]:
        self.engine.preferences[wish.key] = check_preference(wish.key, wish.value)
        return {"key": wish.key, "value": self.engine.preferences[wish.key]}


def _passes(view: SessionView, wish: c.ListSessions) -> bool:
    checks = (
        wish.agent in {None, view.agent},
        wish.lifecycle in {None, view.lifecycle},
        wish.activity in {None, view.status.activity},
        wish.text is None or wish.text in view.name,
        wish.needs_attention in {None, view.status.request is not None},
    )
    return all(checks)
