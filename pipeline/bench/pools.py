"""Which thread pools of their own the tasks' libraries bring along: OpenBLAS, OpenMP, MKL and the like.

Asked once all is measured: threadpoolctl imports this and that and sets an environment variable.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from .workload import Map

APART = "optional-packages"
"""The folder beside this package that holds our threadpoolctl. It is on no `sys.path`, and a dash keeps it from being
imported as a package: the measured code sees no package that it would not have without us."""

_VARIABLES = {
    "openblas": "OPENBLAS_NUM_THREADS",
    "mkl": "MKL_NUM_THREADS",
    "blis": "BLIS_NUM_THREADS",
    "openmp": "OMP_NUM_THREADS",
}

_NAMES = ("blas", "blis", "mkl", "omp")
"""What the file names have in common by which threadpoolctl knows them."""
_MOST_ASKED = 2
"""So many workers are asked: importing threadpoolctl takes some 20 ms, in each."""

Pool = dict[str, Any]


def ask(map_: Map, workers: int) -> list[Pool] | None:
    """The thread pools in a process that runs tasks; `None` where that cannot be found out.

    Returns:
        For each of them `library`, `threads`, and `variable`, the environment variable that caps it.
    """
    try:
        answers = map_(_look, range(min(workers, _MOST_ASKED)))
    except Exception:  # ctypes in foreign libraries; everything is measured already
        return None
    # One whose worker ran no task may have loaded less.
    return max((each for each in answers if each is not None), key=len, default=None)


def _look(_: object) -> list[Pool] | None:
    if not _may_have_some():
        return []
    try:
        found = [
            {"library": each["internal_api"], "threads": each["num_threads"], "variable": _variable(each)}
            for each in _threadpoolctl().threadpool_info()
        ]
    except Exception:  # there is none, or the user's own one is broken
        return None
    return found


def _may_have_some() -> bool:
    """Whether this process has loaded a library with such a name: most have not, and need no threadpoolctl."""
    try:
        with open("/proc/self/maps", encoding="utf-8", errors="replace") as maps:
            return any(name in line.rpartition("/")[2] for line in maps for name in _NAMES)
    except OSError:  # not on Linux
        return True


def _variable(pool: dict[str, Any]) -> str:
    # https://github.com/OpenMathLib/OpenBLAS#setting-the-number-of-threads-using-environment-variables: built for
    # OpenMP, it heeds that one's variable alone.
    if pool["internal_api"] == "openblas" and pool.get("threading_layer") == "openmp":
        return _VARIABLES["openmp"]
    return _VARIABLES.get(pool["internal_api"], _VARIABLES["openmp"])


def _threadpoolctl() -> ModuleType:
    """The user's own, or else ours, under a name of ours."""
    try:
        return importlib.import_module("threadpoolctl")
    except ImportError:
        path, name = Path(__file__).parent.parent / APART / "threadpoolctl.py", f"{__package__}.threadpoolctl"
        spec = importlib.util.spec_from_file_location(name, path)
        if spec is None or spec.loader is None:
            raise
        module = sys.modules[name] = importlib.util.module_from_spec(spec)  # its dataclasses look themselves up there
        spec.loader.exec_module(module)
        return module
