"""The comparison's agent, in C: compiled on the spot, run on a core of its own."""

from __future__ import annotations

import shutil
import subprocess
from base64 import b64encode
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx

from fakes.speech import Speaker, speak
from voiceutils.errors import VoiceError
from voiceutils.mulaw import SILENCE_FRAME

__all__ = ["Sink", "compiled"]

_HERE = Path(__file__).resolve().parent
_SAID = (
    "Hello, you have reached the front desk, how can I help you today?",
    "Your appointment is on Tuesday at half past nine, shall I confirm it?",
)


def compiled(name: str, into: Path) -> Path:
    """Compile one of the C programs.

    Raises:
        VoiceError: there is no C compiler, or it failed.
    """
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise VoiceError("no C compiler (cc) here")
    program = into / name
    made = subprocess.run(
        [compiler, "-O2", "-o", str(program), str(_HERE / f"{name}.c")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if made.returncode:
        raise VoiceError(f"{name}.c did not compile: {made.stderr.strip()[:400]}")
    return program


def _payloads() -> str:
    """Return what the agent says, as often silent as not, in frames, one a line."""
    lines: list[str] = []
    for number, text in enumerate(_SAID, 1):
        frames = speak(text, speaker=Speaker.AGENT, call=number).frames
        lines += [b64encode(frame).decode() for frame in frames]
        lines += [b64encode(SILENCE_FRAME).decode()] * len(frames)
    return "\n".join(lines)


class Sink:
    """A running agent; a context manager.

    Attributes:
        port: where it listens.

    Args:
        folder: for the program and what it says.
        prefix: what its command begins with, such as ``taskset``.
    """

    def __init__(self, folder: Path, prefix: tuple[str, ...] = ()) -> None:
        speech = folder / "payloads"
        speech.write_text(_payloads(), encoding="ascii")
        command = [*prefix, str(compiled("sink", folder)), "0", str(speech)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())

    def __enter__(self) -> Sink:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def stats(self) -> dict[str, Any]:
        """Return what was measured since the last time."""
        answer = httpx.get(f"http://127.0.0.1:{self.port}/stats", trust_env=False)
        found: dict[str, Any] = answer.json()
        return found
