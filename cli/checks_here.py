"""The doctor's checks of this machine, this terminal and this user's files."""

from __future__ import annotations

import os
import platform
import shutil
import stat
import sys
from pathlib import Path

from ..core.base.errors import QuarterdeckError
from ..core.base.places import engine_socket
from ..core.sessions.keeper.places import PATH_LIMIT
from ..core.sessions.roster import Roster
from ..core.sessions.terminal.factory import available
from ..core.settings import SettingsInvalid
from .agency import load_catalog
from .finding import Finding, fail, ok, warn
from .place import Place, load

OLDEST_PYTHON = (3, 11)
RUST_PYTHON = (3, 12)
COLS, LINES = 80, 24
LITTLE_SPACE, NO_SPACE = 500 * 1024**2, 50 * 1024**2


def python(_: Place) -> Finding:
    """The interpreter."""
    version = platform.python_version()
    if sys.version_info[:2] < OLDEST_PYTHON:
        return fail("python", version, "Install Python 3.11 or newer.")
    return ok("python", f"{version} ({sys.executable})")


def back_end(_: Place) -> Finding:
    """The terminal emulation."""
    found = available()
    if not found:
        return fail("terminal back end", "none is installed", "Install pyte.")
    if found[0] != "rust" and sys.version_info[:2] >= RUST_PYTHON:
        return warn(
            "terminal back end",
            f"{found[0]}, the slow one",
            "Install par-term-emu-core-rust: it is 10 to 60 times faster.",
        )
    return ok("terminal back end", found[0])


def term(_: Place) -> Finding:
    """What the terminal says of itself."""
    name = os.environ.get("TERM", "")
    if name in {"", "dumb"}:
        return fail("TERM", name or "not set", "Set TERM to your terminal's name: xterm-256color.")
    program = os.environ.get("TERM_PROGRAM", "")
    if program == "vscode":
        return warn(
            "TERM",
            f"{name} in VS Code, which keeps some keys for itself",
            "Use its preset: quarterdeck preferences set keymap vscode",
        )
    return ok("TERM", f"{name} {program}".strip())


def colours(_: Place) -> Finding:
    """How many colours there are."""
    if os.environ.get("NO_COLOR"):
        return ok("colours", "none, as NO_COLOR asks")
    if os.environ.get("COLORTERM") in {"truecolor", "24bit"}:
        return ok("colours", "16 million")
    if "256color" in os.environ.get("TERM", "") or "kitty" in os.environ.get("TERM", ""):
        return ok("colours", "256")
    return warn(
        "colours", "16 or fewer", "If your terminal has more, set TERM to a name with -256color."
    )


def size(_: Place) -> Finding:
    """Whether there is room to draw."""
    if not sys.stdout.isatty():
        return ok("size", "no terminal on standard output, nothing to draw on")
    found = os.get_terminal_size(sys.stdout.fileno())
    shown = f"{found.columns}x{found.lines}"
    if found.columns < COLS or found.lines < LINES:
        return warn("size", shown, f"Make the window {COLS}x{LINES} or larger.")
    return ok("size", shown)


def config(place: Place) -> Finding:
    """The settings and the agents' files."""
    try:
        loaded = load(place)
    except SettingsInvalid as error:
        first = str(error.faults[0])
        return fail("config", first, "See all of them with: quarterdeck config check")
    faults = load_catalog(loaded.settings, loaded.origins).faults
    if faults:
        return warn("config", faults[0].message, "See all of them with: quarterdeck config check")
    read = ", ".join(map(str, loaded.files)) or "no file; the defaults are in force"
    return ok("config", read)


def state_dir(place: Place) -> Finding:
    """The state directory's owner and rights."""
    here = place.state_dir
    if not here.exists():
        return _parent(here)
    found = here.stat()
    if not here.is_dir() or found.st_uid != os.geteuid():
        return fail("state directory", f"{here} is not yours", "Choose another with --state-dir.")
    if not os.access(here, os.W_OK | os.X_OK):
        return fail("state directory", f"{here} can't be written", f"chmod 700 {here}")
    if stat.S_IMODE(found.st_mode) & 0o077:
        return warn("state directory", f"others can look into {here}", f"chmod 700 {here}")
    return ok("state directory", str(here))


def _parent(here: Path) -> Finding:
    """The nearest directory that is there, in which the state directory would be made."""
    above = next(parent for parent in here.parents if parent.exists())
    if not os.access(above, os.W_OK | os.X_OK):
        return fail(
            "state directory", f"{here} can't be made in {above}", "Choose another: --state-dir."
        )
    return ok("state directory", f"{here}, made at the first start")


def disk(place: Place) -> Finding:
    """Free space for what is kept."""
    here = place.state_dir
    above = next(one for one in (here, *here.parents) if one.exists())
    free = shutil.disk_usage(above).free
    shown = f"{free / 1024**3:.1f} GB free for {above}"
    if free < NO_SPACE:
        return fail("disk", shown, "Free some space, or choose another --state-dir.")
    if free < LITTLE_SPACE:
        return warn("disk", shown, "Free some space; recordings of sessions take a few MB each.")
    return ok("disk", shown)


def socket(place: Place) -> Finding:
    """Where an engine would listen."""
    try:
        path = engine_socket(place.state_dir)
    except QuarterdeckError as error:
        return fail("socket", error.message, "Set XDG_RUNTIME_DIR to a directory of yours.")
    length = len(os.fsencode(path))
    if length > PATH_LIMIT:
        return fail(
            "socket",
            f"{path} has {length} bytes, at most {PATH_LIMIT} work",
            "Set XDG_RUNTIME_DIR or TMPDIR to a shorter directory.",
        )
    return ok("socket", f"{path} ({length} bytes)")


def agents(place: Place) -> Finding:
    """Which agents could be started."""
    try:
        definitions = load_catalog(load(place).settings).definitions
    except SettingsInvalid:
        definitions = {}
    views = Roster(definitions, os.environ.get("PATH", os.defpath)).views()
    found = [view.name for view in views if view.found and not view.practice]
    known = [view.name for view in views if not view.found]
    if found in ([], ["shell"]):
        return warn(
            "agents",
            f"none on PATH of: {', '.join(known)}",
            "Install one, name yours in [agents.NAME], or try the practice crew: quarterdeck demo",
        )
    return ok("agents", ", ".join(found))


def git(_: Place) -> Finding:
    """The tool that agents and worktrees need."""
    found = shutil.which("git")
    if found is None:
        return warn("git", "not on PATH", "Install git; most agents expect it.")
    return ok("git", found)


def notifier(_: Place) -> Finding:
    """Desktop notifications, where wanted."""
    name = "osascript" if sys.platform == "darwin" else "notify-send"
    found = shutil.which(name)
    if found is None:
        return warn(
            "notifications",
            f"{name} is not on PATH",
            "Install libnotify if you want desktop notifications; the bell and OSC 9 work without.",
        )
    return ok("notifications", found)
