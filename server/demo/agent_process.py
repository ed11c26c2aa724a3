"""The real agent, tied to whoever started it: `python -m server.demo.agent_process agent.toml`.

It is `forewarn-agent run --config agent.toml`, which ends as if told to when standard input does: a demo
that was killed must not leave an agent behind.
"""

from __future__ import annotations

import os
import signal
import sys
import threading

from device_agent.cli import main


def _leave_with_our_parent() -> None:
    # Not through sys.stdin: a thread that waits in it blocks the interpreter's end.
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    threading.Thread(target=_leave_with_our_parent, name="parent", daemon=True).start()
    sys.exit(main(["run", "--config", sys.argv[1]]))
