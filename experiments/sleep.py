"""Waiting and nothing else."""

import time


def sleep(_: object, seconds: float = 0.01) -> None:
    """Do nothing for `seconds`."""
    time.sleep(seconds)
