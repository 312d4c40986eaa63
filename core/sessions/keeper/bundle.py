"""The one self-contained file from which keepers run, made of the modules beside this one."""

from __future__ import annotations

import ast
import contextlib
import hashlib
import importlib.util
import marshal
import secrets
import sys
import threading
from collections.abc import Iterator
from functools import cache
from pathlib import Path

PARTS = ("frames", "ring", "tree", "child", "connection", "keeper")
HEADER = importlib.util.MAGIC_NUMBER + bytes(12)


_MAKING = threading.Lock()
"""Sessions start in threads: two that parse at the same time may fail on Python 3.11 (seen on 3.11.7)."""


def keeper_program() -> bytes:
    """The parts as one compiled module without imports of each other.

    Compiled, it saves every keeper the time and the memory of compiling.
    """
    with _MAKING:
        return _made()


@cache
def _made() -> bytes:
    body = [node for part in PARTS for node in _statements(part)]
    future = ast.parse("from __future__ import annotations").body
    module = ast.Module(body=[*future, *body], type_ignores=[])
    code = compile(module, "keeper", "exec", dont_inherit=True, optimize=2)
    return HEADER + marshal.dumps(code)


def _statements(part: str) -> Iterator[ast.stmt]:
    source = Path(__file__).with_name(f"{part}.py").read_bytes()
    for node in ast.parse(source, part).body:
        ours = isinstance(node, ast.ImportFrom) and (node.level or node.module == "__future__")
        if not ours:
            yield node


def install_program(directory: Path) -> Path:
    """The program as a file in ``directory``, which must be the user's own; written if missing.

    :raises OSError: if it can't be written.
    """
    program = keeper_program()
    digest = hashlib.sha256(program).hexdigest()[:16]
    path = directory / f"keeper-{sys.implementation.cache_tag}-{digest}.pyc"
    with contextlib.suppress(FileNotFoundError):
        if path.read_bytes() == program:
            return path
    fresh = path.with_suffix(f".{secrets.token_hex(8)}")
    fresh.write_bytes(program)
    fresh.replace(path)
    return path
