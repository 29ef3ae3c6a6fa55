"""Word vectors from text: parsing, which looks like reading a file and is arithmetic under the GIL."""

from __future__ import annotations

import random

import numpy as np
from numpy.typing import NDArray

Vectors = dict[str, NDArray[np.float32]]


def parse(text: str) -> Vectors:
    """The vectors of a text's words, one a line: the word and its numbers, separated by blanks."""
    vectors = {}
    for line in text.splitlines():
        word, *numbers = line.split(" ")
        vectors[word] = np.array(numbers, dtype=np.float32)
    return vectors


def texts(count: int = 20, words: int = 100, dimensions: int = 300) -> list[str]:
    """`count` texts of so many words each, alike every time."""
    rng = random.Random(0)
    # Numbers are drawn from some thousands: writing each anew would take longer than parsing it.
    numbers = [f"{rng.gauss(0, 0.3):.4f}" for _ in range(5_000)]
    return [
        "\n".join(f"word{n * words + i} {' '.join(rng.choices(numbers, k=dimensions))}" for i in range(words))
        for n in range(count)
    ]


def same(expected: list[Vectors], got: list[Vectors]) -> bool:
    """Whether both parsed the same words to the same numbers."""
    return len(expected) == len(got) and all(
        one.keys() == other.keys() and all(np.array_equal(one[word], other[word]) for word in one)
        for one, other in zip(expected, got, strict=True)
    )
