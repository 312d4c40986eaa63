from __future__ import annotations

import os
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.core.sessions.keeper.frames import (
    HEADER,
    MAX_FRAME,
    Frame,
    cut_frames,
    encode_frame,
    peer_uid,
)

frames = st.tuples(st.integers(0, 255), st.integers(0, 2**64 - 1), st.binary(max_size=300))


@given(st.lists(frames, max_size=20), st.data())
def test_frames_come_out_whole_however_the_stream_is_cut(
    sent: list[tuple[int, int, bytes]], data: st.DataObject
) -> None:
    stream = b"".join(encode_frame(*frame) for frame in sent)
    buffer, received = bytearray(), []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        buffer += stream[:size]
        stream = stream[size:]
        received += cut_frames(buffer)
    assert received == sent
    assert not buffer


@given(frames, st.integers(1, 12))
def test_an_unfinished_frame_stays_in_the_buffer(
    frame: tuple[int, int, bytes], missing: int
) -> None:
    cut = encode_frame(*frame)[:-missing]
    buffer = bytearray(cut)
    assert cut_frames(buffer) == []
    assert buffer == cut


def test_a_frame_that_claims_too_much_is_refused_before_it_is_read() -> None:
    largest = HEADER.pack(MAX_FRAME, Frame.OUT, 0)
    assert cut_frames(bytearray(largest)) == []
    with pytest.raises(ValueError, match="1048577 bytes"):
        cut_frames(bytearray(HEADER.pack(MAX_FRAME + 1, Frame.OUT, 0)))


def test_the_numbers_of_frames_are_those_that_old_keepers_send() -> None:
    assert {frame.name: frame.value for frame in Frame} == {
        "OUT": 1,
        "ERR": 2,
        "RESIZED": 3,
        "EXIT": 4,
        "LOST": 5,
        "WELCOME": 16,
        "STATUS": 17,
        "SUPERSEDED": 18,
        "REPLY": 19,
        "WRITE_ACK": 20,
        "ERROR": 21,
        "HELLO": 32,
        "SUBSCRIBE": 33,
        "ACK": 34,
        "WRITE": 35,
        "CLOSE_STDIN": 36,
        "RESIZE": 37,
        "SIGNAL": 38,
        "STOP": 39,
        "FOREGROUND": 40,
        "DISMISS": 41,
        "LOOK": 42,
    }


def test_the_other_end_of_a_socket_has_a_user() -> None:
    one, other = socket.socketpair()
    with one, other:
        assert peer_uid(one) == os.getuid()
