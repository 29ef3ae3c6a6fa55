"""Where the measured code is and what it is, without importing it."""

from __future__ import annotations

import hashlib
import sys
import sysconfig
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

from .cells import Sweep, Workload
from .errors import InputError
from .matrix import ROOT

SHIPPED = ROOT / "experiments"
"""Our own, which no node has."""


def resolve(reference: str | None, folder: Path) -> str | None:
    """The reference with a relative file made absolute: one of ours if it exists here, else in `folder`.

    Ours come first so that a user's own `experiments/io.py` does not change what `workload=io` measures; such a
    file is named with `./` before it.

    Raises:
        InputError: there is no such file.
    """
    if reference is None:
        return None
    place, _, name = reference.rpartition(":")
    if not place.endswith(".py"):
        return reference
    ours = ROOT / place
    path = ours if not place.startswith(("./", "../")) and _is_file(ours) else folder / place
    if not _is_file(path):
        raise InputError(f"{reference}: there is no file {place} in {folder}; check the path, or start elsewhere")
    return f"{path.resolve()}:{name}"


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # no file can have such a name, or it is none of the user's
        return False


def describe(workload: Workload, folder: Path) -> dict[str, Any]:
    """The workload as arms get it: plain JSON, files absolute."""
    described = {key: workload.definition[key] for key in ("params", "inputs")}
    for key in ("task", "job", "reset"):
        described[key] = resolve(getattr(workload, key), folder)
    if isinstance(workload.inputs, str):
        described["inputs"] = resolve(workload.inputs, folder)
    described["check"] = workload.check if workload.check in ("auto", "none") else resolve(workload.check, folder)
    return described


def digests(sweep: Sweep, folder: Path, path: list[str]) -> dict[str, str]:
    """What each reference leads to: the digest of its source, or for an installed package its version.

    The source of a module is that of its whole top-level package, since a module passes on what others of its package
    define; that of a file is the file. References whose module is not found are left out: the preflight says what is
    wrong with them.
    """
    found: dict[str, str] = {}
    for workload in {cell.workload.id: cell.workload for cell in sweep.cells}.values():
        inputs = workload.inputs if isinstance(workload.inputs, str) else None
        check = None if workload.check in ("auto", "none") else workload.check
        for reference in (workload.task, workload.job, inputs, check, workload.reset):
            if reference is None or reference in found:
                continue
            file = find_file(reference, folder, path)
            if file is not None:
                found[reference] = _installed_version(file) or _digest(file, reference.rpartition(":")[0])
    return found


def _digest(file: Path, place: str) -> str:
    parts = 0 if place.endswith(".py") else place.count(".") + (file.name == "__init__.py")
    # An editor's lock is a link to nowhere, `.#name.py`.
    files = [file] if parts == 0 else sorted(filter(Path.is_file, file.parents[parts - 1].rglob("*.py")))
    whole = hashlib.sha256()
    for each in files:
        whole.update(each.relative_to(file.parents[max(parts - 1, 0)]).as_posix().encode())
        whole.update(each.read_bytes())
    return whole.hexdigest()[:12]


def find_file(reference: str, folder: Path, path: list[str]) -> Path | None:
    """The file of a reference's module; `None` where it has none or is not found."""
    place = (resolve(reference, folder) or "").rpartition(":")[0]
    if place.endswith(".py"):
        return Path(place)
    # Step by step down the path: importlib.util.find_spec would import the parents.
    where: list[str] | None = [str(folder), *path, *sys.path]
    spec = None
    for depth in range(len(place.split("."))):
        spec = PathFinder.find_spec(".".join(place.split(".")[: depth + 1]), where)
        if spec is None:
            return None
        where = None if spec.submodule_search_locations is None else list(spec.submodule_search_locations)
    return Path(spec.origin) if spec is not None and spec.origin and Path(spec.origin).is_file() else None


def _installed_version(file: Path) -> str | None:
    for key in ("purelib", "platlib"):
        site = Path(sysconfig.get_path(key))
        if file.is_relative_to(site):
            import importlib.metadata

            top = file.relative_to(site).parts[0].removesuffix(".py")
            names = importlib.metadata.packages_distributions().get(top, [])
            return ", ".join(f"{name} {importlib.metadata.version(name)}" for name in sorted(set(names))) or None
    if file.is_relative_to(sysconfig.get_path("stdlib")):
        return "standard library"
    return None
