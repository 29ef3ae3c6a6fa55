"""A random forest, grown in parts: each task grows some of its trees, from a seed of its own."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

try:
    from sklearn.datasets import make_classification
    from sklearn.ensemble import RandomForestClassifier
except ImportError as error:
    raise ImportError(f"scikit-learn is not installed ({error}); pip install 'pipeline[forest]'") from error


def grow(seed: int, trees: int = 10, rows: int = 1_000, features: int = 20) -> RandomForestClassifier:
    """`trees` trees of the forest, the same ones for the same seed, on one thread."""
    data, labels = _table(rows, features)
    return RandomForestClassifier(n_estimators=trees, random_state=seed, n_jobs=1).fit(data, labels)


@cache  # once in each worker, in its first batch, which is not timed
def _table(rows: int, features: int) -> tuple[Any, Any]:
    made: tuple[Any, Any] = make_classification(
        n_samples=rows, n_features=features, n_informative=features // 2, random_state=0
    )
    return made


def same(expected: Sequence[RandomForestClassifier], got: Sequence[RandomForestClassifier]) -> bool:
    """Whether both forests have the same trees: they split alike, and say the same in every leaf."""
    return len(expected) == len(got) and all(
        _trees(one) == _trees(other) for one, other in zip(expected, got, strict=True)
    )


def _trees(part: RandomForestClassifier) -> list[tuple[bytes, ...]]:
    trees = [each.tree_ for each in part.estimators_]
    return [(each.feature.tobytes(), each.threshold.tobytes(), each.value.tobytes()) for each in trees]
