"""Pictures of every screen and dialog, small, large and without colour."""

from __future__ import annotations

import pkgutil
import time
from collections.abc import Awaitable, Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from tests.tui.crew import Crew, agent
from tests.tui.fleet import R, W, feature, hundred, task
from tests.tui.hand import Hand, dashboard
from tests.tui.lanes import VOTE, at_work, debate
from textual.pilot import Pilot
from textual.screen import Screen

from quarterdeck.core.client.ports import LinkClosed
from quarterdeck.core.protocol import events as e
from quarterdeck.core.protocol.attention import AttentionKind
from quarterdeck.core.protocol.screen import Cursor, Run
from quarterdeck.core.protocol.status import Activity, Choice, Lifecycle
from quarterdeck.core.protocol.views import NoticeView
from quarterdeck.core.protocol.workflow_views import ScheduleView
from quarterdeck.tui.dialogs.ask import AskDialog
from quarterdeck.tui.dialogs.confirm import ConfirmDialog
from quarterdeck.tui.dialogs.create import CreateDialog
from quarterdeck.tui.dialogs.help import HelpDialog
from quarterdeck.tui.dialogs.leftover import LeftoverDialog
from quarterdeck.tui.dialogs.load_file import LoadFileDialog
from quarterdeck.tui.dialogs.notice import NoticeDialog
from quarterdeck.tui.dialogs.palette import PaletteDialog
from quarterdeck.tui.dialogs.peek import PeekDialog
from quarterdeck.tui.dialogs.prompt import PromptDialog
from quarterdeck.tui.dialogs.propel import PropelDialog
from quarterdeck.tui.dialogs.quit import QuitDialog
from quarterdeck.tui.dialogs.run_file import RunFileDialog
from quarterdeck.tui.dialogs.schedules import SchedulesDialog
from quarterdeck.tui.dialogs.settings import SettingsDialog
from quarterdeck.tui.dialogs.signal import SignalDialog
from quarterdeck.tui.dialogs.welcome import WelcomeDialog
from quarterdeck.tui.screens.crew import CrewScreen
from quarterdeck.tui.screens.deck import DeckScreen
from quarterdeck.tui.screens.flows import FlowsScreen
from quarterdeck.tui.screens.log import LogScreen
from quarterdeck.tui.screens.pipelines import PipelinesScreen
from quarterdeck.tui.screens.small import SmallScreen

SIZES = ((80, 24), (200, 60))
"""What lines a picture comes by, the small one says: tracing costs half as much again."""
Compare = Callable[..., bool]
Before = Callable[[Crew], None]


