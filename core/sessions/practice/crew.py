"""Run a practice agent by path: ``python -I -S crew.py --role worker``; ``--help`` says more.

Standard library only, and little of it: an agent is on screen some 15 ms after its start.
"""

from __future__ import annotations

import sys
from importlib import import_module

PACKAGE = "practice_crew"


def main() -> int:
    """Run the agent that the command line asks for; its exit code."""
    # Run by path there is no package, and -I keeps this folder off the path. One made by hand
    # lets the other files use relative imports and their compiled forms, and doesn't load ours.
    package = type(sys)(PACKAGE)
    package.__path__ = [__file__.rpartition("/")[0] or "."]
    sys.modules[PACKAGE] = package
    code: int = import_module(f"{PACKAGE}.command").main(sys.argv[1:])
    return code


if __name__ == "__main__":
    sys.exit(main())
