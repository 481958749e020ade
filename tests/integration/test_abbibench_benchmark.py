"""The AbBiBench benchmark on the published files."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from abag.apps.cli import main


@pytest.mark.slow
@pytest.mark.sources
def test_two_assays_are_ranked_without_anything_of_their_complexes(
    sources_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    arguments = ["benchmark", "abbibench", "--sources", str(sources_dir), "--out", str(tmp_path)]
    with pytest.raises(SystemExit) as ended:
        main([*arguments, "--assays", "1mhp,2fjg", "--bootstrap", "200", "--json"])
    assert ended.value.code in (None, 0)
    done = json.loads(capsys.readouterr().out)
    # Nothing of 1mhp's complex is in the training: it was sealed before the first trial.
    assert done["assays"]["1mhp"]["left_out"] == []
    left_out = set(done["assays"]["2fjg"]["left_out"])
    assert {"abbibench/2fjg", "attabseq:ab_bind:1bj1", "attabseq:ab_bind:3bdy"} <= left_out
    # The leaderboard's figures of ProteinMPNN: 1mhp -0.28 (its sign turned), 2fjg 0.49.
    peer = done["spearman"]["ProteinMPNN"]
    assert peer["1mhp"]["value"] == pytest.approx(0.28, abs=0.005)
    assert peer["2fjg"]["value"] == pytest.approx(0.49, abs=0.005)
    assert done["spearman"]["abag"]["2fjg"]["value"] > 0.5
    written = pl.read_csv(tmp_path / "scores" / "2fjg_benchmarking_data_abag_scores.csv")
    assert written.columns == ["mut_heavy_chain_seq", "binding_score", "log-likelihood"]
    assert written.height == 2223
    for name in ("abbibench.json", "abbibench.md", "abbibench.png"):
        assert (tmp_path / name).stat().st_size > 0
