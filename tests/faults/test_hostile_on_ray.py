"""Hostile functions on the workers of Ray clusters: their cells end as they must, and the sweep goes on."""

from __future__ import annotations

import sys

import pytest

from . import sweeps
from .cases import RAY, Case
from .sweeps import DEADLY, ON_RAY, Swept

pytest.importorskip("ray", reason="Ray is not installed: make .venv/.ray")
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="what is left behind is looked for in /proc")


@pytest.fixture(scope="module")
def on_ray(tmp_path_factory: pytest.TempPathFactory) -> Swept:
    """See `sweeps`."""
    return sweeps.on_ray(tmp_path_factory.mktemp("ray"))


@pytest.fixture(scope="module")
def deadly(tmp_path_factory: pytest.TempPathFactory) -> Swept:
    """See `sweeps`."""
    return sweeps.deadly(tmp_path_factory.mktemp("deadly"))


@pytest.mark.parametrize("case", ON_RAY, ids=[case.name for case in ON_RAY])
def test_every_cell_gets_its_label(on_ray: Swept, case: Case) -> None:
    """And the reason says what happened."""
    assert on_ray.wrong(case, RAY) is None


@pytest.mark.parametrize("case", DEADLY, ids=[case.name for case in DEADLY])
def test_what_ends_nodes_gets_its_label(deadly: Swept, case: Case) -> None:
    """And the reason says what happened."""
    assert deadly.wrong(case, RAY) is None


@pytest.mark.parametrize("name", ["on_ray", "deadly"])
class TestASweepOfThem:
    """Over the whole collection."""

    def test_goes_on_to_its_end(self, name: str, request: pytest.FixtureRequest) -> None:
        """With exit status 1, and a journal that says so."""
        swept: Swept = request.getfixturevalue(name)
        assert swept.done.status == 1, swept.done.err
        assert swept.done.records("end")[-1]["reason"] == "finished"
        assert "Traceback" not in swept.done.err

    def test_leaves_nothing_behind(self, name: str, request: pytest.FixtureRequest) -> None:
        """No process, no shared memory, no semaphore, no temporary file."""
        swept: Swept = request.getfixturevalue(name)
        assert swept.left == []
