"""What a person types into a session: keys, pastes, mouse, size; unguarded and in order."""

from __future__ import annotations

from collections.abc import Sequence

from ..protocol.wire import Input, KeyInput, MouseInput, PasteInput, RawInput, SizeInput
from .prompting import running
from .session import Session
from .terminal.keys import MouseEvent, UnknownKey, encode_key, mouse, paste


async def press(session: Session, keys: Sequence[str], text: str | None) -> None:
    """Press named keys, then type ``text``.

    :raises UnknownKey: if a key has no such name; nothing is typed then.
    :raises NotRunning: if there is no process.
    :raises InputStalled: if the program leaves it unread.
    """
    run = running(session)
    modes = session.screen.emulator.modes
    data = b"".join(encode_key(key, modes) for key in keys) + (text or "").encode()
    async with run.typist.exclusive():
        await run.typist.write(data)
    session.reader.typed()


def take_input(session: Session, message: Input) -> None:
    """Pass a front end's input on without waiting; a session without a process takes none."""
    run = session.run
    if run is None:
        return
    if isinstance(message, SizeInput):
        if (message.cols, message.lines) != run.typist.size:
            run.typist.post_size(message.cols, message.lines)
        return
    data = _encoded(session, message)
    if data and run.typist.post(data) and not isinstance(message, MouseInput):
        session.reader.typed()


def _encoded(session: Session, message: Input) -> bytes:
    modes = session.screen.emulator.modes
    match message:
        case KeyInput(keys=keys):
            return b"".join(_key(key, session) for key in keys)
        case PasteInput(text=text):
            return paste(text, modes)
        case RawInput(data=data):
            return data
        case MouseInput() as event:
            return mouse(
                MouseEvent(
                    event.action, event.x, event.y, event.button, event.shift, event.alt, event.ctrl
                ),
                modes,
            )
        case _:
            return b""


def _key(name: str, session: Session) -> bytes:
    try:
        return encode_key(name, session.screen.emulator.modes)
    except UnknownKey:  # a front end's key that no program can be sent
        return b""
