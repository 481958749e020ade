"""A browser, and a service to look at."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from served_page import AXE, Running, serious

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser")
"""The first that is there; the shell draws the same pages and starts in half the time."""
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)
LONG = int(os.environ.get("ABAG_BROWSER_MS", "240000"))
PICTURES = os.environ.get("ABAG_SCREENSHOTS")
"""Folder for the pictures of the docs, where a run is to make them anew."""


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    service = Running(tmp_path_factory.mktemp("served") / "data")
    yield service
    service.stop()


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("no Chromium here: install it from the system's packages")
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


def watched(page: Any, faults: list[str]) -> Any:
    """A page whose errors, and windows that a script opens, are kept as faults."""
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda m: faults.append(m.text) if "Content Security" in m.text else None)
    page.on("dialog", lambda dialog: faults.append(dialog.message) or dialog.dismiss())
    return page


@pytest.fixture
def opened(browser: Any) -> Iterator[Callable[..., Any]]:
    """Open a page of some width; what the browser complains of fails the test."""
    contexts, faults = [], []

    def page(width: int = 1200, height: int = 900, scheme: str = "light") -> Any:
        context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme
        )
        context.set_default_timeout(LONG)
        contexts.append(context)
        return watched(context.new_page(), faults)

    yield page
    for context in contexts:
        context.close()
    assert not faults


@pytest.fixture(scope="session")
def tab(browser: Any) -> tuple[Any, list[str]]:
    """One tab for all tests that need no more, and its faults: each new one costs half a second."""
    context = browser.new_context(viewport={"width": 1200, "height": 900}, color_scheme="light")
    context.set_default_timeout(LONG)
    faults: list[str] = []
    return watched(context.new_page(), faults), faults


@pytest.fixture
def page(tab: tuple[Any, list[str]], running: Running) -> Iterator[Any]:
    """The tab, without a key or page; what the browser complains of fails the test."""
    one, faults = tab
    faults.clear()
    one.goto(f"{running.address}page/icon.svg")  # of the service: another would cost a process
    one.evaluate("sessionStorage.clear()")
    yield one
    assert not faults


@pytest.fixture
def photograph() -> Callable[[Any, str], None]:
    """Look at a filled view: axe finds nothing serious; ABAG_SCREENSHOTS names where to keep it."""

    def keep(page: Any, name: str) -> None:
        assert not AXE.exists() or serious(page) == [], name
        if PICTURES:
            Path(PICTURES).mkdir(parents=True, exist_ok=True)
            page.screenshot(path=Path(PICTURES) / f"{name}.png", full_page=True)

    return keep
