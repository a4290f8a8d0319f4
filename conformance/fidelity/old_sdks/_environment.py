"""An environment for one version of one package, made once and kept."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from fakes.cache_folder import cache

__all__ = ["python_with"]

INSTALL_SECONDS = 300.0


def python_with(package: str, version: str) -> Path:
    """Return the interpreter of an environment that holds this version.

    It stays in :func:`fakes.cache_folder.cache`, about 50 MB each.

    Raises:
        subprocess.CalledProcessError: it could not be installed; the output says why.
    """
    tag = f"{package}-{version}-{sys.implementation.cache_tag}"
    kept = cache() / tag
    python = kept / "bin" / "python"
    if python.exists():
        return python
    kept.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=f"{tag}-", dir=kept.parent))
    try:
        _run(sys.executable, "-m", "venv", str(made))
        install = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check")
        _run(str(made / "bin" / "python"), *install, f"{package}=={version}")
        made.rename(kept)  # whoever runs beside us may have been first
    except OSError:
        if not python.exists():
            raise
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return python


def _run(*command: str) -> None:
    subprocess.run(command, check=True, timeout=INSTALL_SECONDS)
