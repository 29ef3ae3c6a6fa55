"""The pages in a real browser: they ask for nothing, can be used by everybody, and survive what users name things."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from .conftest import Open
from .sites import PAGES

A4_PX = 688
"""What a sheet has between its margins of 14 mm."""


@pytest.mark.parametrize("name", PAGES)
def test_a_page_asks_for_nothing_and_has_nothing_to_complain_of(plain: Path, visit: Open, name: str) -> None:
    opened = visit(plain / name)
    opened.page.locator("#theme").click()
    assert opened.logged == opened.popped == []
    assert [url for url in opened.asked if not url.startswith("data:")] == [(plain / name).as_uri()]


def test_the_pages_have_every_part_that_there_is(plain: Path, visit: Open) -> None:
    """So that what is tested of pages is tested of these parts."""
    page = visit(plain / "report.html").page
    for author in ("the article", "somebody else"):
        assert page.get_by_role("region", name=f"Table of what {author} says").is_visible()
    bars = page.locator("figure", has=page.get_by_role("heading", name="As published, and here"))
    assert bars.locator(".panel").count() == 4
    assert page.locator(".notice").count() == 0
    page = visit(plain / "unfinished.html").page
    assert "This run is not finished: 0 of 3 cells are done" in page.get_by_role("note").text_content()
    figures = page.locator("figure")
    assert figures.count() == figures.locator(".panel").count() == figures.get_by_role("group").count() == 6


@pytest.mark.parametrize(("policed", "ran"), [(True, []), (False, ["script", "image"])])
def test_no_script_but_our_own_runs(plain: Path, tmp_path: Path, visit: Open, policed: bool, ran: list[str]) -> None:
    """The page's policy forbids others; looked at once the image has failed, after its own handler had its turn."""
    path = tmp_path / "report.html"
    written = (plain / "report.html").read_text(encoding="utf-8")
    unpoliced = re.sub('<meta http-equiv="Content-Security-Policy"[^>]*>', "", written)
    path.write_text(written if policed else unpoliced, encoding="utf-8")
    found = visit(path).page.evaluate("""() => new Promise(done => {
        window.ran = [];
        document.body.append(Object.assign(document.createElement("script"), {textContent: "ran.push('script')"}));
        document.body.insertAdjacentHTML("beforeend", "<img src=x onerror='ran.push(`image`)'>");
        document.body.lastElementChild.addEventListener("error", () => done(ran));
    })""")
    assert found == ran


@pytest.mark.parametrize(("width", "dark"), [(1100, False), (1100, True), (400, False)])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_no_accessibility_violation(
    plain: Path, visit: Open, axe: str, name: str, width: int, dark: bool
) -> None:
    page = visit(plain / name, width=width, dark=dark).page
    _unfold(page)
    page.evaluate(axe)
    found = page.evaluate("axe.run()")["violations"]
    assert {each["id"]: [node["html"] for node in each["nodes"]] for each in found} == {}


def _unfold(page: Any) -> None:
    """Open whatever is folded."""
    page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")


@pytest.mark.parametrize("name", PAGES)
def test_a_narrow_page_is_no_wider_than_its_window(plain: Path, visit: Open, name: str) -> None:
    page = visit(plain / name, width=400).page
    _unfold(page)
    assert page.evaluate("document.documentElement.scrollWidth") == 400


def test_a_wide_table_scrolls_by_itself_and_by_the_keyboard(plain: Path, visit: Open) -> None:
    page = visit(plain / "report.html", width=400).page
    table = page.get_by_role("region", name="Table of the summary")
    table.focus()
    page.keyboard.press("ArrowRight")
    table.evaluate("table => new Promise(done => table.scrollLeft ? done() : (table.onscroll = done))")
    assert table.evaluate("table => table.scrollLeft") > 0


def test_the_summary_fits_1100_pixels_with_all_its_columns(plain: Path, visit: Open) -> None:
    page = visit(plain / "report.html").page
    assert page.locator("#cells thead th").count() == 15
    inner, outer = page.evaluate("(e => [e.scrollWidth, e.clientWidth])(document.querySelector('.scroll'))")
    assert inner <= outer


