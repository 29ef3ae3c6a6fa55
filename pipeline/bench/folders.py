"""Removing folders that the measured code wrote into."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path


def remove(folder: Path) -> None:
    """Remove a folder with all that is in it, also where the measured code's umask kept everybody out."""
    for path, inner, _ in os.walk(folder):
        for each in (Path(path, name) for name in inner):
            if not each.is_symlink():
                with suppress(OSError):
                    each.chmod(0o700)
    shutil.rmtree(folder, ignore_errors=True)
