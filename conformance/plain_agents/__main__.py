"""``python -m conformance.plain_agents NAME``: put the suite, or a load, to one agent.

What the agent needs beside Python is installed at the first time. Further words go to
pytest (``--case 6``), or after ``--load`` to Locust.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

__all__ = ["AGENTS", "main"]

_HERE = Path(__file__).parent
_NODE = _HERE / "node"
AGENTS = {
    "python": (sys.executable, str(_HERE / "agent.py"), "{port}"),
    "node": ("node", str(_NODE / "agent.js"), "{port}"),
    "shell": (sys.executable, str(_HERE / "shell" / "serve.py"), "{port}"),
}
_INSTALL = ("npm", "ci", "--prefix", str(_NODE), "--no-audit", "--no-fund")


def main(words: Sequence[str] | None = None) -> NoReturn:
    """Become pytest or Locust, or end with 2 when that cannot be."""
    parser = argparse.ArgumentParser(
        prog="python -m conformance.plain_agents", description=__doc__
    )
    parser.add_argument("agent", choices=AGENTS)
    parser.add_argument(
        "--load", action="store_true", help="a load run instead of the numbered cases"
    )
    options, further = parser.parse_known_args(words)
    if options.agent == "node" and (missing := _what_node_lacks()):
        parser.exit(2, f"{parser.prog}: {missing}\n")
    agent = ["--stand-in", "--agent-command", shlex.join(AGENTS[options.agent])]
    tool = ["pytest", "conformance/agent"]
    if options.load:
        tool = ["locust", "-f", "loadtests", "--headless"]
    command = [sys.executable, "-m", *tool, *agent, *further]
    os.chdir(_HERE.parents[1])
    # In place of this process, so that Ctrl-C reaches the tool and nothing else.
    os.execv(sys.executable, command)


def _what_node_lacks() -> str:
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            return f"{program} is not installed"
    if (_NODE / "node_modules").is_dir():
        return ""
    if subprocess.run(_INSTALL, check=False).returncode:
        return "npm could not install the agent's packages"
    return ""


if __name__ == "__main__":
    main()
