"""Several kinds of nodes in one run are told apart, by as little as it takes."""

from __future__ import annotations

import pytest

from pipeline.hardware import labels


@pytest.mark.parametrize(
    ("cpus", "cores", "pythons", "names"),
    [
        (("A", "B"), (2, 2), ("3.11", "3.11"), ["A", "B"]),
        (("A", "A"), (2, 4), ("3.11", "3.11"), ["A, 2 cores", "A, 4 cores"]),
        (("A", "A"), (2, 2), ("3.11", "3.12"), ["2 cores, Python 3.11", "2 cores, Python 3.12"]),
        (("A", "A"), (2, 2), ("3.11", "3.11"), ["A (aaaab)", "A (aaaac)"]),
    ],
)
def test_each_kind_has_a_name_of_its_own(
    cpus: tuple[str, str], cores: tuple[int, int], pythons: tuple[str, str], names: list[str]
) -> None:
    """Also where nothing differs but the end of their digests."""
    kinds = ("aaaab", "aaaac")
    machines = {kind: {"cpu": cpu, "usable_cores": n} for kind, cpu, n in zip(kinds, cpus, cores, strict=True)}
    assert list(labels(machines, dict(zip(kinds, pythons, strict=True))).values()) == names
