"""Hostile functions on the workers of Ray clusters: their cells end as they must, and the sweep goes on."""

from __future__ import annotations

import sys

import pytest

from . import sweeps
from .cases import ENDING, ENDLESS, RAY, Case
from .sweeps import Swept

pytest.importorskip("ray", reason="Ray is not installed: make .venv/.ray")
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="what is left behind is looked for in /proc")


@pytest.fixture(scope="module")
def ending(tmp_path_factory: pytest.TempPathFactory) -> Swept:
    """See `sweeps.ending_on_ray`."""
    return sweeps.ending_on_ray(tmp_path_factory.mktemp("ending"))


@pytest.fixture(scope="module")
def endless(tmp_path_factory: pytest.TempPathFactory) -> Swept:
    """See `sweeps.endless_on_ray`."""
    return sweeps.endless_on_ray(tmp_path_factory.mktemp("endless"))


def _cases(cases: tuple[Case, ...]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", cases, ids=[case.name for case in cases])


@_cases(ENDING)
def test_every_cell_gets_its_label(ending: Swept, case: Case) -> None:
    """And the reason says what happened."""
    assert ending.wrong(case, RAY) is None


@_cases(ENDLESS)
def test_what_never_ends_is_ended(endless: Swept, case: Case) -> None:
    """When the trial's time is up, and the reason says what it was at."""
    assert endless.wrong(case, RAY) is None


@pytest.mark.parametrize("name", ["ending", "endless"])
class TestASweepOfThem:
    """On a cluster that the command starts, and starts again where one of them took it down."""

    def test_goes_on_to_its_end(self, name: str, request: pytest.FixtureRequest) -> None:
        """With exit status 1, and a journal that says so."""
        done = request.getfixturevalue(name).done
        assert done.status == 1, done.err
        assert done.records("end")[-1]["reason"] == "finished"
        assert "Traceback" not in done.err

    def test_leaves_nothing_behind(self, name: str, request: pytest.FixtureRequest) -> None:
        """No process of the cluster's or its workers', no shared memory, no semaphore, no temporary file."""
        assert request.getfixturevalue(name).left == []
