"""Removing folders that the measured code wrote into."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path


def remove(folder: Path) -> None:
    """Remove a folder with all that is in it, also where the measured code's umask kept everybody out."""
    _let_in(folder)
    for path, inner, _ in os.walk(folder):
        for name in inner:
            _let_in(Path(path, name))
    shutil.rmtree(folder, ignore_errors=True)


def _let_in(folder: Path) -> None:
    if not folder.is_symlink():
        with suppress(OSError):
            folder.chmod(0o700)
