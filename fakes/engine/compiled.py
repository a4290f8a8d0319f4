"""``python -m fakes.engine.compiled``: the engine's hot path as C extensions, optional.

`mypyc <https://mypyc.readthedocs.io>`_ compiles the typed modules that each frame of
each call passes through; the Python files remain their one source. Builds lie in the
user's cache, in a folder named after a hash of all sources, of Python and of mypy, so
that one which is stale is never found. The engine process takes a fresh one where
there is one; everything else runs the Python files, unless it calls :func:`use` first.
``BUSYHOUR_COMPILED=off`` turns it off. The command exits with 2 when it cannot build;
followed by ``-m MODULE`` and its arguments, it runs that with the compiled modules,
such as ``-m pytest conformance/core/test_engine_batches.py``.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import runpy
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import cache
from importlib.machinery import ExtensionFileLoader, ModuleSpec
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import ModuleType

# Nothing that is compiled may be loaded before the finder is in place; voiceutils has
# such modules, so nothing of it here.
from fakes import cache_folder

__all__ = ["MODULES", "VARIABLE", "build", "fresh_build", "in_use", "main", "use"]

VARIABLE = "BUSYHOUR_COMPILED"

MODULES = (
    "fakes.engine.bare_socket",
    "fakes.engine.wheel",
    "fakes.speech.code",
    "fakes.speech.reader",
    "fakes.twilio.caller.caller",
    "fakes.twilio.caller.ear",
    "fakes.twilio.caller.listening",
    "fakes.twilio.caller.microphone",
    "fakes.twilio.caller.party",
    "fakes.twilio.caller.saying",
    "fakes.twilio.leg.leg",
    "fakes.twilio.media.agent_messages",
    "fakes.twilio.media.arrivals",
    "fakes.twilio.media.playout",
    "fakes.twilio.media.seat",
    "fakes.twilio.media.shortcut",
    "fakes.twilio.media.stream",
    "fakes.twilio.media.stream_core",
    "fakes.twilio.media.stream_messages",
    "voiceutils.budget",
    "voiceutils.mulaw",
)
"""What is compiled, all together: compiled modules call each other past Python."""

_ROOT = Path(__file__).resolve().parents[2]
_PACKAGES = ("fakes", "voiceutils")
_GROUP = "busyhour"
_SHARED = f"{_GROUP}__mypyc"  # the library that holds the code of all modules
_SUFFIX: str = sysconfig.get_config_var("EXT_SUFFIX") or ".so"
_LONGEST = 600.0  # seconds for a build
_KEPT = 8  # builds in the cache
# Optimised more, it takes a third longer to build and runs no faster: what is left is
# the work of Python's own objects.
_SETUP = """\
from mypyc.build import mypycify
from setuptools import setup

