"""The development face of the package: its folders are the repository's own."""

from pathlib import Path

__path__ = [str(Path(__file__).resolve().parents[2])]
