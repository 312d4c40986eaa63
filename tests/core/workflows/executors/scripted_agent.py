"""Sessions for tests of attempts: the crew, and an agent that a test tells what to do."""

from __future__ import annotations

from typing import Any

from tests.core.sessions.rig import definitions

# Reads lines; each is a turn that it announces by OSC 7501. "file" leaves a result, "hang" never ends.
# With AT_START it says that and takes no line.
SCRIPTED = r"""
say() { printf '\033]7501;state=%s\033\\' "$1"; }
if [ -n "$AT_START" ]; then say "$AT_START"; sleep 300; fi
say idle
while printf '> '; IFS= read -r line; do
  say working; sleep 0.1; echo "did $line"
  case $line in
    *file*) printf '{"n": 1}' > "$QUARTERDECK_RESULT";;
    *hang*) sleep 300;;
    *slow*) while [ ! -e go ]; do sleep 0.05; done; echo "done $line";;
    *die*) exit 5;;
    *fail*) say error; sleep 300;;
  esac
  say done
done
"""


def agents() -> dict[str, Any]:
    """The crew, and one that a test tells what to do."""
    found = definitions()
    scripted = found["script"].model_copy(
        update={
            "name": "scripted",
            "args": (SCRIPTED,),
            "reports": True,
            "prompt": found["script"].prompt.model_copy(update={"paste": "typed"}),
        }
    )
    return {**found, "scripted": scripted}
