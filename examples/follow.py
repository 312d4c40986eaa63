"""Follow what needs a person, over the engine's socket: JSON lines, nothing but the standard library.

python follow.py           prints each attention item as it comes
python follow.py --once    prints those that are open now, and ends
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def engine_socket() -> str:
    """The socket of the engine that runs, as it entered itself in its state directory."""
    told = subprocess.run(
        ["quarterdeck", "health", "--json"], check=True, capture_output=True, text=True
    )
    state_dir = json.loads(told.stdout)["engine"]["state_dir"]
    return str(json.loads((Path(state_dir) / "engine.lock").read_text())["socket"])


def messages(link: socket.socket, *wishes: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What comes after ``wishes`` are sent."""
    with link.makefile("rw", encoding="utf-8") as lines:
        for wish in wishes:
            lines.write(json.dumps(wish) + "\n")
        lines.flush()
        for line in lines:
            yield json.loads(line)


def main() -> None:
    """Print the items of the snapshot, then those that are raised."""
    hello = {"kind": "hello", "protocol": 1, "client": "follow.py"}
    follow = {"kind": "follow", "topics": ["attention.raised", "system.state_snapshot"]}
    with socket.socket(socket.AF_UNIX) as link:
        link.connect(engine_socket())
        for message in messages(link, hello, follow):
            payload = message.get("payload", {})
            if "state" in payload:
                for item in payload["state"]["attention"]:
                    print(item["kind"], item["title"])
                if "--once" in sys.argv:
                    return
            elif "item" in payload:
                print(payload["item"]["kind"], payload["item"]["title"])


if __name__ == "__main__":
    main()
