"""What travels to a cluster's nodes, and by which names a description calls it there."""

from __future__ import annotations

import importlib.util
import io
import zipfile
from pathlib import Path
from typing import Any

from ..bench import pools
from ..errors import InputError
from . import FOLDER, PICKLED, SHIPPED


def pack(shipped: Path) -> bytes:
    """A zip file of the measured side, as the local runner's library has it, and our own experiments."""
    packed = io.BytesIO()
    found = importlib.util.find_spec("threadpoolctl")
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as library:
        for folder, name in ((Path(pools.__file__).parent, "pipeline_bench"), (shipped, "shipped")):
            for path in sorted(folder.rglob("*.py")):
                library.write(path, f"{name}/{path.relative_to(folder)}")
        if found is not None and found.origin is not None:
            library.write(found.origin, f"{pools.APART}/threadpoolctl.py")
    return packed.getvalue()


def placed(description: dict[str, Any], shipped: Path, folder: Path) -> dict[str, Any]:
    """With places of this machine replaced by names for what the node has in their stead.

    Raises:
        InputError: a file does not travel.
    """
    workload = dict(description["workload"])
    for key in ("task", "job", "reset", "check", "inputs"):
        if isinstance(workload[key], str):
            place, colon, name = workload[key].rpartition(":")
            workload[key] = _named(place, shipped, folder) + colon + name if place.endswith(".py") else workload[key]
    if isinstance(workload["inputs"], dict):
        workload["inputs"] = {"pickle": PICKLED}
    path = [_named(each, shipped, folder) for each in description["path"]]
    return {**description, "workload": workload, "folder": FOLDER, "path": path}


def _named(place: str, shipped: Path, folder: Path) -> str:
    for name, whole in ((SHIPPED, shipped), (FOLDER, folder)):
        for each in (whole, whole.resolve()):
            if Path(place).is_relative_to(each):
                return "/".join(filter(None, [name, Path(place).relative_to(each).as_posix().removesuffix(".")]))
    raise InputError(f"{place} is not in {folder}, and does not travel to other nodes; start from above it")
