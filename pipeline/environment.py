"""What this machine, this interpreter and these packages are: a run's environment."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from . import __version__
from .bench.capacity import usable_cores
from .bench.cgroups import quota_cores
from .cells import digest


def describe(measured: Path | None) -> dict[str, Any]:
    """The environment as `environment.json` keeps it; what the system does not tell is `None`.

    Its `id` stands for machine, interpreter and packages; `code` (git commit and whether the tree has changes) is
    that of the folder `measured` and merely accompanies it.
    """
    machine = {
        "host": platform.node(),
        "cpu": _cpu_model(),
        "architecture": platform.machine(),
        "cores": os.cpu_count(),
        "usable_cores": usable_cores(),
        "quota_cores": quota_cores(),
        "smt": has_smt(),
        "memory_bytes": _memory_bytes(),
        "os": f"{platform.system()} {platform.release()}",
    }
    interpreter = {
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "gil": getattr(sys, "_is_gil_enabled", lambda: True)(),
    }
    known = {"machine": machine, "interpreter": interpreter, "packages": _packages()}
    return {"id": digest(known), "pipeline": __version__, **known, "code": _git(measured)}


def has_smt() -> bool | None:
    """Whether cores are hyper-threads that share a core with others; `None` where the system does not tell."""
    with suppress(OSError):
        return Path("/sys/devices/system/cpu/smt/active").read_text().strip() == "1"
    return None


def _cpu_model() -> str | None:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or None


def _memory_bytes() -> int | None:
    with suppress(AttributeError, ValueError, OSError):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return None


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
        return subprocess.run(command, capture_output=True, text=True, timeout=5, check=True).stdout.strip()

    try:
        commit = ask("rev-parse", "HEAD")
        return {"commit": commit, "dirty": bool(ask("status", "--porcelain", "--untracked-files=no"))}
    except (OSError, subprocess.SubprocessError):
        return None
