"""Schedulers and workers of Dask as processes of their own, forked from this one, which has it loaded.

Run as a program: each line on standard input starts a node, and is answered with its process and address.
All nodes end with this program, which ends with its input.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from typing import Any

import dask.config
from distributed import Scheduler, Security, Worker


async def serve(order: dict[str, Any], report: int) -> None:
    """Be a node until it is told to close."""
    security = Security(**order.pop("security", {}))
    given: dict[str, Any] = {"security": security, "dashboard_address": "127.0.0.1:0", **order}
    kind: Any = Worker if "scheduler_ip" in order else Scheduler
    if kind is Scheduler:
        given |= {"dashboard": False, "protocol": "tls" if security.require_encryption else "tcp"}
    async with kind(**given) as node:
        os.write(report, json.dumps({"pid": os.getpid(), "address": node.address}).encode())
        os.close(report)
        await node.finished()


def become_node(order: dict[str, Any], report: int) -> None:
    """In the forked process."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    null = os.open(os.devnull, os.O_RDWR)
    log = os.open(order.pop("log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for target, fd in enumerate((null, log, log)):
        os.dup2(fd, target)
    code = 1
    try:
        asyncio.run(serve(order, report))
        code = 0
    finally:
        os._exit(code)


def main() -> None:
    """Start what is asked for."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    dask.config.set(
        {"distributed.admin.tick.interval": "1s", "distributed.worker.profile.enabled": False}
    )
    pids: list[int] = []
    while line := sys.stdin.readline():
        reading, report = os.pipe()
        pid = os.fork()
        if not pid:
            os.close(reading)
            become_node(json.loads(line), report)
        os.close(report)
        pids.append(pid)
        with os.fdopen(reading, "rb") as answer:
            said = answer.read()
        print((said or b"{}").decode(), flush=True)  # noqa: T201  # it is the answer
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


if __name__ == "__main__":
    main()
