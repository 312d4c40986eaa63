"""Who is at the other end of a Unix socket."""

from __future__ import annotations

import socket
import struct
import sys

_LINUX = struct.Struct("iII")  # pid, uid, gid
_MAC = struct.Struct("=IIh")  # version, uid, number of groups
_MAC_LEVEL, _MAC_CREDENTIALS, _MAC_SIZE = 0, 1, 76


def peer_uid(link: socket.socket) -> int | None:
    """The user id of the process at the other end; ``None`` where the system does not say."""
    try:
        if sys.platform == "linux":
            raw = link.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _LINUX.size)
            return int(_LINUX.unpack(raw)[1])
        if sys.platform == "darwin":
            raw = link.getsockopt(_MAC_LEVEL, _MAC_CREDENTIALS, _MAC_SIZE)
            return int(_MAC.unpack_from(raw)[1])
    except (OSError, struct.error):
        return None
    return None
