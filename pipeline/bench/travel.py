"""What of a user's folder travels to other nodes of a cluster, and what stays at home."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

_ANYWHERE = ["__pycache__", "node_modules", ".git", ".hg", ".svn", ".mypy_cache", ".ruff_cache", ".pytest_cache"]
_AT_THE_TOP = ["outputs", "build", "dist"]
"""Folders that tools made. Those of the second kind may be somebody's package further down."""


def working_dir(folder: str) -> dict[str, Any]:
    """Ray's runtime environment that brings the folder to a worker, as its own."""
    top = [*_AT_THE_TOP, *_environments(Path(folder))]
    return {"working_dir": folder, "excludes": [f"{each}/" for each in _ANYWHERE] + [f"/{each}/" for each in top]}


def runtime_env(folder: str) -> dict[str, Any]:
    """And this package with it."""
    return {**working_dir(folder), "py_modules": [str(Path(__file__).parent)]}


def size_bytes(folder: Path) -> tuple[int, bool]:
    """What travels of a folder, links followed; and whether that is only the most, as Ray heeds a .rayignore in it."""
    total, top, is_most = 0, {*_AT_THE_TOP, *_environments(folder)}, False
    for path, folders, files in os.walk(folder, followlinks=True):
        stays = {*_ANYWHERE, *(top if Path(path) == folder else ())}
        folders[:] = [each for each in folders if each not in stays and not _is_above(os.path.join(path, each))]  # noqa: PTH118
        is_most |= ".rayignore" in files
        for each in files:
            with suppress(OSError):  # a broken link
                total += os.stat(os.path.join(path, each)).st_size  # noqa: PTH116, PTH118 - many of them
    return total, is_most


def _is_above(place: str) -> bool:
    """Whether it is a link to a folder that it is in: there is no end to those."""
    link = Path(place)
    return link.is_symlink() and link.parent.resolve().is_relative_to(link.resolve())


def _environments(folder: Path) -> list[str]:
    """The virtual environments in it, whatever they are called."""
    return [path.parent.name for path in folder.glob("*/pyvenv.cfg")]
