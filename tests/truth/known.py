"""Workloads whose answer is known: what the live part of the harness measures, and nothing of ours is imported."""

from __future__ import annotations

import functools
import hashlib
import threading
import time
import zlib
from collections.abc import Callable, Sequence
from typing import Any

_LOCK = threading.Lock()
_TEXT = bytes(range(256)) * 4_000


def wait(_: object, seconds: float = 0.02) -> None:
    """Overlaps perfectly: N threads are N times as fast."""
    time.sleep(seconds)


def phases(map_: Callable[..., list[Any]], inputs: Sequence[Any], serial_s: float, split_s: float) -> None:
    """A job that waits by itself and then splits its waiting: its serial share is serial_s / (serial_s + split_s)."""
    time.sleep(serial_s)
    map_(functools.partial(_wait_a_part, split_s / len(inputs)), inputs)


def _wait_a_part(seconds: float, _: object) -> None:
    time.sleep(seconds)


def hold(_: object, seconds: float = 0.01, share: float = 0.5) -> None:
    """Waits for a share of its time while it holds a lock, so that N threads are at most 1 / share times as fast."""
    with _LOCK:
        time.sleep(share * seconds)
    time.sleep((1 - share) * seconds)


def derive(each: int, rounds: int = 20_000) -> bytes:
    """Computes without the GIL."""
    return hashlib.pbkdf2_hmac("sha256", b"secret", str(each).encode(), rounds)


def derive_in_turn(each: int, rounds: int = 20_000) -> bytes:
    """Computes without the GIL but under a lock of its own, which keeps threads from gaining and processes not."""
    with _LOCK:
        return derive(each, rounds)


def compress(each: int) -> int:
    """Computes without the GIL, on 1 MB."""
    return len(zlib.compress(_TEXT[each % 256 :], 6))


@functools.lru_cache
def remember(each: int) -> int:
    """Does its work once and never again."""
    return sum(range(300_000 + each))


def multiply(each: int, size: int = 400) -> float:
    """A matrix product, which NumPy's own threads share."""
    import numpy as np

    matrix = np.random.default_rng(each).random((size, size))
    return float((matrix @ matrix)[0, 0])
