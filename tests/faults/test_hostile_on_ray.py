"""Hostile functions on the workers of a Ray cluster: their cells end as they must, and the cluster goes on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ..cluster.nodes import Cluster, open_cluster
from . import sweeps
from .cases import ON_RAY, Case
from .sweeps import Swept

ray = pytest.importorskip("ray", reason="Ray is not installed: make .venv/.ray")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Two nodes."""
    with open_cluster(2) as found:
        yield found


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory, cluster: Cluster) -> Swept:
    """See `sweeps`."""
    folder, where = tmp_path_factory.mktemp("ray"), f"cluster.address={cluster.address}"
    words = ["backend=ray", "workers=2", where, sweeps.IN_THE_CELL, "measure.timeout_s=20"]
    return sweeps.sweep(folder, ON_RAY, *words, **cluster.environment)


@pytest.mark.parametrize("case", ON_RAY, ids=[case.name for case in ON_RAY])
def test_every_cell_gets_its_label(swept: Swept, case: Case) -> None:
    """And the reason says what happened."""
    assert swept.wrong(case, "ray") is None


def test_the_sweep_goes_on_to_its_end(swept: Swept) -> None:
    """With exit status 1, and a journal that says so."""
    assert swept.done.status == 1, swept.done.err
    assert swept.done.records("end")[-1]["reason"] == "finished"
    assert "Traceback" not in swept.done.err


def test_it_leaves_nothing_behind(swept: Swept) -> None:
    """No process of the command's, no shared memory, no semaphore, no temporary file."""
    assert swept.left == []
