"""What the fakes' README shows runs as it stands there, ports aside."""

from __future__ import annotations

import re
import subprocess
import sys
import wave
from pathlib import Path

import pytest

from fakes.processes import AgentProcess, WorldProcess

README = Path(__file__).parents[2] / "fakes" / "README.md"
SCRIPT_SECONDS = 90


@pytest.mark.judged("Twilio: REST", by="twilio")
def test_the_outbound_call_is_made_and_recorded(tmp_path: Path) -> None:
    """The script rings somebody who talks with the agent, and leaves a recording."""
    blocks = re.findall(r"```python\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
    (script,) = (block for block in blocks if "calls.create" in block)
    with WorldProcess() as world, AgentProcess(world.addresses) as agent:
        script = script.replace("http://127.0.0.1:8414", world.addresses.twilio)
        script = script.replace("http://127.0.0.1:8080/voice", agent.url)
        ran = subprocess.run(
            [sys.executable, "-c", script],
            capture_output=True,
            check=False,
            cwd=tmp_path,
            text=True,
            timeout=SCRIPT_SECONDS,
        )
    assert ran.returncode == 0, ran.stderr
    said = re.fullmatch(r"completed after (\d+) s\n", ran.stdout)
    assert said, ran.stdout
    with wave.open(str(tmp_path / "outbound-call.wav")) as recording:
        assert recording.getnchannels() == 2
        assert recording.getframerate() == 8000
        seconds = recording.getnframes() / 8000
        sound = recording.readframes(recording.getnframes())
    assert seconds == pytest.approx(int(said[1]), abs=2)
    for channel in (0, 1):  # both were heard
        samples = memoryview(sound).cast("h")[channel::2]
        assert max(samples) > 2000
