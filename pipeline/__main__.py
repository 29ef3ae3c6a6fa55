"""The command: `python -m pipeline`."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run the command line and end with its exit status."""
    _open_standard_streams()
    try:
        from .command import run

        sys.exit(run(sys.argv[1:]))
    except KeyboardInterrupt:  # before or after all that the command does
        sys.exit(130)


def _open_standard_streams() -> None:
    """Lead those that are closed nowhere: else files of ours get their numbers, and what libraries print there."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # it gets the lowest number, which is this one


if __name__ == "__main__":
    main()
