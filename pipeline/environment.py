"""What this machine, this interpreter and these packages are: a run's environment."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from . import __version__
from .bench import node
from .cells import digest


def describe(measured: Path | None) -> dict[str, Any]:
    """The environment as `environment.json` keeps it; what the system does not tell is `None`.

    Its `id` stands for machine, interpreter and packages; `code` (git commit and whether the tree has changes) is
    that of the folder `measured` and merely accompanies it.
    """
    known = {**node.describe(), "packages": _packages()}
    return {"id": digest(known), "pipeline": __version__, **known, "code": _git(measured)}


def _packages() -> dict[str, str]:
    """Installed packages and versions, read off the names of their metadata folders: importlib.metadata opens each."""
    found: dict[str, str] = {}
    for entry in sys.path:
        with suppress(OSError):
            for name in os.listdir(entry or "."):  # noqa: PTH208 - names alone are needed
                if name.endswith(".dist-info"):
                    package, _, version = name.removesuffix(".dist-info").partition("-")
                    found.setdefault(package.lower().replace("_", "-"), version)
    return dict(sorted(found.items()))


def _git(folder: Path | None) -> dict[str, Any] | None:
    if folder is None:
        return None

    def ask(*words: str) -> str:
        command = ["git", "-C", str(folder), *words]
        quietly = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}  # the user may be at work there
        done = subprocess.run(command, env=quietly, capture_output=True, timeout=5, check=True)
        return done.stdout.decode(errors="replace").strip()

    try:
        commit = ask("rev-parse", "HEAD")
        return {"commit": commit, "dirty": bool(ask("status", "--porcelain", "--untracked-files=no"))}
    except (OSError, subprocess.SubprocessError):
        return None
