"""The palette: every action, session and theme by name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from ..bridge import Bridge
from ..keys.actions import ACTIONS, Context
from ..model.flow.words import flow_word
from ..model.words import clean, short_status
from .finder import Entry, FinderDialog

NOT_NAMED = frozenset(("ui.palette", "session.leave"))


def entries(bridge: Bridge, contexts: Sequence[Context], themes: Sequence[str]) -> Iterator[Entry]:
    """Everything that can be done by name, where the person is."""
    yield from _sessions(bridge)
    yield from _flows(bridge)
    yield from _pipelines(bridge)
    for name, action in ACTIONS.items():
        if action.context in contexts and name not in NOT_NAMED:
            key = bridge.keymap.label(name)
            run = partial(bridge.host.perform, name)
            yield Entry(action.title, key, "ACTIONS", name, run)
    for theme in themes:
        words = "now" if theme == bridge.preferences["theme"] else ""
        run = partial(bridge.prefer, "theme", theme)
        yield Entry(f"Theme: {theme}", words, "THEMES", "color colour", run)


def _sessions(bridge: Bridge) -> Iterator[Entry]:
    for session in bridge.view.sessions.values():
        words = f"go to session {session.agent} {session.repo}"
        run = partial(_go_to, bridge, session.id)
        yield Entry(f"Go to {clean(session.name)}", short_status(session), "SESSIONS", words, run)


def _flows(bridge: Bridge) -> Iterator[Entry]:
    for flow in bridge.view.workflows.values():
        run = partial(bridge.host.show_flow, flow.id)
        words = f"go to workflow {flow.file} {flow.id}"
        yield Entry(f"Go to {clean(flow.name)}", flow_word(flow), "WORKFLOWS", words, run)


def _pipelines(bridge: Bridge) -> Iterator[Entry]:
    for name, pipeline in bridge.view.pipelines.items():
        run = partial(bridge.host.show_pipelines, f"pipeline/{name}/")
        state = "paused" if pipeline.paused else ""
        words = f"go to pipeline {pipeline.file}"
        yield Entry(f"Go to {clean(name)}", state, "PIPELINES", words, run)


def _go_to(bridge: Bridge, session_id: str) -> None:
    bridge.deck.select_session(session_id, jump=True)
    bridge.host.perform("screen.deck")
    bridge.moved()


class PaletteDialog(FinderDialog):
    """Find it, press enter."""

    def __init__(self, bridge: Bridge, contexts: Sequence[Context], *, text: str = "") -> None:
        super().__init__(bridge, "Palette", kind="palette", text=text)
        self._contexts = contexts

    def all_entries(self) -> Sequence[Entry]:
        """Sessions first, then actions, then themes."""
        themes = sorted(self.app.available_themes)
        return list(entries(self.bridge, self._contexts, themes))