@pytest.fixture(autouse=True)
def same_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures must not depend on who takes them, or where."""
    for name in ("NO_COLOR", "COLORTERM", "TEXTUAL", "TMUX"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/home/ann")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


def scene() -> Crew:
    """A ship under way."""
    crew = Crew()
    crew.agents = (
        agent("claude"),
        agent("codex"),
        agent("gemini", found=False),
        agent("shell"),
        agent("practice-approver", practice=True),
        agent("practice-asker", practice=True),
    )
    login = crew.add("fix-login", "claude", Activity.NEEDS_APPROVAL, title="Fix the login")
    tests = crew.add("add-tests", "codex", Activity.TURN_DONE, since=190)
    docs = crew.add("docs", "gemini", Activity.WORKING, repo="/home/ann/site", since=3, progress=60)
    for number in range(6):
        crew.add(f"idle-{number}", "opencode", repo="/home/ann/site", since=4000)
    crew.add(
        "old", "aider", Activity.UNKNOWN, lifecycle=Lifecycle.EXITED, exit_code=1,
        reason="No API key was found", resumable=True,
    )  # fmt: skip
    crew.item(login, text="npm i left-pad --save\n\nThis changes package.json.")
    crew.item(
        docs, AttentionKind.QUESTION, "Which colour do you want?", age=700, free_text=True,
        choices=(Choice(key="a", label="Red, as the old one"), Choice(key="b", label="Blue")),
    )  # fmt: skip
    crew.item(tests, AttentionKind.TURN_DONE, "14 tests added, all pass", age=190)
    for session in crew.sessions.values():
        crew.draw(session, [f"$ hello from {session.name}", "$ "], cursor=Cursor(2, 1))
    code = [
        (Run(f"{n:3} ", 8), Run("const ", 5), Run(f"line{n}", 12, -1, 1), Run(" = "), Run("'x'", 2))
        for n in range(1, 19)
    ]
    dialog = (Run(" npm i left-pad? ", 0, 3), Run("  1 Yes  2 Always  3 No"))
    past = [f"earlier line {n}{' with login' if n % 30 == 0 else ''}" for n in range(120)]
    crew.draw(login, [*code, (), dialog], past=past, cols=100, height=30)
    for number in range(24):
        crew.clock.advance(1.5)
        payload: e.EventPayload = e.SystemInfo(code="step", message=f"number {number}")
        if number % 4 == 1:
            payload = e.AttentionRaised(item=next(iter(crew.items.values())))
        if number % 4 == 3:
            payload = e.HealthReport(health=crew.healthy(loop_lag_ms=number / 7))
        crew.kept_events.append(crew.event(payload))
    return crew


def first_start() -> Crew:
    crew = scene()
    crew.sessions.clear()
    crew.items.clear()
    crew.preferences.clear()
    return crew


def empty() -> Crew:
    crew = first_start()
    crew.preferences["welcomed"] = True
    return crew


def out_of_reach() -> Crew:
    crew = scene()
    crew.unreachable = LinkClosed("No engine answers at /run/qd.sock.")
    return crew


async def stale(hand: Hand) -> None:
    hand.crew.update_item(next(iter(hand.crew.items.values())), request_id="other")
    await hand.settle()


async def wrong_directory(hand: Hand) -> None:
    hand.screen.directory.value = "/nowhere"  # type: ignore[attr-defined]
    await hand.press("enter")
    await hand.until(lambda: hand.shows("There is no directory"))


async def worked_in(hand: Hand) -> None:
    hand.crew.refuse(
        "session.delete", "worktree_dirty", "Its worktree has changes: app/login.py, notes.md."
    )
    await hand.press("D", "y")
    await hand.until(lambda: isinstance(hand.screen, LeftoverDialog))


async def refused(hand: Hand) -> None:
    hand.crew.refuse("agent.stop", "stop_failed", "Process 4711 would not end; try again.")
    await hand.press("S", "y")


STORIES: dict[str, Sequence[str | Callable[[Hand], Awaitable[None]]]] = {
    "deck": (),
    "deck-attention": ("tab", "j"),
    "deck-ended": ("j", "j"),
    "deck-minimal": ("m",),
    "deck-folded": ("o",),
    "deck-typing": ("enter",),
    "deck-history": ("shift+pageup", "shift+pageup"),
    "deck-search": ("ctrl+f", *"login", "enter", "n"),
    "deck-filter": ("slash", *"is", "colon", *"needs"),
    "deck-filter-fault": ("slash", *"is", "colon", *"nees"),
    "deck-error": (refused,),
    "log": ("5",),
    "log-held": ("5", "k", "k", "tab"),
    "log-filter": ("5", "slash", *"type", "colon", *"atten", "enter"),
    "peek-approval": ("space",),
    "peek-question": ("n", "space"),
    "peek-stale": ("space", stale),
    "create": ("c",),
    "create-fault": ("c", wrong_directory),
    "prompt": ("i", *"Go", "space", *"on"),
    "confirm": ("S",),
    "leftover": (worked_in,),
    "quit": ("q",),
    "quit-stop": ("q", "S"),
    "help": ("question_mark",),
    "help-search": ("question_mark", *"snooze"),
    "palette": ("colon",),
    "palette-search": ("colon", *"theme"),
    "settings": ("comma", "down", "down"),
    "settings-edit": ("comma", "down", "down", "down", "enter"),
}


FLOWS: dict[str, Sequence[str | Callable[[Hand], Awaitable[None]]]] = {
    "flows-graph": ("2", "enter"),
    "flows-hundred": ("2", "j", "enter", "v", "f"),
    "flows-gantt": ("2", "7"),
    "flows-tasks": ("2", "8"),
    "flows-history": ("2", "9", "j", "space", "j", "j", "enter"),
    "flows-detail": ("2", "8", "g", "j", "enter"),
    "flows-gate": ("2", "j", "j"),
    "flows-minimal": ("2", "m"),
    "confirm-flow": ("2", "S"),
    "run": ("2", "c"),
    "signal": ("2", "i"),
    "schedules": ("2", "w"),
    "deck-gate": ("n",),
    "peek-flow": ("n", "space"),
}


LANES: dict[str, Sequence[str | Callable[[Hand], Awaitable[None]]]] = {
    "pipelines": ("3", "j", "j", "enter", "j"),
    "pipelines-payload": ("3", "j", "j", "enter", *"jjjjjjjj", "enter"),
    "propel": ("3", "j", "i", *'{"topic'),
    "crew": ("4",),
    "ask": ("4", "H"),
}
SMALL_LANES: dict[str, Sequence[str | Callable[[Hand], Awaitable[None]]]] = {
    "pipelines-empty": ("3",),
    "pipelines-handlers": ("3", "7"),
    "load": ("3", "c"),
    "crew-limits": ("4", "8"),
    "crew-locks": ("4", "9"),
}
"""Those that look alike where there is room."""


def manned(*, empty: bool = False) -> Crew:
    """A debate under way, and a crew with something in every section."""
    crew = scene()
    if not empty:
        crew.items.clear()
        debate(crew)
        crew.lanes.load = at_work(crew)
        crew.lanes.item("budget/daily/2026-03-01", "The daily budget is used up: 20.40 of 20.00")
        proposal = "proposal/01JV0000000000000000000003"
        crew.lanes.item(proposal, "Use a write-through cache?", AttentionKind.GATE, VOTE)
    return crew


def under_way() -> Crew:
    """Workflows in every state."""
    crew = scene()
    crew.items.clear()
    fleet = crew.fleet
    half = fleet.add("feature", feature(crew.now()))
    half.critical = ("plan", "build", "test", "release", "announce")
    half.logs["build", 2] = "".join(f"compiling module {n} of 40\n" for n in range(1, 18))
    half.given["build"] = {"prompt": "Build this feature: a dry-run flag\nKeep to the plan."}
    fleet.add("hundred", hundred(crew.ago(60)), age=200)
    gate = fleet.add(
        "release",
        [
            task("test", status=R.COMPLETED, started_at=crew.ago(60), ended_at=crew.ago(31)),
            task("ship", "test", kind="approve", status=R.RUNNING, started_at=crew.ago(30)),
        ],
        age=300,
    )
    fleet.gate(gate, "ship")
    fleet.add("nightly", [task("sweep", status=R.COMPLETED)], W.COMPLETED, age=4000, took=62)
    failed = task("fetch", status=R.FAILED, error="exit code 2")
    fleet.add("import", [failed], W.FAILED, age=5000, took=6, error="fetch failed: exit code 2")
    for name, cron, on in (("nightly", "0 3 * * *", True), ("weekly", "0 6 * * 1", False)):
        fleet.schedules[name] = ScheduleView(
            name=name, file=f"/home/ann/shop/{name}.yaml", cron=cron, enabled=on,
            next_at=crew.now(), last_at=crew.ago(80_000),
        )  # fmt: skip
    return crew


def mended() -> Crew:
    """A store that was damaged."""
    crew = scene()
    text = (
        "The database was damaged. It was moved aside to state.db.damaged-20260321T120000, with "
        "nothing deleted; a new one was begun."
    )
    crew.notices = (NoticeView(code="store_moved_aside", message=text),)
    return crew


OTHERS: dict[str, Callable[[], Crew]] = {
    "welcome": first_start,
    "deck-empty": empty,
    "deck-no-link": out_of_reach,
    "notice": mended,
}
KINDS = {
    AttentionKind.GATE: ("deploy", "Shall the build go out?"),
    AttentionKind.FAILURE: ("it crashed", "exited with code 3"),
    AttentionKind.LIMIT: ("the quota is used up", "It goes on at 14:00."),
    AttentionKind.TURN_DONE: ("14 tests added, all pass", ""),
}
SHOWS: dict[str, type[Screen[Any]]] = {
    "deck": DeckScreen,
    "flows": FlowsScreen,
    "pipelines": PipelinesScreen,
    "crew": CrewScreen,
    "propel": PropelDialog,
    "load": LoadFileDialog,
    "ask": AskDialog,
    "run": RunFileDialog,
    "signal": SignalDialog,
    "schedules": SchedulesDialog,
    "log": LogScreen,
    "small": SmallScreen,
    "peek": PeekDialog,
    "create": CreateDialog,
    "prompt": PromptDialog,
    "confirm": ConfirmDialog,
    "leftover": LeftoverDialog,
    "quit": QuitDialog,
    "help": HelpDialog,
    "palette": PaletteDialog,
    "settings": SettingsDialog,
    "welcome": WelcomeDialog,
    "notice": NoticeDialog,
}
"""What a picture shows, by the first word of its name."""

THEMES = ("textual-light", "ansi-dark", "nord")
COLOURLESS = ("deck", "deck-typing", "log", "peek-approval", "quit", "palette")


def asking(kind: AttentionKind) -> Crew:
    """One item, of that kind."""
    crew = scene()
    crew.items.clear()
    title, text = KINDS[kind]
    crew.item(next(iter(crew.sessions.values())), kind, title, text=text)
    return crew


def told(
    crew: Crew, name: str, story: Sequence[str | Callable[[Hand], Awaitable[None]]]
) -> Callable[[Pilot[None]], Awaitable[None]]:
    """What happens before the picture is taken."""

    async def run(pilot: Pilot[None]) -> None:
        app: Any = pilot.app
        hand = Hand(crew, app, pilot)
        ready = crew.unreachable is None
        await hand.until(lambda: app.bridge.ready if ready else app.bridge.link.state.attempt)
        await hand.settle()
        for step in story:
            await (hand.press(step) if isinstance(step, str) else step(hand))
        for field in app.screen.query("Input, TextArea"):
            field.cursor_blink = False
        app.bridge.flush()  # ages are shown as of now, whether their alarm has rung or not
        await hand.settle()
        assert type(app.screen) is SHOWS[name.partition("-")[0]]

    return run


def picture(snap_compare: Compare, crew: Crew, name: str, size: tuple[int, int]) -> bool:
    return snap_compare(
        dashboard(crew),
        terminal_size=size,
        run_before=told(
            crew,
            name,
            {**STORIES, **FLOWS, **LANES, **SMALL_LANES}.get(
                name, ("space",) if name.startswith("peek") else ()
            ),
        ),
    )


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("name", STORIES)
def test_picture(snap_compare: Compare, name: str, size: tuple[int, int]) -> None:
    assert picture(snap_compare, scene(), name, size)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("name", FLOWS)
def test_picture_of_workflows(snap_compare: Compare, name: str, size: tuple[int, int]) -> None:
    assert picture(snap_compare, under_way(), name, size)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("name", LANES)
def test_picture_of_lanes(snap_compare: Compare, name: str, size: tuple[int, int]) -> None:
    assert picture(snap_compare, manned(), name, size)


@pytest.mark.parametrize("name", SMALL_LANES)
def test_picture_of_lanes_in_little_room(snap_compare: Compare, name: str) -> None:
    assert picture(snap_compare, manned(empty=name.endswith("empty")), name, (80, 24))


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("name", OTHERS)
def test_picture_of_a_beginning(snap_compare: Compare, name: str, size: tuple[int, int]) -> None:
    assert picture(snap_compare, OTHERS[name](), name, size)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("kind", KINDS)
def test_picture_of_a_look(
    snap_compare: Compare, kind: AttentionKind, size: tuple[int, int]
) -> None:
    assert picture(snap_compare, asking(kind), f"peek-{kind}", size)


def classes_of(package: str) -> set[type[Screen[Any]]]:
    """The classes of screens that are made as they are: not those that others are made from."""
    for module in pkgutil.walk_packages(import_module(package).__path__, f"{package}."):
        import_module(module.name)
    found: set[type[Screen[Any]]] = set()
    todo: list[type[Screen[Any]]] = [Screen]
    while todo:
        todo += todo.pop().__subclasses__()
        found |= {one for one in todo if one.__module__.startswith(package)}
    return {one for one in found if not one.__subclasses__()}


def test_every_screen_and_dialog_has_its_pictures() -> None:
    assert classes_of("quarterdeck.tui") == set(SHOWS.values())
    told_of = {
        name.partition("-")[0] for name in [*STORIES, *FLOWS, *LANES, *SMALL_LANES, *OTHERS]
    } | {"small"}
    assert told_of == SHOWS.keys()
    assert {AttentionKind.APPROVAL, AttentionKind.QUESTION, *KINDS} == set(AttentionKind)


def test_every_picture_on_disk_is_one_that_is_compared() -> None:
    sizes = [f"{cols}x{rows}" for cols, rows in SIZES]
    wanted = {f"test_picture[{name}-{size}]" for name in STORIES for size in sizes}
    wanted |= {f"test_picture_of_workflows[{name}-{size}]" for name in FLOWS for size in sizes}
    wanted |= {f"test_picture_of_lanes[{name}-{size}]" for name in LANES for size in sizes}
    wanted |= {f"test_picture_of_lanes_in_little_room[{name}]" for name in SMALL_LANES}
    wanted |= {f"test_picture_of_a_beginning[{name}-{size}]" for name in OTHERS for size in sizes}
    wanted |= {f"test_picture_of_a_look[{kind}-{size}]" for kind in KINDS for size in sizes}
    wanted |= {f"test_picture_without_colour[{name}]" for name in COLOURLESS}
    wanted |= {f"test_picture_in_another_theme[{name}]" for name in THEMES}
    wanted.add("test_picture_of_a_terminal_too_small")
    folder = Path(__file__).parent / "__snapshots__" / Path(__file__).stem
    assert {path.stem for path in folder.iterdir()} == wanted


def test_picture_of_a_terminal_too_small(snap_compare: Compare) -> None:
    assert picture(snap_compare, scene(), "small", (60, 20))


@pytest.mark.parametrize("name", COLOURLESS)
def test_picture_without_colour(
    snap_compare: Compare, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert picture(snap_compare, scene(), name, (80, 24))


@pytest.mark.parametrize("theme", THEMES)
def test_picture_in_another_theme(snap_compare: Compare, theme: str) -> None:
    crew = scene()
    crew.preferences["theme"] = theme
    assert picture(snap_compare, crew, "deck", (80, 24))
