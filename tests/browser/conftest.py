"""Chromium, and pages for it, drawn from recorded journals."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT

from . import sites

CHROMIUM = Path("/usr/bin/chromium")
AXE = ROOT / ".venv" / "axe" / "axe.min.js"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
FLAGS += ["--disable-sync"]


@dataclass
class Opened:
    """A page that is open, and what it did that it should not: what it logged, asked for or popped up."""

    page: Any
    logged: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    popped: list[str] = field(default_factory=list)


Open = Callable[..., Opened]


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """The browser, with a profile of its own."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright: make .venv/.browser")
    if not CHROMIUM.exists():
        pytest.skip(f"needs {CHROMIUM}: .ci/browser")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium: Any) -> Iterator[Open]:
    """Open a file as a reader does: `visit(path, width=400, dark=True, scripts=False)`."""
    contexts = []

    def visit(path: Path, *, width: int = 1100, dark: bool = False, scripts: bool = True) -> Opened:
        context = chromium.new_context(
            viewport={"width": width, "height": 900},
            color_scheme="dark" if dark else "light",
            java_script_enabled=scripts,
            offline=True,
        )
        contexts.append(context)
        opened = Opened(context.new_page())
        opened.page.set_default_timeout(20_000)
        opened.page.on("console", lambda said: opened.logged.append(said.text))
        opened.page.on("pageerror", lambda error: opened.logged.append(str(error)))
        opened.page.on("request", lambda request: opened.asked.append(request.url))
        opened.page.on("dialog", lambda dialog: (opened.popped.append(dialog.message), dialog.dismiss()))
        opened.page.goto(path.as_uri())
        return opened

    yield visit
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def axe() -> str:
    """The source of axe-core."""
    if not AXE.exists():
        pytest.skip("needs axe-core: .ci/browser")
    return AXE.read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the pages, of runs with everything that a page can show."""
    return sites.write(tmp_path_factory.mktemp("plain"))


@pytest.fixture(scope="session")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same where every text that a user can set means harm."""
    return sites.write_hostile(tmp_path_factory.mktemp("hostile"))
