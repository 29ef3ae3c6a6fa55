"""Sorting and filtering the tables, by pointer and by keyboard."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from .conftest import Open


def _column(page: Any, head: str, table: str = "#cells") -> list[str]:
    """The texts of a column in the rows that are shown, top to bottom."""
    heads: list[str] = page.locator(f"{table} thead th").all_text_contents()
    rows = page.locator(f"{table} tbody tr:not(.note):not([hidden])")
    at = heads.index(head) + 1
    return [text.strip() for text in rows.locator(f":nth-child({at})").all_text_contents()]


def _sort(page: Any, head: str, table: str = "#cells") -> None:
    page.locator(f"{table} thead button").get_by_text(head, exact=True).click()


def _state(page: Any, head: str) -> str | None:
    state: str | None = (
        page.locator("#cells").get_by_role("columnheader", name=head, exact=True).get_attribute("aria-sort")
    )
    return state


@pytest.fixture
def page(plain: Path, visit: Open) -> Any:
    return visit(plain / "report.html").page


def test_a_head_sorts_up_then_down_then_as_it_was(page: Any) -> None:
    """As numbers; what is empty stays last, whichever way."""
    before = _column(page, "Speed-up")
    assert before.count("") == 1
    numbers = sorted(float(each[:-1]) for each in before if each)
    _sort(page, "Speed-up")
    assert _state(page, "Speed-up") == "ascending"
    *up, last = _column(page, "Speed-up")
    assert ([float(each[:-1]) for each in up], last) == (numbers, "")
    _sort(page, "Speed-up")
    assert _state(page, "Speed-up") == "descending"
    *down, last = _column(page, "Speed-up")
    assert ([float(each[:-1]) for each in down], last) == (numbers[::-1], "")
    _sort(page, "Speed-up")
    assert _state(page, "Speed-up") is None
    assert _column(page, "Speed-up") == before


def test_seconds_are_sorted_by_what_they_are(page: Any) -> None:
    """500 µs are less than 1 ms."""
    _sort(page, "Batch")
    units = {"µs": 1e-6, "ms": 1e-3, "s": 1}
    said = [each.split() for each in _column(page, "Batch") if each]
    assert {unit for _, unit in said} == {"µs", "ms"}
    found = [float(number) * units[unit] for number, unit in said]
    assert found == sorted(found)


def test_one_column_at_a_time_is_sorted(page: Any) -> None:
    _sort(page, "Batch")
    _sort(page, "Workers")
    assert (_state(page, "Batch"), _state(page, "Workers")) == (None, "ascending")
    counts = [int(each.split()[0]) for each in _column(page, "Workers")]
    assert counts == sorted(counts)


def test_a_keyboard_sorts(page: Any) -> None:
    page.locator("#cells thead button").get_by_text("Backend", exact=True).focus()
    page.keyboard.press("Enter")
    assert _state(page, "Backend") == "ascending"
    assert _column(page, "Backend") == sorted(_column(page, "Backend"))


def test_a_note_goes_where_its_row_goes(page: Any) -> None:
    for _ in range(2):
        _sort(page, "Workers")
        row = page.locator("#cells tbody tr.missing:not(.note)")
        assert "failed: ValueError: no luck" in row.locator("xpath=following-sibling::tr[1]").text_content()


def test_a_filter_shows_rows_with_all_of_its_words(page: Any) -> None:
    """A number is a whole value: 1 is not 16. It says how many of how many are shown."""
    status = page.locator(".filter [role=status]")
    assert status.text_content() == "18 rows"
    page.get_by_label("Filter").fill("sleep thread")
    assert status.text_content() == "3 of 18 rows"
    assert _column(page, "Workers") == ["1", "2", "16 ↑"]
    page.get_by_label("Filter").fill("SLEEP thread 1")
    assert status.text_content() == "1 of 18 rows"
    page.get_by_label("Filter").fill("no luck")
    assert _column(page, "Workers") == ["8 ↑"]
    _sort(page, "Workers")
    assert _column(page, "Workers") == ["8 ↑"]
    page.get_by_label("Filter").fill("")
    assert status.text_content() == "18 rows"
    assert len(_column(page, "Workers")) == 18


def test_a_flag_leads_to_what_it_means_and_what_to_do(page: Any) -> None:
    link = page.locator("#cells a").get_by_text("idle workers").first
    link.click()
    meaning = page.locator(str(link.get_attribute("href")))
    assert meaning.is_visible()
    assert "backend.chunksize=1" in meaning.text_content()
    assert meaning.evaluate("element => element.matches(':target')")


def test_the_capacity_is_told_of_what_computes_alone(page: Any) -> None:
    found: dict[str, set[bool]] = {}
    for workload, share in zip(_column(page, "Workload"), _column(page, "Of capacity"), strict=True):
        found.setdefault(workload, set()).add(share.endswith("%"))
    assert found == {"vectors": {True, False}, "sleep": {False}}  # not of a plain loop, nor of what failed


def test_a_comparison_can_be_sorted_and_filtered(plain: Path, visit: Open) -> None:
    page = visit(plain / "compare.html").page
    _sort(page, "speed-up", "#compared")
    found = [float(each.split("x")[0]) for each in _column(page, "speed-up", "#compared") if "x" in each]
    assert len(found) > 1
    assert found == sorted(found)
    page.get_by_label("Filter").fill("threads")
    assert 0 < page.locator("#compared tbody tr:not([hidden])").count() < page.locator("#compared tbody tr").count()


def test_the_index_can_be_sorted(plain: Path, visit: Open) -> None:
    """By date as well, of which the newest come first."""
    page = visit(plain / "index.html").page
    assert _column(page, "Version", "table") == ["v1", "v0"]
    _sort(page, "Measured", "table")
    assert _column(page, "Version", "table") == ["v0", "v1"]
