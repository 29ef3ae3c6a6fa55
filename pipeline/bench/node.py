"""What a machine is, and the interpreter that runs this."""

from __future__ import annotations

import os
import platform
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from .capacity import usable_cores
from .cgroups import quota_cores


def describe() -> dict[str, dict[str, Any]]:
    """`machine` and `interpreter`; what the system does not tell is `None`."""
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
    return {"machine": machine, "interpreter": interpreter}


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
