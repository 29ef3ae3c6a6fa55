"""Run the benchmarks that were named, all of them otherwise."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from .asked import asked
from .figure import Figure


def main() -> int:
    """Print one line a figure; the exit status says whether all bars were reached."""
    known = sorted(path.stem for path in Path(__file__).parent.glob("bench_*.py"))
    missed = 0
    for name in asked(known, "benchmark"):
        figures: list[Figure] = importlib.import_module(f"{__package__}.{name}").run()
        for figure in figures:
            print(figure, flush=True)
            missed += not figure.reached
    return min(missed, 1)


if __name__ == "__main__":
    sys.exit(main())
