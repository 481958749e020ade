"""A browser, and a service to look at."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from served_page import AXE, Running, serious

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
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
        one = context.new_page()
        one.on("pageerror", lambda error: faults.append(str(error)))
        one.on("console", lambda m: faults.append(m.text) if "Content Security" in m.text else None)
        return one

    yield page
    for context in contexts:
        context.close()
    assert not faults


@pytest.fixture
def page(opened: Callable[..., Any]) -> Any:
    return opened()


@pytest.fixture
def photograph() -> Callable[[Any, str], None]:
    """Look at a filled view: axe finds nothing serious; ABAG_SCREENSHOTS names where to keep it."""

    def keep(page: Any, name: str) -> None:
        assert not AXE.exists() or serious(page) == [], name
        if PICTURES:
            Path(PICTURES).mkdir(parents=True, exist_ok=True)
            page.screenshot(path=Path(PICTURES) / f"{name}.png", full_page=True)

    return keep
