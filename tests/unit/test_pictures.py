"""Without matplotlib every number is there, and what is missing is named with its extra."""

import sys
from pathlib import Path

import numpy as np
import pytest

from abag.data.labels import Labels
from abag.evaluation.reporting.figures import parity
from abag.pictures import NO_PICTURE, picture_file, written


@pytest.fixture
def without_matplotlib(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)


def test_a_page_says_what_would_draw_its_picture(without_matplotlib: None):
    values = np.array([7.0, 8.0])
    told = parity(Labels(values, values, values), values, "pKd")
    assert told.startswith("<p>no picture: matplotlib is not installed")
    assert "[figures]" in told


def test_a_picture_file_is_left_out_and_named(
    without_matplotlib: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    @picture_file
    def draw(path: Path) -> None:
        path.write_bytes(b"drawn")

    draw(tmp_path / "scan.png")
    assert not list(tmp_path.iterdir())
    assert capsys.readouterr().err == f"{NO_PICTURE}\n"
    assert written(("scan.csv", "scan.png")) == ("scan.csv",)


def test_with_matplotlib_pictures_are_drawn(tmp_path: Path):
    @picture_file
    def draw(path: Path) -> None:
        path.write_bytes(b"drawn")

    draw(tmp_path / "scan.png")
    assert (tmp_path / "scan.png").read_bytes() == b"drawn"
    assert written(("scan.csv", "scan.png")) == ("scan.csv", "scan.png")
