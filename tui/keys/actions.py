"""Every named action: what it does, where it works, and its keys in each preset."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Context(StrEnum):
    """Where an action's keys work.

    ``BOARD`` is every screen but the log. ``SHUT_DOWN``, ``SELECTION`` (some text is selected), ``HISTORY`` (the
    focused session is scrolled back, or something was searched), ``GRAPH``, ``VERSIONS``, ``ITEM`` and ``VOTE`` lie over
    the screen's own context and win while they last. In ``ENTERED`` all other keys go to the session.
    """

    APP = "everywhere"
    BOARD = "everywhere but the log"
    DECK = "deck"
    FLOWS = "workflows"
    PIPELINES = "pipelines"
    CREW = "crew"
    GRAPH = "in a graph"
    VERSIONS = "in a history"
    ITEM = "an item that is of no session"
    VOTE = "a proposal under vote"
    LOG = "log"
    HISTORY = "scrolled back"
    SELECTION = "text selected"
    ENTERED = "typing into a session"
    SHUT_DOWN = "the engine was shut down"


@dataclass(frozen=True, slots=True)
class Action:
    """One named action; ``hint`` is its short word in the line of keys."""

    name: str
    keys: str
    hint: str
    title: str
    context: Context = Context.APP


_APP = (
    Action("ui.help", "?", "help", "Show every key, with search"),
    Action("ui.palette", ":", "palette", "Find an action, a session or a theme by name"),
    Action("ui.preferences", "comma", "settings", "Show and change the preferences"),
    Action("screen.deck", "1", "deck", "Show the deck: sessions and what needs you"),
    Action("screen.flows", "2", "workflows", "Show the workflows"),
    Action("screen.pipelines", "3", "pipelines", "Show the pipelines: lanes, handlers, payloads"),
    Action("screen.crew", "4", "crew", "Show the crew: load, limits, locks, votes, safety"),
    Action("screen.log", "5", "log", "Show the log: every event, and the engine's health"),
    Action("link.reconnect", "ctrl+r", "reconnect", "Try to reach the engine now"),
    Action("app.quit", "q,ctrl+c", "quit", "Leave the dashboard; agents go on unless told"),
    Action("nav.down", "j,down", "down", "Move down"),
    Action("nav.up", "k,up", "up", "Move up"),
    Action("nav.page_down", "pagedown", "page down", "Move down a page"),
    Action("nav.page_up", "pageup", "page up", "Move up a page"),
    Action("nav.first", "g,home", "first", "Move to the first line"),
    Action("nav.last", "G,end", "last", "Move to the last line"),
    Action("nav.panel", "tab", "panel", "Go to the next panel"),
    Action("nav.panel_back", "shift+tab", "panel", "Go to the panel before"),
)

_BOARD = (
    Action("nav.next_actionable", "n", "next", "Go to the next item that needs you"),
    Action("nav.previous_actionable", "N", "previous", "Go to the item before"),
    Action("answer.allow_once", "y", "allow once", "Answer the request: allow once"),
    Action("answer.allow_always", "A", "always", "Answer the request: allow always"),
    Action("answer.reject", "x", "reject", "Answer the request: reject"),
    Action("attention.peek", "space", "peek", "Look at the item and answer it"),
    Action("attention.snooze", "z", "snooze", "Put the item aside for ten minutes, or back"),
    Action("attention.resolve", "X", "take off", "Take the item off the queue, unanswered"),
    Action("ui.filter", "/", "filter", "Filter the list, or search what is shown"),
    Action("ui.toggle_minimal", "m", "minimal", "One row for each, and only the focused panel"),
    Action("ui.narrower", "<", "narrower", "Make the left column narrower"),
    Action("ui.wider", ">", "wider", "Make the left column wider"),
)

_DECK = (
    Action("nav.back", "b", "back", "Go back to the session you were at before"),
    Action("session.enter", "enter", "type", "Type into the session: all keys go to it"),
    Action("session.prompt", "i", "prompt", "Write a prompt and submit it"),
    Action("session.create", "c", "create", "Create a session"),
    Action("agent.start", "s", "start", "Start the session"),
    Action("agent.resume", "R", "resume", "Start it again where its conversation ended"),
    Action("agent.stop", "S", "stop", "Stop the session's processes"),
    Action("agent.restart", "r", "restart", "Stop the session and start it anew"),
    Action("session.delete", "D", "delete", "Remove the session"),
    Action("session.fit", "f", "fit", "Give the session's terminal the size of its panel"),
    Action("ui.toggle_idle", "o", "fold idle", "Fold idle and done sessions into one line, or not"),
    Action("history.up", "shift+pageup,[", "scroll back", "Scroll back in the session's output"),
    Action("history.down", "shift+pagedown,]", "scroll on", "Scroll on towards the present"),
    Action("search.open", "ctrl+f", "search", "Search the session's output"),
)

_FLOWS = (
    Action("flow.open", "enter", "open", "Open the workflow, the task, or what a version changed"),
    Action("flow.close", "escape", "back", "Go back: to the workflow, then to the list"),
    Action("flow.graph", "6", "graph", "Show the graph of the workflow"),
    Action("flow.gantt", "7", "gantt", "Show the attempts along the time"),
    Action("flow.tasks", "8", "tasks", "Show the tasks as a table"),
    Action("flow.history", "9", "history", "Show the versions of the workflow"),
    Action("flow.alone", "v", "alone", "Show the workflow alone, or the list beside it"),
    Action("flow.next_failed", "f", "failed", "Go to the next task that failed"),
    Action("flow.previous_failed", "F", "failed before", "Go to the failed task before"),
    Action(
        "flow.fold", "o", "fold", "Unfold or fold tasks side by side; in the list, those that ended"
    ),
    Action("flow.go", "d", "go there", "Go to the session, workflow or payload of the task"),
    Action("flow.attempt", "a", "attempt", "Show the log of the attempt before"),
    Action("flow.run", "c", "run a file", "Run a workflow file"),
    Action("flow.start", "s", "start", "Start the workflow, or go on with it"),
    Action("flow.pause", "p", "pause", "Pause: what runs may end, nothing else begins"),
    Action("flow.interrupt", "P", "interrupt", "Pause, and end what runs at once"),
    Action("flow.resume", "R", "resume", "Go on with exactly what is left"),
    Action("flow.cancel", "S", "cancel", "Cancel the workflow: stop what runs, and end"),
    Action("flow.retry", "r", "retry", "Begin anew from what failed or was cancelled"),
    Action("flow.rerun", "t", "from here", "Begin anew from this task, with all behind it"),
    Action("flow.signal", "i", "signal", "Tell the workflow that something happened"),
    Action("flow.delete", "D", "delete", "Remove the workflow with its history"),
    Action("flow.schedules", "w", "schedules", "Show what is started by the clock"),
)

_PIPELINES = (
    Action("pipeline.open", "enter", "open", "Open the lane, the payload, or what a line leads to"),
    Action("pipeline.close", "escape", "back", "Go back: to the payloads, then to the lanes"),
    Action("pipeline.payloads", "6", "payloads", "Show the payloads of the lane"),
    Action("pipeline.handlers", "7", "handlers", "Show the handlers and triggers of the pipeline"),
    Action("pipeline.go", "d", "go there", "Go to the workflow or the session behind the payload"),
    Action("pipeline.load", "c", "load a file", "Load a pipeline from a file"),
    Action("pipeline.propel", "i", "propel", "Put a payload into the lane"),
    Action(
        "pipeline.pause", "p", "pause", "Pause the pipeline: what runs ends, nothing else begins"
    ),
    Action("pipeline.resume", "R", "resume", "Go on with what waits"),
    Action(
        "pipeline.retry", "r", "retry now", "Try the payload now that waits for its next attempt"
    ),
    Action("pipeline.replay", "t", "replay", "Submit the dead payload anew"),
    Action("pipeline.discard", "D", "discard", "Remove the dead payload"),
    Action("pipeline.cancel", "S", "cancel", "End the payload that waits or runs"),
    Action("pipeline.unload", "U", "unload", "Forget the pipeline"),
)

_CREW = (
    Action("crew.agents", "6", "agents", "Show the agents with their load, and shared limits"),
    Action("crew.work", "7", "work", "Show what waits for a place and why, and what runs"),
    Action("crew.limits", "8", "limits", "Show budgets, circuit breakers and rate limits"),
    Action("crew.locks", "9", "locks, votes", "Show locks, sagas and proposals"),
    Action("crew.safety", "0", "safety", "Show the halt, the rules and what broke them"),
    Action("crew.go", "enter", "go there", "Go to the workflow or the payload of the line"),
    Action("crew.grant", "a", "grant more", "Allow more of the budget"),
    Action("crew.reset_breaker", "r", "reset breaker", "Close the circuit breaker now"),
    Action("crew.release_lock", "D", "take the lock", "Take the lock from its holder"),
    Action("crew.resume_saga", "u", "undo again", "Try again what the saga could not undo"),
    Action("crew.halt", "H", "halt", "Halt: nothing is dispatched until it is reset"),
    Action("crew.reset_halt", "R", "end the halt", "Go on after a halt"),
)

_LOG = (
    Action("log.filter", "/", "filter", "Filter the events", Context.LOG),
    Action("log.follow", "f", "follow", "Follow the newest event, or hold still", Context.LOG),
    Action("log.go", "enter", "go to session", "Go to the session of the event", Context.LOG),
)

_OVER = (
    Action("flow.left", "left,h", "left", "Go to the box at the left", Context.GRAPH),
    Action("flow.right", "right,l", "right", "Go to the box at the right", Context.GRAPH),
    Action("flow.mark", "space", "mark", "Mark the version to compare with", Context.VERSIONS),
    Action("flow.rollback", "B", "roll back", "Go back to this version", Context.VERSIONS),
    Action("attention.go", "enter", "go there", "Go to what the item is about", Context.ITEM),
    Action("crew.approve", "y", "approve", "Vote for the proposal", Context.VOTE),
    Action("crew.reject", "x", "reject", "Vote against the proposal", Context.VOTE),
    Action("crew.abstain", "o", "abstain", "Vote for neither side of the proposal", Context.VOTE),
    Action("search.next", "n", "next match", "Go to the next older match", Context.HISTORY),
    Action("search.previous", "N", "match before", "Go to the newer match", Context.HISTORY),
    Action("search.again", "/", "search", "Search the session's output", Context.HISTORY),
    Action("history.close", "escape", "to the present", "Back to the present", Context.HISTORY),
    Action("ui.copy", "y,ctrl+c", "copy", "Copy the selected text", Context.SELECTION),
    Action("ui.deselect", "escape", "deselect", "Select nothing", Context.SELECTION),
    Action("session.leave", "ctrl+]", "leave it", "Leave the session", Context.ENTERED),
    Action("link.start", "r", "start engine", "Start the engine again", Context.SHUT_DOWN),
)


def _placed(actions: tuple[Action, ...], context: Context) -> tuple[Action, ...]:
    return tuple(
        Action(action.name, action.keys, action.hint, action.title, context) for action in actions
    )


ACTIONS: dict[str, Action] = {
    action.name: action
    for action in (
        *_APP, *_placed(_BOARD, Context.BOARD), *_placed(_DECK, Context.DECK),
        *_placed(_FLOWS, Context.FLOWS), *_placed(_PIPELINES, Context.PIPELINES),
        *_placed(_CREW, Context.CREW), *_LOG, *_OVER,
    )
}  # fmt: skip
"""Every action by its name, in the order in which help shows them."""

PRESETS: dict[str, dict[str, str]] = {
    "default": {},
    "vim": {
        "session.enter": "i,enter",
        "session.prompt": "p",
        "nav.panel": "l,tab",
        "nav.panel_back": "h,shift+tab",
        "nav.page_down": "ctrl+d,pagedown",
        "nav.page_up": "ctrl+u,pageup",
        "history.up": "ctrl+b,shift+pageup,[",
        "history.down": "ctrl+f,shift+pagedown,]",
        "search.open": "F",
    },
    "vscode": {"search.open": "F"},
}
"""What each preset changes of the default keys."""

SWALLOWED_BY_VSCODE = frozenset(
    ("ctrl+p", "ctrl+e", "ctrl+j", "ctrl+k", "ctrl+g", "ctrl+f", "ctrl+q", "f1")
)
"""Keys that the terminal of VS Code keeps to itself."""
