"""Hostile functions on the workers of Ray clusters: their cells end as they must, and the sweep goes on."""

from __future__ import annotations

import sys

import pytest

from . import sweeps
from .cases import ENDING, ENDLESS, ENDS_NODES, RAY, Case
from .sweeps import Swept

pytest.importorskip("ray", reason="Ray is not installed: make .venv/.ray")
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="what is left behind is looked for in /proc")


CASES = (*ENDING, *ENDLESS)


@pytest.fixture(scope="module")
def on_ray(tmp_path_factory: pytest.TempPathFactory) -> Swept:
    """See `sweeps`."""
    return sweeps.on_ray(tmp_path_factory.mktemp("ray"))


@pytest.fixture(scope="module")
def ending_nodes(tmp_path_factory: pytest.TempPathFactory) -> Swept:
    """See `sweeps`."""
    return sweeps.ending_nodes(tmp_path_factory.mktemp("nodes"))


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_every_cell_gets_its_label(case: Case, request: pytest.FixtureRequest) -> None:
    """And the reason says what happened."""
    swept: Swept = request.getfixturevalue("ending_nodes" if case.name in ENDS_NODES else "on_ray")
    assert swept.wrong(case, RAY) is None


@pytest.mark.parametrize("name", ["on_ray", "ending_nodes"])
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
