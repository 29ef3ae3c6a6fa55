"""The command: `python -m pipeline`."""

from __future__ import annotations

import sys

from .command import run


def main() -> None:
    """Run the command line and end with its exit status."""
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
