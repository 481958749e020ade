"""What tests of maturation share."""

from __future__ import annotations

import pytest


@pytest.fixture
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages say in words where a picture would stand: other tests of the same file draw them."""
    monkeypatch.setattr("abag.pictures.can_draw", lambda: False)
