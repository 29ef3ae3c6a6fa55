"""The page of a thousand cells can still be used, and that of a sweep like the default one is small."""

from __future__ import annotations

from pathlib import Path

from pipeline import report
from tests import recorded
from tests.recorded import Told, Work

from . import sites
from .conftest import Open

MOST_BYTES = 1_000_000


def test_a_thousand_cells_can_be_filtered_and_sorted(tmp_path: Path, visit: Open) -> None:
    opened = visit(sites.write_large(tmp_path))
    page = opened.page
    rows = page.locator("#cells tbody tr:not(.note):not([hidden])")
    assert rows.count() == 1_000
    page.get_by_label("Filter").fill("work-0 process 5")
    assert page.locator(".filter [role=status]").text_content() == "1 of 1000 rows"
    page.get_by_label("Filter").fill("work-0 process")
    assert page.locator(".filter [role=status]").text_content() == "250 of 1000 rows"
    for expected in (range(1, 251), range(250, 0, -1)):
        page.locator("#cells thead button").get_by_text("Workers", exact=True).click()
        counts = rows.locator(":nth-child(3)").all_text_contents()
        assert [int(each.split()[0]) for each in counts] == list(expected)
    assert opened.logged == []


def test_the_page_of_24_cells_is_under_a_megabyte() -> None:
    """Half as many cells again as the default sweep has, each with as many trials as it gets there."""
    pools = [Told(backend, n, n**0.6, trials=14) for backend in ("thread", "process") for n in (1, 2, 4, 8, 16, 32)]
    files = dict(report.files(recorded.run(Work(pools, "io", tasks=48), Work(pools, "cpu", tasks=48))))
    assert len(str(files["report.html"]).encode()) < MOST_BYTES
