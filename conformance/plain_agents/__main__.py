"""``python -m conformance.plain_agents NAME``: put the suite, or a load, to one agent.

What the agent needs beside Python is installed at the first time. Further words go to
pytest (``--case 6``), or after ``--load`` to Locust.
"""

from __future__ import annotations

import argparse
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

__all__ = ["AGENTS", "main"]

_HERE = Path(__file__).parent
_NODE = _HERE / "node"
AGENTS = {
    "python": (sys.executable, str(_HERE / "agent.py"), "{port}"),
    "node": ("node", str(_NODE / "agent.js"), "{port}"),
    "shell": (sys.executable, str(_HERE / "shell" / "serve.py"), "{port}"),
}
_INSTALL = ("npm", "ci", "--prefix", str(_NODE), "--no-audit", "--no-fund")


def main(words: Sequence[str] | None = None) -> int:
    """Run pytest or Locust; return its exit code, or 2 when that cannot be."""
    parser = argparse.ArgumentParser(
        prog="python -m conformance.plain_agents", description=__doc__
    )
    parser.add_argument("agent", choices=AGENTS)
    parser.add_argument(
        "--load", action="store_true", help="a load run instead of the numbered cases"
    )
    options, further = parser.parse_known_args(words)
    if options.agent == "node" and (missing := _what_node_lacks()):
        print(f"python -m conformance.plain_agents: {missing}", file=sys.stderr)
        return 2
    agent = ["--stand-in", "--agent-command", shlex.join(AGENTS[options.agent])]
    tool = ["pytest", "conformance/agent"]
    if options.load:
        tool = ["locust", "-f", "loadtests", "--headless"]
    command = [sys.executable, "-m", *tool, *agent, *further]
    return subprocess.run(command, cwd=_HERE.parents[1], check=False).returncode


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
    sys.exit(main())
