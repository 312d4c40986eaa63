"""Messages between a front end and an engine, and their JSON lines.

A link begins with ``Hello`` and ``Welcome``. After ``Follow`` events come in order; a front end
that fell behind gets a ``system.state_snapshot`` event in place of what it missed.
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    TypeAdapter,
    ValidationError,
)
from pydantic_core import PydanticSerializationError

from ..base.errors import ErrorInfo
from .commands import Cols, Command, Lines
from .events import Event
from .rules import Id, TopicPattern
from .screen import ScreenFrame
from .validation import CommandFault
from .views import EngineView

PROTOCOL = 1
LINE_LIMIT = 8 * 1024 * 1024
"""The longest line either side accepts, in bytes."""


def _from_text(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return base64.b64decode(value, validate=True)
    except binascii.Error as error:
        msg = "no base64"
        raise ValueError(msg) from error


Raw = Annotated[
    bytes,
    BeforeValidator(_from_text),
    PlainSerializer(lambda data: base64.b64encode(data).decode(), when_used="json"),
]
"""Bytes; base64 on the wire."""


class Message(BaseModel):
    """Base of all messages."""

    model_config = ConfigDict(frozen=True)


class Hello(Message):
    """The first line of a front end; ``host``: it could take over the engine's work."""

    kind: Literal["hello"] = "hello"
    protocol: int = PROTOCOL
    client: str = "client"
    pid: int = 0
    host: bool = False


class Follow(Message):
    """Send events from now on, after a snapshot; with ``since``, the kept ones after it first.

    ``topics`` are patterns over the events' topics (``session.*.status``, ``workflow.#``) or types
    (``session.*``, ``status.changed``), at most 100; none: all. See ``topics``.
    ``snapshot`` false leaves out the first snapshot.
    """

    kind: Literal["follow"] = "follow"
    topics: Annotated[tuple[TopicPattern, ...], Field(max_length=100)] = ()
    since: int | None = None
    snapshot: bool = True


class Watch(Message):
    """Send a session's screen: ``frames`` to draw, or ``bytes`` for a real terminal."""

    kind: Literal["watch"] = "watch"
    session_id: Id
    mode: Literal["frames", "bytes"] = "frames"


class Unwatch(Message):
    """Send that screen no more."""

    kind: Literal["unwatch"] = "unwatch"
    session_id: Id


class KeyInput(Message):
    """Keys by name (``up``, ``ctrl+c``, ``x``), encoded for the program's modes by the engine."""

    kind: Literal["input.keys"] = "input.keys"
    session_id: Id
    keys: tuple[str, ...]


class PasteInput(Message):
    """Text pasted by a person; bracketed where the program asked for it."""

    kind: Literal["input.paste"] = "input.paste"
    session_id: Id
    text: str


class RawInput(Message):
    """Bytes from a real terminal, as they stand."""

    kind: Literal["input.raw"] = "input.raw"
    session_id: Id
    data: Raw


class MouseInput(Message):
    """A mouse event in cells from 0; sent on only if the program asked for it."""

    kind: Literal["input.mouse"] = "input.mouse"
    session_id: Id
    action: Literal["press", "release", "move", "scroll_up", "scroll_down"]
    button: int = 0
    x: int = 0
    y: int = 0
    shift: bool = False
    alt: bool = False
    ctrl: bool = False


class SizeInput(Message):
    """The size a session's terminal should have; several unsent ones become one."""

    kind: Literal["input.size"] = "input.size"
    session_id: Id
    cols: Cols
    lines: Lines


class Bye(Message):
    """The front end leaves."""

    kind: Literal["bye"] = "bye"


class Welcome(Message):
    """The engine's answer to ``Hello``."""

    kind: Literal["welcome"] = "welcome"
    client_id: str
    engine: EngineView


class Reply(Message):
    """The answer to a command: ``result`` if ``ok``, else ``error``."""

    kind: Literal["reply"] = "reply"
    command_id: str | None
    ok: bool
    result: dict[str, Any] = Field(default_factory=dict)
    error: ErrorInfo | None = None


class Frame(Message):
    """A watched screen's change."""

    kind: Literal["frame"] = "frame"
    frame: ScreenFrame


class Output(Message):
    """A watched session's bytes for a real terminal; the first repaints the whole screen."""

    kind: Literal["output"] = "output"
    session_id: str
    data: Raw
    ended: bool = False


class Goodbye(Message):
    """The engine leaves.

    ``takeover``: this front end is asked to start one in its place. ``asked``: a person had it
    stopped, so that no front end should start another one unasked.
    """

    kind: Literal["goodbye"] = "goodbye"
    reason: str
    takeover: bool = False
    asked: bool = False


Input = KeyInput | PasteInput | RawInput | MouseInput | SizeInput
ClientMessage = Hello | Command | Follow | Watch | Unwatch | Input | Bye
ServerMessage = Welcome | Reply | Event | Frame | Output | Goodbye

_CLIENT: TypeAdapter[Any] = TypeAdapter(
    Annotated[Hello | Follow | Watch | Unwatch | Input | Bye, Field(discriminator="kind")],
    config=ConfigDict(defer_build=True),
)
_SERVER: TypeAdapter[Any] = TypeAdapter(
    Annotated[Welcome | Reply | Frame | Output | Goodbye, Field(discriminator="kind")],
    config=ConfigDict(defer_build=True),
)


def encode(message: ClientMessage | ServerMessage) -> bytes:
    """``message`` as one line of JSON, its newline included."""
    if isinstance(message, Event):
        return _line(message.dump())
    try:
        return message.model_dump_json().encode() + b"\n"
    except PydanticSerializationError:
        # Half surrogate pairs, as in a file name that is no UTF-8.
        return _line(message.model_dump(mode="json"))


def _line(data: dict[str, Any]) -> bytes:
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=False)
    return text.encode(errors="backslashreplace") + b"\n"


def decode_client(line: bytes) -> ClientMessage | dict[str, Any]:
    """A front end's line; a command stays raw, since the engine's workers check it.

    :raises CommandFault: code ``malformed``, if it is no message.
    """
    raw = _object(line)
    if raw.get("kind", "command") == "command":
        return raw
    message: ClientMessage = _validated(_CLIENT, raw)
    return message


def decode_server(line: bytes) -> ServerMessage:
    """An engine's line.

    :raises CommandFault: code ``malformed``, if it is no message.
    """
    raw = _object(line)
    if raw.get("kind") == "event":
        try:
            return Event.parse(raw)
        except ValidationError as error:
            raise CommandFault("malformed", f"An event can't be read: {error}") from error
    message: ServerMessage = _validated(_SERVER, raw)
    return message


def _validated(adapter: TypeAdapter[Any], raw: dict[str, Any]) -> Any:
    try:
        return adapter.validate_python(raw)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise CommandFault(
            "malformed", f"A message can't be read: {where or 'kind'}: {first['msg']}"
        ) from error


def _object(line: bytes) -> dict[str, Any]:
    try:
        raw = json.loads(line.decode())  # given bytes, it would guess at UTF-16 and UTF-32
    except (ValueError, RecursionError) as error:
        raise CommandFault("malformed", f"The line is no JSON: {error}") from error
    if not isinstance(raw, dict):
        raise CommandFault("malformed", "The line is no JSON object.")
    return raw
