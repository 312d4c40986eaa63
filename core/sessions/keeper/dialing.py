"""Reaching a keeper and agreeing with it on a version."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from asyncio import StreamReader, StreamWriter
from dataclasses import dataclass, field

from ...base.errors import QuarterdeckError
from .faults import (
    InputClosed,
    InputFull,
    KeeperEpoch,
    KeeperForeign,
    KeeperGone,
    KeeperRefused,
    KeeperVersion,
    NotSupported,
)
from .frames import CHUNK, VERSION, Frame, cut_frames, encode_frame, peer_uid
from .items import KeeperFacts
from .places import KeeperPlaces, keeper_lives, present_socket, read_facts

SPOKEN = (max(1, VERSION - 2), VERSION)
"""The versions this engine speaks, oldest and newest: its own and the two before."""

FIRST_RETRY, LAST_RETRY = 0.01, 0.2

FAULTS: dict[str, type[QuarterdeckError]] = {
    "keeper_version": KeeperVersion,
    "keeper_epoch": KeeperEpoch,
    "input_closed": InputClosed,
    "input_full": InputFull,
    "not_supported": NotSupported,
}


def refusal(payload: bytes) -> QuarterdeckError:
    """The error that a keeper sent."""
    code, text = json.loads(payload)
    return FAULTS.get(code, KeeperRefused)(f"The keeper refused: {text}.")


@dataclass(slots=True)
class Line:
    """An open connection on which the keeper has said its welcome; ``rest`` came after it."""

    reader: StreamReader
    writer: StreamWriter
    welcome: KeeperFacts
    rest: list[tuple[int, int, bytes]] = field(default_factory=list)
    buffer: bytearray = field(default_factory=bytearray)


async def dial(
    places: KeeperPlaces, *, epoch: int, window: int, versions: tuple[int, int] = SPOKEN
) -> Line:
    """Connect to the keeper at ``places`` and agree on one of ``versions``.

    :raises KeeperGone: if there is none.
    :raises KeeperVersion: if it speaks none of them.
    :raises KeeperEpoch: if an engine of a later epoch holds it.
    :raises KeeperForeign: if another user answers.
    """
    reader, writer = await _reach(places)
    try:
        _check_peer(writer, places)
        hello = {"versions": versions, "epoch": epoch, "window": window}
        writer.write(encode_frame(Frame.HELLO, 0, json.dumps(hello).encode()))
        return await _await_welcome(reader, writer)
    except BaseException:
        writer.transport.abort()
        raise


def _check_peer(writer: StreamWriter, places: KeeperPlaces) -> None:
    if peer_uid(writer.get_extra_info("socket")) != os.getuid():
        raise KeeperForeign(f"Another user's process answers at {present_socket(places)}.")


async def _await_welcome(reader: StreamReader, writer: StreamWriter) -> Line:
    buffer = bytearray()
    frames: list[tuple[int, int, bytes]] = []
    try:
        while not frames:
            data = await reader.read(CHUNK)
            if not data:
                raise KeeperGone("The keeper closed the link before its welcome.")
            buffer += data
            frames = cut_frames(buffer)
        kind, _, payload = frames[0]
        if kind == Frame.ERROR:
            raise refusal(payload)
        welcome = KeeperFacts.parse(json.loads(payload))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise KeeperGone(f"What answers in the keeper's place is none: {error!r}.") from error
    return Line(reader, writer, welcome, frames[1:], buffer)


async def _reach(places: KeeperPlaces) -> tuple[StreamReader, StreamWriter]:
    """A connection to the keeper; one that lost its socket's directory is moved to a new one.

    Directories for sockets vanish with the user's last login on many systems.
    """
    try:
        return await asyncio.open_unix_connection(present_socket(places))
    except OSError as error:
        facts = read_facts(places)
        if facts is None or not keeper_lives(places):
            raise KeeperGone(f"No keeper of {places.key} lives.") from error
    try:
        places.address.write_bytes(os.fsencode(places.socket))
        os.kill(facts.keeper_pid, signal.SIGUSR1)
    except OSError as error:
        raise KeeperGone(f"The keeper of {places.key} can't be reached: {error}.") from error
    pause = FIRST_RETRY
    while True:
        await asyncio.sleep(pause)
        pause = min(pause * 2, LAST_RETRY)
        try:
            return await asyncio.open_unix_connection(places.socket)
        except OSError as error:
            if not keeper_lives(places):
                raise KeeperGone(f"No keeper of {places.key} lives.") from error
