"""The compiled engine: found only if fresh, and the same as its Python sources."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from fakes.engine import compiled
from fakes.engine.link import EngineProcess

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent
COMMAND = (sys.executable, "-m", "fakes.engine.compiled")
pure = pytest.mark.skipif(compiled.in_use(), reason="is about doing without")


def run(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command of this checkout, nothing about compiled modules inherited."""
    inherited = {k: v for k, v in os.environ.items() if k != compiled.VARIABLE}
    return subprocess.run(
        command,
        cwd=ROOT,
        env={**inherited, **environment},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )


def test_whatever_changes_in_the_sources_asks_for_another_build(tmp_path: Path) -> None:
    """A file's text, its name, and that it is there at all."""
    found: set[str] = set()
    for files in (
        {"fakes/a.py": "x = 1"},
        {"fakes/a.py": "x = 2"},
        {"fakes/b.py": "x = 1"},
        {"fakes/a.py": "x = 1", "voiceutils/a.py": ""},
        {"fakes/a.py": "", "voiceutils/a.py": "x = 1"},
    ):
        root = tmp_path / str(len(found))
        for name, text in files.items():
            (root / name).parent.mkdir(parents=True)
            (root / name).write_text(text, encoding="utf-8")
        found.add(compiled._key(root))
    assert len(found) == 5


@pure
def test_a_fresh_build_is_used_unless_it_is_turned_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And never where the interpreted classes are there already, as they are here."""
    monkeypatch.setenv("BUSYHOUR_CACHE", str(tmp_path))
    monkeypatch.delenv(compiled.VARIABLE, raising=False)
    for name in compiled.MODULES:
        import_module(name)
    assert not compiled.use()  # there is none
    (compiled._cache() / "of-other-sources").mkdir(parents=True)
    assert not compiled.use()
    (compiled._cache() / compiled._key(ROOT)).mkdir()
    with pytest.raises(ImportError, match="imported before the compiled ones"):
        compiled.use()
    monkeypatch.setenv(compiled.VARIABLE, "off")
    assert not compiled.use()


def test_without_a_compiler_the_command_says_so_in_a_line(tmp_path: Path) -> None:
    """And exits with 2."""
    done = run(*COMMAND, PATH="", BUSYHOUR_CACHE=str(tmp_path))
    assert done.returncode == 2
    assert done.stdout == "not compiled: no C compiler (cc) here\n"


@pytest.mark.skipif(not compiled.in_use(), reason="is about the compiled one")
def test_every_module_of_the_hot_path_is_compiled() -> None:
    """Where this runs under the command, none is the interpreted one."""
    for name in compiled.MODULES:
        assert str(import_module(name).__file__).endswith(compiled._SUFFIX)


def test_the_engine_says_which_one_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """As compiled as this process, or turned off."""
    if not compiled.in_use():
        monkeypatch.setenv(compiled.VARIABLE, "off")
    with EngineProcess() as engine:
        assert engine.health().compiled == compiled.in_use()


@pure
@pytest.mark.compiled
def test_compiled_it_does_the_same_byte_for_byte() -> None:
    """All that is proved of the path of a frame, of the compiled modules."""
    names = [
        *("engine_*", "twilio_arrivals", "twilio_caller", "twilio_stream"),
        *("twilio_virtual_call", "twilio_impairments", "twilio_playout"),
        *("twilio_engine", "twilio_leg*", "caller_*", "speech_code", "budget"),
    ]
    files = [str(file) for name in names for file in HERE.glob(f"test_{name}.py")]
    done = run(*COMMAND, "-m", "pytest", "-p", "no:cacheprovider", *files)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
