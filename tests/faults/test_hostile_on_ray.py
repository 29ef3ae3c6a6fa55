"""Hostile functions on the workers of Ray clusters: their cells end as they must, and the sweep goes on."""

from __future__ import annotations

import sys

import pytest

from . import sweeps
from .cases import ENDING, ENDLESS, ENDS_CLUSTERS, RAY, Case
from .sweeps import Swept

pytest.importorskip("ray", reason="Ray is not installed: make .venv/.ray")
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="what is left behind is looked for in /proc")

NAMES = ("ending", "endless", *ENDS_CLUSTERS)


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Swept]:
    """See `sweeps`: those of cases that end, that do not, and of each that ends its cluster, by its name."""
    return sweeps.on_ray(tmp_path_factory.mktemp("ray"))


def _cases(cases: tuple[Case, ...]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", cases, ids=[case.name for case in cases])


@_cases(ENDING)
def test_every_cell_gets_its_label(swept: dict[str, Swept], case: Case) -> None:
    """And the reason says what happened."""
    assert swept.get(case.name, swept["ending"]).wrong(case, RAY) is None


@_cases(ENDLESS)
def test_what_never_ends_is_ended(swept: dict[str, Swept], case: Case) -> None:
    """When the trial's time is up, and the reason says what it was at."""
    assert swept.get(case.name, swept["endless"]).wrong(case, RAY) is None


@pytest.mark.parametrize("name", NAMES)
class TestASweepOfThem:
    """On a cluster that the command starts."""

    def test_goes_on_to_its_end(self, swept: dict[str, Swept], name: str) -> None:
        """With exit status 1, and a journal that says so."""
        done = swept[name].done
        assert done.status == 1, done.err
        assert done.records("end")[-1]["reason"] == "finished"
        assert "Traceback" not in done.err

    def test_leaves_nothing_behind(self, swept: dict[str, Swept], name: str) -> None:
        """No process of the cluster's or its workers', no semaphore, no temporary file."""
        assert swept[name].left == []
