"""The known figures of the k-mer kernel ridge on SAAINT-DB come out of one command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from command_line import run

pytestmark = [pytest.mark.sources, pytest.mark.slow]


def test_random_rows_flatter_and_new_antigens_tell_the_truth(
    sources_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    out = tmp_path / "bench"
    asked = ("benchmark", "saaint", "--sources", sources_dir, "--out", out)
    assert run(*asked, "--model", "kmer-ridge", "--bootstrap", 100, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    pearson = {
        name: split["kmer-ridge"]["pearson"]["value"] for name, split in found["splits"].items()
    }
    assert pearson["random rows"] == pytest.approx(0.75, abs=0.04)
    assert pearson["structures disjoint"] == pytest.approx(0.55, abs=0.05)
    assert pearson["antigen clusters disjoint"] == pytest.approx(0.03, abs=0.08)
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "memory, not understanding" in page
    assert "http://" not in page.replace("http://www.w3.org", "")