def test_a_keyboard_reaches_the_content_first(plain: Path, visit: Open) -> None:
    page = visit(plain / "report.html").page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.getBoundingClientRect().left") >= 0
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"


def test_without_scripts_everything_is_there_to_be_read(plain: Path, visit: Open) -> None:
    page = visit(plain / "report.html", scripts=False).page
    assert page.locator("#cells tbody tr").first.is_visible()
    assert not page.locator("#theme").is_visible()
    assert not page.locator(".filter").first.is_visible()
    assert page.locator("#cells button").count() == 0
    page.locator("#method ~ details > summary").click()
    assert page.locator("#method ~ details p").first.is_visible()


@pytest.mark.parametrize("dark", [False, True])
def test_colours_follow_the_system_until_a_reader_chooses(plain: Path, visit: Open, dark: bool) -> None:
    page = visit(plain / "report.html", dark=dark).page
    ink = "getComputedStyle(document.querySelector('figure text')).fill"
    looks = [_lightness(page)]
    inks = [page.evaluate(ink)]
    for _ in range(2):
        page.locator("#theme").click()
        looks.append(_lightness(page))
        inks.append(page.evaluate(ink))
    assert looks == [not dark, dark, not dark]
    assert inks[0] == inks[2] != inks[1]


def _lightness(page: Any) -> bool:
    """Whether the page is light."""
    colour: str = page.evaluate("getComputedStyle(document.body).backgroundColor")
    return int(colour.removeprefix("rgb(").split(",")[0]) > 128


@pytest.mark.parametrize("scripts", [True, False])
def test_paper_has_all_of_it_and_no_buttons(plain: Path, visit: Open, scripts: bool) -> None:
    """What is folded on the screen is open, also where no script opens it."""
    pypdf = pytest.importorskip("pypdf", reason="needs pypdf: make .venv/.browser")
    page = visit(plain / "report.html", scripts=scripts).page
    folded = page.locator("details p, details li, details dd, details pre").all_text_contents()
    pdf = plain / f"report-{scripts}.pdf"
    page.pdf(path=pdf, prefer_css_page_size=True)
    sheets = pypdf.PdfReader(pdf).pages
    printed = _squeezed("".join(sheet.extract_text() for sheet in sheets))
    assert {round(float(sheet.mediabox.width)) for sheet in sheets} == {595}
    assert len(folded) > 20
    assert [text for text in folded if _squeezed(text) not in printed] == []
    assert "Repeatitpython-mpipeline" in printed
    assert "Whatthearticlesays" in printed
    assert "Darkcolours" not in printed
    assert "Copy" not in printed
    assert page.locator("#method ~ details").get_attribute("open") is None


def _squeezed(text: str) -> str:
    """Without what typesetting adds: spaces, and ligatures."""
    return "".join(unicodedata.normalize("NFKC", text).split())


@pytest.mark.parametrize("name", PAGES)
def test_nothing_is_cut_on_paper(plain: Path, visit: Open, name: str) -> None:
    """And it is dark for nobody."""
    page = visit(plain / name, width=A4_PX).page
    page.locator("#theme").click()
    assert not _lightness(page)
    page.emulate_media(media="print")
    assert page.evaluate("document.documentElement.scrollWidth") == A4_PX
    assert _lightness(page)


@pytest.mark.parametrize("width", [1100, 400])
@pytest.mark.parametrize("name", PAGES)
def test_hostile_texts_are_shown_and_do_nothing(hostile: Path, visit: Open, axe: str, name: str, width: int) -> None:
    opened = visit(hostile / name, width=width)
    page = opened.page
    text = page.locator("body").text_content()
    for harm in ("<script>alert(1)</script>", "<img src=x", "</style></title></pre>", "../../x", "&amp;", "العربية"):
        assert harm in text
    assert "{{ 7 * 7 }}" in text
    _unfold(page)
    assert page.locator("script").count() == 1
    assert page.locator("img, iframe, object, [onload], [onerror], [onfocus]").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert opened.logged == opened.popped == []
    assert [url for url in opened.asked if not url.startswith("data:")] == [(hostile / name).as_uri()]
    page.evaluate(axe)
    assert [each["id"] for each in page.evaluate("axe.run()")["violations"]] == []
