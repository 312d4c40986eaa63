"""Where functions that run in the engine's process are found: among its modules, or in a file beside the workflow's."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterable
from functools import lru_cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

from .function_process import find, reach

MOST = 256
"""Modules, and files, that are remembered."""

_BESIDE: set[str] = set()
"""Modules that are not installed; to look for one everywhere costs more than most functions."""


def find_trusted(name: str, folders: Iterable[Path]) -> Callable[..., Any]:
    """The function that ``module:function`` names; a module that is not installed is taken from ``folders``.

    :raises AttributeError, ImportError, TypeError: if there is none.
    """
    module, _, path = name.partition(":")
    if module in _BESIDE and (file := _file_of(module, folders)) is not None:
        return _reached(module, file, path, name)
    try:
        found: Callable[..., Any] = find(name)
    except ModuleNotFoundError as error:
        file = _file_of(module, folders)
        if error.name != module or file is None:
            raise
        if len(_BESIDE) >= MOST:
            _BESIDE.clear()
        _BESIDE.add(module)
        found = _reached(module, file, path, name)
    return found


def _reached(module: str, file: Path, path: str, name: str) -> Callable[..., Any]:
    found: Callable[..., Any] = reach(_loaded(module, file), path, name)
    return found


def _file_of(module: str, folders: Iterable[Path]) -> Path | None:
    return next((one for folder in folders if (one := folder / f"{module}.py").is_file()), None)


@lru_cache(MOST)
def _private(name: str, file: Path, modified: int) -> tuple[str, Path]:
    """The name under which a state of a file is known, and where it is."""
    path = file.resolve()
    mark = hashlib.sha256(f"{path}\0{modified}".encode()).hexdigest()[:16]
    return f"_quarterdeck_{name}_{mark}", path


def _loaded(name: str, file: Path) -> ModuleType:
    """The module in ``file`` as it is now: two files of one name, or two states of one, are two modules."""
    private, path = _private(name, file, file.stat().st_mtime_ns)
    known = sys.modules.get(private)
    if known is not None:
        return known
    spec = spec_from_file_location(private, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} can't be loaded", name=name)
    made = module_from_spec(spec)
    sys.modules[private] = made
    try:
        spec.loader.exec_module(made)
    except BaseException:
        del sys.modules[private]
        raise
    return made
