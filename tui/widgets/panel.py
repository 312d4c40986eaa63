"""The focused session's panel: its title, its screen, and what is to be said about it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from textual.app import ComposeResult

from ...core.protocol.status import Lifecycle
from ...core.protocol.views import SessionView
from ..model.cells import Cell, Row, cut, row_width
from ..model.words import clean, short_path, sign
from .boxes import DownBox
from .one_line import OneLine
from .terminal import TerminalView

ENDED = frozenset((Lifecycle.EXITED, Lifecycle.CRASHED, Lifecycle.LOST))


class PanelTop(OneLine):
    """The panel's upper edge with its title in it; drawn apart, so that an age costs one line."""

    def show_titles(self, titles: Sequence[Row], *, heavy: bool, tone: str = "edge") -> None:
        """Show the first of ``titles`` that has room, in a heavy edge or a light one."""
        self.lay_out(partial(_edge, tuple(titles), "┏━┓" if heavy else "╭─╮", tone))


def _edge(titles: Sequence[Row], edge: str, tone: str, width: int) -> tuple[Row, tuple[()]]:
    room = max(0, width - 6)
    fitting = (title for title in titles if row_width(title) <= room)
    title = cut(next(fitting, titles[-1]), room)
    left, line, right = tuple(edge)
    rest = line * max(0, width - row_width(title) - 5)
    return (Cell(f"{left}{line} ", tone), *title, Cell(f" {rest}{right}", tone)), ()


class PanelFoot(OneLine):
    """The panel's lower edge with a few words in it; drawn apart, as the upper one."""

    def show_words(self, words: str, *, heavy: bool, tone: str = "edge") -> None:
        """Show ``words`` in a heavy edge or a light one."""
        told = Cell(words, "foot" if heavy else "muted")
        self.lay_out(partial(_lower_edge, told, "┗━┛" if heavy else "╰─╯", tone))


def _lower_edge(words: Cell, edge: str, tone: str, width: int) -> tuple[Row, tuple[()]]:
    left, line, right = tuple(edge)
    shown = cut((words,), max(0, width - 4))
    rest = line * max(0, width - row_width(shown) - 3)
    return (Cell(f"{left}{rest}", tone), *shown, Cell(f"{line}{right}", tone)), ()


class SessionPanel(DownBox):
    """Title, screen, and one line of notice under it."""

    def __init__(self, terminal: TerminalView, *, id: str) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self.terminal = terminal
        self.top = PanelTop(id="panel-top")
        self.body = DownBox(id="panel-body")
        self.notice = OneLine(id="panel-notice")
        self.foot = PanelFoot(id="panel-foot")

    def compose(self) -> ComposeResult:
        """Title over body over foot; the body draws the edges at its sides."""
        yield self.top
        with self.body:
            yield self.terminal
            yield self.notice
        yield self.foot

    def show_session(
        self, session: SessionView | None, age: str, instead: Sequence[Row] = ()
    ) -> None:
        """Name the session in the title (or what stands ``instead``), and say why it ended if it has."""
        self.top.show_titles(instead or _titles(session, age), heavy=self.terminal.entered)
        notice = _notice(session)
        self.notice.display = bool(notice)
        self.notice.show(notice)

    def show_foot(self, text: str) -> None:
        """Say something on the lower edge."""
        self.foot.show_words(text, heavy=self.terminal.entered)


def _titles(session: SessionView | None, age: str) -> Sequence[Row]:
    """The title in full, and ever shorter; name, state and age come last to go."""
    if session is None:
        return ((Cell("no session", "muted"),),)
    _, tone = sign(session)
    name, agent, place = clean(session.name), clean(session.agent), short_path(session.cwd)
    tree = ""
    if session.workspace is not None:
        place = short_path(session.workspace.repository)
        tree = f" (worktree {clean(session.workspace.branch)})"
    state = (Cell(" · ", "muted"), Cell(session.shown, tone), Cell(f" {age}", "muted"))
    short = f"…/{place.rpartition('/')[2]}{tree}"
    middles = (f" · {agent} · {place}{tree}", f" · {agent} · {short}", f" · {agent}")
    return (
        *((Cell(name, "head"), Cell(middle, "muted"), *state) for middle in middles),
        (Cell(name, "head"), *state),
    )


def _notice(session: SessionView | None) -> Row:
    """Why there is no process any more, and which keys bring it back."""
    if session is None or session.lifecycle not in ENDED:
        return ()
    mark, tone = sign(session)
    return (Cell(f"{mark} ", tone), Cell(_ending(session), tone))


def _ending(session: SessionView) -> str:
    """How it ended, and its reason, which often says the code or the signal itself."""
    word, reason = session.lifecycle.value, clean(session.reason)
    ways = []
    if session.exit_code is not None:
        ways.append(f"with code {session.exit_code}")
    if session.exit_signal is not None:
        ways.append(f"by signal {session.exit_signal}")
    told = " ".join((word, *(way for way in ways if way not in reason)))
    if not reason or reason.startswith(f"{told} "):
        return reason or told
    return f"{told}: {reason}"
