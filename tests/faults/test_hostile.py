"""Functions that crash, hang, eat memory and worse, on every backend: cells end as they must, and sweeps go on."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

import pytest

from pipeline.bench import printed

from . import sweeps
from .cases import ENDING, ENDLESS, VARIANTS, Case
from .sweeps import Swept

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="what is left behind is looked for in /proc")

STATUSES = {"measured", "failed", "crashed", "timed out", "out of memory", "invalid", "unsupported", "not run"}


@pytest.fixture(scope="module")
def ending(tmp_path_factory: pytest.TempPathFactory) -> Swept:
    """See `sweeps`."""
    return sweeps.ending(tmp_path_factory.mktemp("ending"))


@pytest.fixture(scope="module")
def endless(tmp_path_factory: pytest.TempPathFactory) -> Swept:
    """See `sweeps`."""
    return sweeps.endless(tmp_path_factory.mktemp("endless"))


@pytest.fixture(scope="module")
def from_the_first(tmp_path_factory: pytest.TempPathFactory) -> Swept:
    """See `sweeps`."""
    return sweeps.from_the_first(tmp_path_factory.mktemp("first"))


def _cells(cases: Sequence[Case]) -> Any:
    cells = [(case, variant) for case in cases for variant in VARIANTS]
    return pytest.mark.parametrize(("case", "variant"), cells, ids=[f"{case.name}-{each}" for case, each in cells])


@_cells(ENDING)
def test_every_cell_gets_its_label(ending: Swept, case: Case, variant: str) -> None:
    """And the reason says what happened."""
    assert ending.wrong(case, variant) is None


@_cells(ENDLESS)
def test_what_never_ends_is_ended(endless: Swept, case: Case, variant: str) -> None:
    """When the trial's time is up, and the reason says what it was at."""
    assert endless.wrong(case, variant) is None


@pytest.mark.parametrize("name", ["ending", "endless", "from_the_first"])
class TestASweepOfThem:
    """Over the whole collection."""

    def test_goes_on_to_its_end(self, name: str, request: pytest.FixtureRequest) -> None:
        """With exit status 1, and a journal that says so."""
        swept: Swept = request.getfixturevalue(name)
        assert swept.done.status == 1, swept.done.err
        assert swept.done.records("end")[-1]["reason"] == "finished"
        assert "Traceback" not in swept.done.err

    def test_has_a_report_in_which_every_row_says_what_happened(
        self, name: str, request: pytest.FixtureRequest
    ) -> None:
        """A status that the contract knows, and a reason unless it was measured; both forms of the report show it."""
        swept: Swept = request.getfixturevalue(name)
        page, markdown = ((swept.done.run / each).read_text() for each in ("report.html", "report.md"))
        for row in swept.rows:
            assert row["status"] in STATUSES
            assert (row["status"] == "measured") == (row["reason"] == "")
            assert row["workload"] in page
            assert row["workload"] in markdown

    def test_leaves_nothing_behind(self, name: str, request: pytest.FixtureRequest) -> None:
        """No process, no shared memory, no semaphore, no temporary file."""
        swept: Swept = request.getfixturevalue(name)
        assert swept.left == []


def test_what_failed_has_its_traceback(ending: Swept) -> None:
    """Also where exception or result cannot be pickled; what is longer than anybody reads is cut."""
    failed = [trial for trial in ending.done.records("trial") if trial["status"] == "failed"]
    assert failed
    for trial in failed:
        assert "Traceback" in trial["traceback"]
        assert len(json.dumps(trial)) < 100_000


def test_of_a_gigabyte_the_beginning_is_kept(ending: Swept) -> None:
    """And the rest is counted."""
    cells = {cell["id"] for cell in ending.done.records("run")[0]["cells"] if cell["name"] == "prints_a_gigabyte"}
    texts = [trial["printed"]["cell"] for trial in ending.done.records("trial") if trial["cell"] in cells]
    assert len(texts) == len(VARIANTS)
    for text in texts:
        kept, _, counted = text.rpartition("\n[")
        assert kept.startswith("words")
        assert len(kept) <= printed.KEPT_BYTES
        assert int(counted.removesuffix(" more bytes]")) > 1_000_000_000


def test_hostile_from_the_first_call_on_they_end_there(from_the_first: Swept) -> None:
    """In the look before measuring, whose label their cells get; where that shows nothing, in a trial."""
    expected = {case.name: case.of("thread")[0] for case in (*ENDING, *ENDLESS)}
    expected["kills_its_parent"] = "crashed"  # a look that is lost thrice is one that crashes its keeper
    found = {row["workload"]: row["status"] for row in from_the_first.rows if row["backend"] == "thread"}
    assert found == {name: expected[name] for name in found}
