"""Arithmetic in pure Python: the GIL's home ground."""

import math


def loop(_: object, iterations: int = 50_000) -> float:
    """Add up cosines in pure Python: the article's loop."""
    foo = 1.0
    for i in range(iterations):
        foo += foo * math.cos(i * math.pi)
    return foo
