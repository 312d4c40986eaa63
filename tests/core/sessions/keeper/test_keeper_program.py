"""The one file that keepers run from."""

from __future__ import annotations

import ast
import marshal
import subprocess
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from quarterdeck.core.sessions.keeper import bundle
from quarterdeck.core.sessions.keeper.bundle import (
    HEADER,
    PARTS,
    install_program,
    keeper_program,
)

FORBIDDEN = {
    "_ctypes",
    "asyncio",
    "collections.abc.typing",
    "ctypes",
    "dataclasses",
    "inspect",
    "logging",
    "multiprocessing",
    "pathlib",
    "quarterdeck",
    "subprocess",
    "threading",
    "typing",
}

MODULES = """
import runpy, sys
before = set(sys.modules)
runpy_free = exec(compile(open(sys.argv[1]).read(), "x", "exec"), {"__name__": "keeper"})
print(*sys.modules)
"""


def sources() -> dict[str, ast.Module]:
    folder = Path(bundle.__file__).parent
    return {part: ast.parse((folder / f"{part}.py").read_text()) for part in PARTS}


def test_the_parts_name_nothing_twice() -> None:
    names: Counter[str] = Counter()
    for tree in sources().values():
        for node in tree.body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                names[node.name] += 1
            elif isinstance(node, ast.Assign | ast.AnnAssign):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                for target in targets:
                    names.update(name.id for name in ast.walk(target) if isinstance(name, ast.Name))
    assert [name for name, count in names.items() if count > 1] == []


def test_the_parts_import_the_standard_library_and_earlier_parts_alone() -> None:
    earlier: set[str] = set()
    for part, tree in sources().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                assert {alias.name for alias in node.names} <= sys.stdlib_module_names
            elif isinstance(node, ast.ImportFrom) and node.level:
                assert node.level == 1
                assert node.module in earlier
                assert all(alias.asname is None for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                assert str(node.module).partition(".")[0] in sys.stdlib_module_names
        earlier.add(part)


def test_nothing_is_imported_after_the_start() -> None:
    for tree in sources().values():
        inside = [
            node
            for statement in tree.body
            if not isinstance(statement, ast.Import | ast.ImportFrom)
            for node in ast.walk(statement)
            if isinstance(node, ast.Import | ast.ImportFrom)
        ]
        assert inside == []


def test_the_program_loads_nothing_heavy(tmp_path: Path) -> None:
    code = marshal.loads(keeper_program()[len(HEADER) :])  # noqa: S302  # our own
    assert code.co_filename == "keeper"
    program = tmp_path / "load.py"
    program.write_text(
        "import marshal, sys\n"
        f"code = marshal.loads({marshal.dumps(code)!r})\n"
        "exec(code, {'__name__': 'not main'})\n"
        "print(*sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(program)], capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split())
    assert "termios" in loaded
    assert loaded & FORBIDDEN == set()


def test_the_program_is_written_once(tmp_path: Path) -> None:
    path = install_program(tmp_path)
    assert path.read_bytes() == keeper_program()
    before = path.stat()
    assert install_program(tmp_path) == path
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    assert path.stat().st_ino == before.st_ino
    assert list(tmp_path.iterdir()) == [path]


def test_a_damaged_program_is_written_anew(tmp_path: Path) -> None:
    path = install_program(tmp_path)
    path.write_bytes(b"damaged")
    assert install_program(tmp_path).read_bytes() == keeper_program()


def test_a_program_that_can_not_be_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        install_program(tmp_path / "gone")


def test_it_is_made_once_by_one_thread_however_many_sessions_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """On Python 3.11 two threads that parse at the same time fail."""
    making, begin = threading.Lock(), threading.Barrier(8)
    overlaps = []
    parse = ast.parse

    def alone(*given: Any) -> ast.AST:
        overlaps.append(not making.acquire(blocking=False))
        try:
            time.sleep(0.001)
            found: ast.AST = parse(*given)
            return found
        finally:
            if not overlaps[-1]:
                making.release()

    def make(_: int) -> bytes:
        begin.wait()
        return keeper_program()

    bundle._made.cache_clear()
    monkeypatch.setattr(ast, "parse", alone)
    with ThreadPoolExecutor(8) as threads:
        programs = set(threads.map(make, range(8)))
    assert len(programs) == 1
    assert (len(overlaps), any(overlaps)) == (len(PARTS) + 1, False)