files = {files!r}
setup(
    name="{group}-compiled",
    ext_modules=mypycify(
        ["--ignore-missing-imports", "--no-error-summary", *files],
        opt_level="1", debug_level="0", group_name="{group}",
    ),
    packages=[],
)
"""


class _Finder:
    """Finds the compiled modules in the folder of a build."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._names = frozenset((*MODULES, _SHARED))

    def find_spec(
        self,
        name: str,
        path: Sequence[str] | None = None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        """Return where a module is; None when it is not compiled."""
        if name not in self._names:
            return None
        file = str(self._folder / _file_of(name))
        return importlib.util.spec_from_file_location(
            name, file, loader=ExtensionFileLoader(name, file)
        )


def use() -> bool:
    """Have the compiled modules imported from now on, if there is a fresh build.

    Returns:
        Whether there is one, and it was not turned off.

    Raises:
        ImportError: one of the modules was imported before; then the compiled classes
            and the interpreted ones would meet.
    """
    if in_use():
        return True
    if os.environ.get(VARIABLE, "") == "off":
        return False
    folder = fresh_build()
    if folder is None:
        return False
    early = [name for name in MODULES if name in sys.modules]
    if early:
        raise ImportError(f"imported before the compiled ones: {', '.join(early)}")
    sys.meta_path.insert(0, _Finder(folder))
    return True


def in_use() -> bool:
    """Whether the compiled modules are imported here."""
    return any(isinstance(finder, _Finder) for finder in sys.meta_path)


def fresh_build() -> Path | None:
    """Return the folder of the build of these very sources; None: there is none."""
    folder = _cache() / _key(_ROOT)
    return folder if folder.is_dir() else None


def build() -> Path:
    """Compile, unless it is done already; return the folder.

    Raises:
        SettingError: mypy, setuptools or a C compiler is missing, or one failed.
    """
    from voiceutils.errors import SettingError

    fresh = fresh_build()
    if fresh is not None:
        return fresh
    for name in ("mypyc", "setuptools"):
        if importlib.util.find_spec(name) is None:
            raise SettingError(f"{name} is missing: pip install 'busyhour[compiled]'")
    if shutil.which("cc") is None and shutil.which("gcc") is None:
        raise SettingError("no C compiler (cc) here")
    cache = _cache()
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix="building-") as name:
        # Of a copy, so that the hash is that of what is compiled, whoever edits.
        sources, made = Path(name) / "sources", Path(name) / "made"
        for file in _files(_ROOT):
            (sources / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(_ROOT / file, sources / file)
        _compile(sources, made)
        folder = cache / _key(sources)
        with suppress(OSError):  # somebody else was quicker
            made.rename(folder)
    _prune(cache)
    return folder


def _compile(sources: Path, made: Path) -> None:
    files = [f"{name.replace('.', '/')}.py" for name in MODULES]
    script = _SETUP.format(files=files, group=_GROUP)
    (sources / "setup.py").write_text(script, encoding="utf-8")
    command = [sys.executable, "setup.py", "-q", "build_ext", f"--build-lib={made}"]
    _run(command, sources, "mypyc")
    # What cannot be loaded must not be found.
    trial = (
        "from pathlib import Path; from fakes.engine import compiled; import sys;"
        f"sys.meta_path.insert(0, compiled._Finder(Path({str(made)!r})));"
        "[__import__(name) for name in compiled.MODULES]"
    )
    _run([sys.executable, "-c", trial], sources, "the trial of what it compiled")


def _run(command: list[str], folder: Path, what: str) -> None:
    from voiceutils.errors import SettingError

    try:
        done = subprocess.run(
            command,
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=_LONGEST,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise SettingError(f"{what} took more than {_LONGEST:g} s") from error
    if done.returncode:
        said = [line for line in (done.stderr + done.stdout).splitlines() if line]
        raise SettingError(f"{what} failed: {' / '.join(said[-3:])[:400]}")


def _prune(cache: Path) -> None:
    """Forget all builds but the newest."""
    builds = [at for at in cache.iterdir() if not at.name.startswith("building-")]
    builds.sort(key=lambda at: at.stat().st_mtime)
    for old in builds[:-_KEPT]:
        shutil.rmtree(old, ignore_errors=True)


def _cache() -> Path:
    return cache_folder.cache() / "compiled"


def _files(root: Path) -> Iterator[Path]:
    """Return all sources, in a fixed order, as paths from the root."""
    for package in _PACKAGES:
        for file in sorted((root / package).rglob("*.py")):
            yield file.relative_to(root)


@cache
def _key(root: Path) -> str:
    """Return what tells this build from all others."""
    digest = hashlib.sha256(f"{sys.version}\0{_SUFFIX}\0{_mypy()}".encode())
    for file in _files(root):
        text = (root / file).read_bytes()
        digest.update(f"\0{file.as_posix()}\0{len(text)}\0".encode())
        digest.update(text)
    return digest.hexdigest()[:32]


def _mypy() -> str:
    try:
        return version("mypy")
    except PackageNotFoundError:
        return ""


def _file_of(name: str) -> str:
    return name.replace(".", "/") + _SUFFIX


def main(words: Sequence[str] | None = None) -> int:
    """Build; say what was done; run a module with it if asked; return the exit code."""
    words = sys.argv[1:] if words is None else words
    if not words:
        return _build_and_say()
    if words[0] != "-m" or len(words) < 2:
        print("usage: python -m fakes.engine.compiled [-m MODULE [ARGUMENT ...]]")
        return 2
    if fresh_build() is None:
        # In a process of its own: errors are of voiceutils.
        built = subprocess.run([sys.executable, "-m", __spec__.name], check=False)
        if built.returncode:
            return built.returncode
        _key.cache_clear()
    if not use():
        print(f"{VARIABLE}=off", file=sys.stderr)
    sys.argv = [*words[1:]]
    runpy.run_module(words[1], run_name="__main__", alter_sys=True)
    return 0


def _build_and_say() -> int:
    from voiceutils.errors import SettingError

    begun = time.monotonic()
    had = fresh_build()
    try:
        folder = build()
    except SettingError as error:
        print(f"not compiled: {error}")
        return 2
    if had is not None:
        print(f"compiled before, and fresh: {folder}")
        return 0
    took = time.monotonic() - begun
    print(f"compiled {len(MODULES)} modules in {took:.0f} s: {folder}")
    return 0


if __name__ == "__main__":
    # Not this copy of the module: whoever asks whether it is in use asks the other.
    from fakes.engine.compiled import main as run

    sys.exit(run())
