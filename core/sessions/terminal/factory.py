"""Opening emulators: which back end, and from what."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

from ...base.clock import SYSTEM_CLOCK, Clock
from .grid import GridFactory
from .port import BackendMissing, Emulator, Restored
from .queries import CellSize, Colours

DEFAULT_SCROLLBACK = 500
"""Lines. The Rust parser takes 42 bytes for each cell of them: 2.5 MB at 120 columns when full."""

_HOMES = {
    "rust": ("par_term_emu_core_rust", ".rust", "RustGrid"),
    "pyte": ("pyte", ".pyte_screen", "PyteGrid"),
}


def available() -> list[str]:
    """The back ends that are installed, the preferred one first."""
    return [name for name, (package, _, _) in _HOMES.items() if find_spec(package) is not None]


def _load(backend: str) -> tuple[str, GridFactory]:
    names = available()
    name = names[0] if backend == "auto" and names else backend
    if name not in names:
        choice = ", ".join(names) or "none"
        raise BackendMissing(
            f"The terminal back end {backend!r} is not installed for this Python; installed: "
            f"{choice}. Install pyte, or par-term-emu-core-rust on Python 3.12 or newer.",
            backend=backend,
            installed=names,
        )
    _, module, attribute = _HOMES[name]
    factory: GridFactory = getattr(import_module(module, __package__), attribute)
    return name, factory


def open_emulator(
    cols: int,
    rows: int,
    *,
    backend: str = "auto",
    scrollback: int = DEFAULT_SCROLLBACK,
    colours: Colours | None = None,
    cell: CellSize | None = None,
    clock: Clock = SYSTEM_CLOCK,
) -> Emulator:
    """A blank terminal on ``rust``, ``pyte``, or ``auto``: rust where it is installed, else pyte.

    :raises BackendMissing: if the back end is not installed.
    :raises SizeRefused: if the size is out of bounds.
    """
    from .emulator import GridEmulator  # noqa: PLC0415 - start-up: with a terminal's first use

    name, make = _load(backend)
    return GridEmulator(
        make, name, cols, rows, scrollback=scrollback, colours=colours, cell=cell, clock=clock
    )


def restore(
    data: bytes,
    *,
    backend: str = "auto",
    scrollback: int | None = None,
    colours: Colours | None = None,
    cell: CellSize | None = None,
    clock: Clock = SYSTEM_CLOCK,
) -> Restored:
    """The terminal that ``Emulator.snapshot`` wrote, on whichever back end.

    ``scrollback`` is the one that it had unless given.

    :raises SnapshotUnreadable: if ``data`` is damaged, foreign or from a newer version.
    :raises BackendMissing: if the back end is not installed.
    """
    from .emulator import GridEmulator  # noqa: PLC0415 - start-up: with a terminal's first use
    from .snapshot import read_snapshot  # noqa: PLC0415 - likewise

    name, make = _load(backend)
    snapshot = read_snapshot(data)
    emulator = GridEmulator(
        make,
        name,
        snapshot.cols,
        snapshot.rows,
        scrollback=snapshot.scrollback if scrollback is None else scrollback,
        colours=colours,
        cell=cell,
        clock=clock,
    )
    snapshot.apply(emulator)
    return Restored(emulator, snapshot.offset)
