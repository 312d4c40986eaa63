"""The size gate: files, classes and functions stay small enough to read.

    python tests/gates/size_gate.py [ROOT]

Every figure counts lines as an editor shows them, docstrings and comments included. Exit code 1
with one line for each fault, FILE:LINE first; the figures themselves are printed either way.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

MEASURED = ("core", "state", "tui", "cli")
FILES_ONLY = ("tests", "bench", "examples", "docs")

FILE_LINES = 500
CLASS_METHODS = 40
LONG_FUNCTION = 50
LONG_SHARE = 0.01
P90 = 24
MEDIAN = 7
NAMED = 5


@dataclass(frozen=True)
class Piece:
    """A file, class or function with its size: lines, or methods for a class."""

    path: Path
    line: int
    name: str
    size: int

    def fault(self, unit: str, limit: int) -> str:
        """One line that names the piece, its size and the most it may have."""
        return f"{self.path}:{self.line}: {self.name} has {self.size} {unit}, at most {limit}"


Function = ast.FunctionDef | ast.AsyncFunctionDef


def python_files(root: Path, folders: Sequence[str]) -> Iterator[Path]:
    """The Python files under ``folders`` of ``root``, relative to it, in order; hidden folders are no code of ours."""
    for folder in folders:
        for path in sorted((root / folder).rglob("*.py")):
            relative = path.relative_to(root)
            if not any(part.startswith(".") for part in relative.parts):
                yield relative


def measure_file(root: Path, path: Path) -> Piece:
    """The lines of a file."""
    lines = (root / path).read_text(encoding="utf-8").count("\n")
    return Piece(path, 1, "the file", lines)


def measure_class(path: Path, node: ast.ClassDef) -> Piece:
    """The methods of a class; overloads and a property's setter count once."""
    methods = {child.name for child in node.body if isinstance(child, Function)}
    return Piece(path, node.lineno, f"class {node.name}", len(methods))


def measure_function(path: Path, node: Function) -> Piece:
    """The lines of a function from its ``def`` on."""
    last = node.end_lineno or node.lineno
    return Piece(path, node.lineno, f"{node.name}()", last - node.lineno + 1)


def measure_code(root: Path, path: Path) -> tuple[list[Piece], list[Piece]]:
    """The classes and the functions of a file, nested ones included."""
    tree = ast.parse((root / path).read_text(encoding="utf-8"), str(path))
    nodes = list(ast.walk(tree))
    classes = [measure_class(path, node) for node in nodes if isinstance(node, ast.ClassDef)]
    functions = [measure_function(path, node) for node in nodes if isinstance(node, Function)]
    return classes, functions


def percentile(functions: Sequence[Piece], share: float) -> int:
    """The size that ``share`` of the functions don't exceed; 0 for none."""
    sizes = sorted(piece.size for piece in functions)
    return sizes[min(int(share * len(sizes)), len(sizes) - 1)] if sizes else 0


def longest(functions: Sequence[Piece], above: int) -> list[Piece]:
    """The functions above ``above`` lines, longest first."""
    found = [piece for piece in functions if piece.size > above]
    return sorted(found, key=lambda piece: (-piece.size, str(piece.path), piece.line))


def function_faults(functions: Sequence[Piece]) -> Iterator[str]:
    """What the functions as a whole offend against, with the ones to begin at."""
    too_long = longest(functions, LONG_FUNCTION)
    if len(too_long) > LONG_SHARE * len(functions):
        yield f"{len(too_long)} of {len(functions)} functions are above {LONG_FUNCTION} lines, at most 1 in 100:"
        yield from (f"  {piece.fault('lines', LONG_FUNCTION)}" for piece in too_long)
    for name, share, limit in (("90th percentile", 0.9, P90), ("median", 0.5, MEDIAN)):
        found = percentile(functions, share)
        if found > limit:
            yield f"the functions' {name} is {found} lines, at most {limit}; the longest:"
            named = longest(functions, limit)[:NAMED]
            yield from (
                f"  {piece.path}:{piece.line}: {piece.name} {piece.size}" for piece in named
            )


def check(root: Path) -> tuple[list[str], str]:
    """The faults under ``root``, and one line of figures."""
    code = list(python_files(root, MEASURED))
    files = [measure_file(root, path) for path in [*code, *python_files(root, FILES_ONLY)]]
    measured = [measure_code(root, path) for path in code]
    classes = [piece for found, _ in measured for piece in found]
    functions = [piece for _, found in measured for piece in found]
    faults = [piece.fault("lines", FILE_LINES) for piece in files if piece.size > FILE_LINES]
    faults += [
        piece.fault("methods", CLASS_METHODS) for piece in classes if piece.size > CLASS_METHODS
    ]
    faults += function_faults(functions)
    figures = (
        f"{len(files)} files, {len(classes)} classes, {len(functions)} functions: "
        f"median {percentile(functions, 0.5)} lines, 90th percentile {percentile(functions, 0.9)}, "
        f"{len(longest(functions, LONG_FUNCTION))} above {LONG_FUNCTION}"
    )
    return faults, figures


def main(arguments: Sequence[str]) -> int:
    """Print the faults and the figures; 1 if there is a fault."""
    root = Path(arguments[0]) if arguments else Path(__file__).resolve().parents[2]
    faults, figures = check(root)
    for fault in faults:
        print(fault)  # noqa: T201 - a script's output
    print(f"size gate: {figures}")  # noqa: T201 - a script's output
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
