"""A git revision that benchmarks can run in: its files and its environment."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import NamedTuple

from fakes.cache_folder import cache
from voiceutils.errors import SettingError

__all__ = ["Revision", "revision"]

ROOT = Path(__file__).parents[2]
WORKING_TREE = "."
INSTALL_SECONDS = 600.0


class Revision(NamedTuple):
    """Where a revision stands.

    Attributes:
        name: as it was asked for.
        commit: its hash, or "working tree".
        folder: its files.
        python: an interpreter that has what it depends on.
    """

    name: str
    commit: str
    folder: Path
    python: Path


def revision(name: str) -> Revision:
    """Return a revision, checked out beside the cache's others; ``.`` is what is here.

    Two revisions with the same dependencies share this very environment, so that only
    the code differs; another set of dependencies gets an environment of its own.

    Raises:
        SettingError: git does not know it, or its dependencies cannot be installed.
    """
    if name == WORKING_TREE:
        return Revision(name, "working tree", ROOT, Path(sys.executable))
    commit = _git("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}", of=name)
    folder = cache() / "revisions" / commit
    if not folder.exists():
        _git("worktree", "prune", of=name)
        _git("worktree", "add", "--detach", "--force", str(folder), commit, of=name)
    return Revision(name, commit[:12], folder, _python(folder, name))


def _git(*arguments: str, of: str) -> str:
    ran = subprocess.run(
        ["git", "-C", str(ROOT), *arguments],
        capture_output=True,
        check=False,
        text=True,
    )
    if ran.returncode:
        reason = ran.stderr.strip().splitlines() or ["no such revision"]
        raise SettingError(f"git does not give us {of!r}: {reason[-1]}")
    return ran.stdout.strip()


def _dependencies(folder: Path) -> list[str]:
    project = tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))["project"]
    test: list[str] = project["optional-dependencies"]["test"]
    return sorted([*project["dependencies"], *test])


def _python(folder: Path, name: str) -> Path:
    wanted = _dependencies(folder)
    if wanted == _dependencies(ROOT):
        return Path(sys.executable)
    key = hashlib.sha256(repr((wanted, sys.version)).encode()).hexdigest()[:16]
    python = cache() / "environments" / key / "bin" / "python"
    if not python.exists():
        for command in (
            [sys.executable, "-m", "venv", str(python.parents[1])],
            [str(python), "-m", "pip", "install", "-q", *wanted],
        ):
            ran = subprocess.run(
                command,
                capture_output=True,
                check=False,
                text=True,
                timeout=INSTALL_SECONDS,
            )
            if ran.returncode:
                python.unlink(missing_ok=True)
                raise SettingError(
                    f"dependencies of {name!r} cannot be installed: "
                    f"{ran.stderr.strip()[-300:]}"
                )
    return python
