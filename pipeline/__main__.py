"""The command: `python -m pipeline`."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line and end with its exit status."""
    try:
        from .command import run

        sys.exit(run(sys.argv[1:]))
    except KeyboardInterrupt:  # before or after all that the command does
        sys.exit(130)


if __name__ == "__main__":
    main()
