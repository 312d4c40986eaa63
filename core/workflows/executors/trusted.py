"""Where functions that run in the engine's process are found: among its modules, or in a file beside the workflow's."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

from .function_process import find, reach


def find_trusted(name: str, folders: Iterable[Path]) -> Callable[..., Any]:
    """The function that ``module:function`` names; a module that is not installed is taken from ``folders``.

    :raises AttributeError, ImportError, TypeError: if there is none.
    """
    module, _, path = name.partition(":")
    try:
        found: Callable[..., Any] = find(name)
    except ModuleNotFoundError as error:
        file = next((one for one in _files(module, folders) if one.is_file()), None)
        if error.name != module or file is None:
            raise
        found = reach(_loaded(module, file), path, name)
    return found


def _files(module: str, folders: Iterable[Path]) -> Iterable[Path]:
    return (folder / f"{module}.py" for folder in folders)


def _loaded(name: str, file: Path) -> ModuleType:
    """The module in ``file`` as it is now: two files of one name, or two states of one, are two modules."""
    path = file.resolve()
    mark = hashlib.sha256(f"{path}\0{path.stat().st_mtime_ns}".encode()).hexdigest()[:16]
    known = sys.modules.get(private := f"_quarterdeck_{name}_{mark}")
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
