"""Every notebook runs from its first cell to its last, on small data and without a network."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "docs" / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))


def test_notebooks_hold_no_outputs_and_begin_with_an_install_that_needs_no_thought():
    nbformat = pytest.importorskip("nbformat")
    assert len(NOTEBOOKS) == 4
    for path in NOTEBOOKS:
        book = nbformat.read(path, as_version=4)
        cells = [cell for cell in book.cells if cell.cell_type == "code"]
        assert cells[0].source.startswith("try:\n    import abag\nexcept ImportError:\n    %pip")
        assert not any(cell.outputs or cell.execution_count for cell in cells), path.name


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    commands = tmp_path / "bin"
    commands.mkdir()
    (commands / "abag").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m abag "$@"\n')
    (commands / "abag").chmod(0o755)
    monkeypatch.setenv("PATH", f"{commands}:{os.environ['PATH']}")
    monkeypatch.setenv("ABAG_MODELS", str(tmp_path / "shelf"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    book = nbformat.read(path, as_version=4)
    place = {"metadata": {"path": str(tmp_path)}}
    done = nbclient.NotebookClient(book, timeout=900, kernel_name="python3", resources=place)
    done.execute()
    said = "".join(one.get("text", "") for cell in book.cells for one in cell.get("outputs", ()))
    assert "abag: error" not in said, said[-800:]
