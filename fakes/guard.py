"""Ends a child whose parent was killed and could not end it itself.

A shell waits at a pipe whose other end only the parent holds; when the parent is gone,
however it went, the pipe ends and the shell ends the child. Linux alone could do it by
``PR_SET_PDEATHSIG``, which also strikes when merely the thread that started the child
ends.
"""

from __future__ import annotations

import contextlib
import os
import subprocess

__all__ = ["Guard"]

# As politely as a stop: five seconds to leave. The whole group, for a command may be a
# script that started the agent proper; the child leads a session of its own.
_WATCH = """
read -r _
kill -TERM -"$1" 2>/dev/null
for _ in 1 2 3 4 5 6 7 8 9 10; do
  kill -0 -"$1" 2>/dev/null || exit 0
  sleep 0.5
done
kill -KILL -"$1" 2>/dev/null
"""


class Guard:
    """Watches over one child; does nothing where there is no POSIX shell.

    Args:
        pid: of the child, which leads a process group.
    """

    def __init__(self, pid: int) -> None:
        self._shell: subprocess.Popen[bytes] | None = None
        if os.name != "posix":
            return
        with contextlib.suppress(OSError):
            self._shell = subprocess.Popen(
                ["/bin/sh", "-c", _WATCH, "guard", str(pid)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )

    def dismiss(self) -> None:
        """Watch no longer, for the child has ended; harmless when repeated."""
        shell, self._shell = self._shell, None
        if shell is None:
            return
        shell.kill()  # first of all: the end of the pipe would mean something else
        shell.wait()
        if shell.stdin is not None:
            shell.stdin.close()
