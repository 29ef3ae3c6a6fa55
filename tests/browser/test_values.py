"""What the marks of figures tell, under a pointer and by the keyboard."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from .conftest import Open

SAID = {
    "Run time": r"^4 processes forkserver.*: [\d.]+ µs, middle 80% [\d.]+ µs to [\d.]+ µs$",
    "Speed-up over a plain loop": r"^4 processes forkserver.*: [\d.]+x, 95% interval [\d.]+x to [\d.]+x$",
    "Efficiency": r"^4 processes forkserver.*: \d+%, 95% interval \d+% to \d+%$",
    "Where the time goes": r"^\d processes forkserver.*: [a-z]+ \d+%, [\d.]+ [mµ]s$",
    "Who ran which task when": r"^worker \d: [\d.]+ [mµ]s to [\d.]+ [mµ]s, 80% of it computing$",
    "Memory against speed-up": r"^4 .*: [\d.]+x with 44 MB$",
    "As published, and here": r"^16 threads: 3.5 s$",
}
"""What the last of a figure's marks tells, on which none is drawn."""


def _panel(page: Any, title: str) -> Any:
    return page.locator("figure", has=page.get_by_role("heading", name=title)).locator(".panel").first


@pytest.mark.parametrize("title", SAID)
def test_a_mark_tells_its_values_under_the_pointer(plain: Path, visit: Open, title: str) -> None:
    page = visit(plain / "report.html").page
    tip = page.locator(".tip")
    assert not tip.is_visible()
    _panel(page, title).locator(".told").last.hover(force=True)
    assert tip.is_visible()
    assert re.search(SAID[title], tip.text_content())
    page.mouse.move(0, 0)
    assert not tip.is_visible()


@pytest.mark.parametrize("title", SAID)
def test_arrow_keys_go_from_mark_to_mark(plain: Path, visit: Open, title: str) -> None:
    page = visit(plain / "report.html", width=400).page
    panel, tip = _panel(page, title), page.locator(".tip")
    panel.focus()
    told = panel.locator(".told").evaluate_all("marks => marks.map(mark => mark.dataset.tip)")
    said = []
    for key in ("Home", "ArrowRight", "End", "ArrowLeft"):
        page.keyboard.press(key)
        said.append(tip.text_content())
        box = tip.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 400
    assert said == [told[0], told[1], told[-1], told[-2]]
    page.keyboard.press("Escape")
    assert not tip.is_visible()


def test_each_mark_has_a_title_where_no_script_runs(plain: Path, visit: Open) -> None:
    page = visit(plain / "report.html", scripts=False).page
    titles = _panel(page, "Run time").locator(".told > title").all_text_contents()
    assert titles
    assert all(re.search(r": [\d.]+ [mµ]s, middle 80% ", title) for title in titles)
