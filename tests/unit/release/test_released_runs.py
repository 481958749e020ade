"""A trained run as a release: what its monitors saw is said, and nothing of it can be changed."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

pytest.importorskip("torch")

from abag.errors import ReleaseError
from abag.files import read_json, write_csv, write_parquet
from abag.release.bundle import build_release, require_honest_notes
from abag.release.facts import require_agreement
from abag.release.intent import Intent
from abag.release.issues import known_issues, recommendation
from abag.release.subjects import RUN_FILES, read_subject, require_test_chose_nothing
from abag.release.verify import verify_release
from abag.training.run import train
from released_models import DATE, change_json, resum
from synthetic_runs import QUIET, TINY, load_recipe, write_inputs

SMALL = [one for one in TINY if "id=hash" not in one]
BUILTIN = ["network.antibody.id=builtin", "network.antigen.id=builtin", "stopping.epochs=2"]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """v2.6 and v2.7 on the same split, with the built-in encoder."""
    folder = tmp_path_factory.mktemp("runs")
    sources = write_inputs(folder)
    options = replace(QUIET, audit=True, report=True)
    for name in ("v2.6", "v2.7"):
        recipe = load_recipe(name, [*SMALL, *BUILTIN])
        train(recipe, sources, folder / name, options)
    return folder


@pytest.fixture(scope="module")
def made(runs: Path) -> Path:
    older = Intent("0.1.0-beta", "abag-v2.6", DATE)
    build_release(read_subject(runs / "v2.6"), older, runs / "release-v2.6")
    newer = Intent("0.2.0-beta", None, DATE, earlier=(runs / "release-v2.6",))
    build_release(read_subject(runs / "v2.7"), newer, runs / "release-v2.7")
    return runs / "release-v2.7"


@pytest.fixture
def release(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path / "release")
    return tmp_path / "release"


@pytest.mark.slow
def test_two_recipes_are_released_side_by_side(release: Path):
    facts = verify_release(release)
    assert {path.name for path in (release / "run").iterdir()} == set(RUN_FILES)
    table = (release / "COMPARISON.md").read_text()
    assert "| abag-v2.7 0.2.0-beta | abag-v2.6 0.1.0-beta |" in table
    assert "| were these rows held out? | yes | yes |" in table
    notes = (release / "RELEASE_NOTES.md").read_text()
    for issue in facts["issues"]:
        assert issue["text"] in notes
    kinds = {issue["kind"] for issue in facts["issues"]}
    assert "leak" in kinds
    assert facts["recommendation"]["what"] == "wait"
    assert facts["run"]["audit"]["verdict"] in notes
    assert not [path for path in release.rglob("*.json") if str(release.parent) in path.read_text()]


@pytest.mark.slow
def test_one_row_of_the_test_predictions_changed_is_refused(release: Path):
    path = release / "run" / "test_predictions.csv"
    table = pl.read_csv(path)
    row = table["record_id"][3]
    here = pl.col("record_id") == row
    pred = pl.when(here).then(pl.col("pred") + 0.5).otherwise(pl.col("pred"))
    write_csv(
        path, table.with_columns(pred=pred).with_columns(error=pl.col("pred") - pl.col("true"))
    )
    with pytest.raises(ReleaseError, match=r"test_predictions\.csv is not the file"):
        verify_release(release)
    resum(release)
    with pytest.raises(ReleaseError, match=r"metrics\.json says that rmse is"):
        verify_release(release)


@pytest.mark.slow
def test_a_model_that_does_not_give_the_stored_predictions_is_refused(runs: Path, tmp_path: Path):
    shutil.copytree(runs / "v2.7", tmp_path / "run")
    shutil.rmtree(tmp_path / "run" / "model")
    shutil.copytree(runs / "v2.6" / "model", tmp_path / "run" / "model")
    with pytest.raises(ReleaseError, match="does not give the stored predictions of 9 rows"):
        build_release(read_subject(tmp_path / "run"), Intent("1.0.0"), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_a_run_of_rows_that_may_not_shape_weights_is_refused(runs: Path, tmp_path: Path):
    shutil.copytree(runs, tmp_path / "moved")
    table = tmp_path / "moved" / "table.parquet"
    rows = pl.read_parquet(table)
    write_parquet(table, rows.with_columns(licence=pl.lit("CC-BY-NC-4.0")))
    with pytest.raises(ReleaseError, match="not the table that"):
        read_subject(tmp_path / "moved" / "v2.7", table)


@pytest.mark.slow
def test_an_epoch_that_validation_did_not_choose_is_refused(runs: Path, tmp_path: Path):
    shutil.copytree(runs / "v2.7", tmp_path / "run")
    history = tmp_path / "run" / "training_history.csv"
    kept = read_json(tmp_path / "run" / "metrics.json")["training"]["kept_epoch"]
    table = pl.read_csv(history)
    better = pl.when(pl.col("epoch") == kept).then(-0.9).otherwise(0.9)
    write_csv(history, table.with_columns(val_spearman=better))
    with pytest.raises(ReleaseError, match=f"keeps epoch {kept}, but its validation spearman"):
        read_subject(tmp_path / "run")


def metrics(**training: Any) -> dict[str, Any]:
    return {
        "training": {"kept_epoch": 1, **training},
        "hyper_parameters": {"stopping": {"metric": "spearman"}},
        "test": {"rmse": {"value": 1.0}, "prediction_sd": {"n": 2}},
    }


def test_test_rows_that_could_train_are_refused(tmp_path: Path):
    tested = pl.Series(["b", "c"])
    with pytest.raises(ReleaseError, match=r"1 row of the test part could train the model \(b\)"):
        require_test_chose_nothing(tmp_path, metrics(), {"a", "b"}, {"b", "c"}, tested)
    with pytest.raises(ReleaseError, match=r"holds 1 row that the test part .* does not \(c\)"):
        require_test_chose_nothing(tmp_path, metrics(), {"a"}, {"b"}, tested)


def test_a_claim_of_other_rows_than_are_there_is_refused():
    """The predecessor claimed 5,707 test rows; its file held 23,961."""
    rows = pl.DataFrame({"record_id": ["a", "b", "c"], "true": [7.0, 8.0, 9.0],
                         "pred": [8.0, 7.0, 8.0], "error": [1.0, -1.0, -1.0]})  # fmt: skip
    with pytest.raises(ReleaseError, match=r"rows of the test part is 2, but .* gives 3"):
        require_agreement(metrics(), rows)
    claimed = metrics()
    claimed["test"]["distinct_predictions"] = {"value": 3}
    with pytest.raises(ReleaseError, match=r"distinct_predictions is 3, but .* gives 2"):
        require_agreement(claimed, rows)


def run_facts(**changes: Any) -> dict[str, Any]:
    figure = {"value": 0.4, "low": 0.2, "high": 0.6, "rows": 90, "reason": None}
    run = {
        "status": {"reasons": [], "largest_recall_jump": 0.1},
        "collapse": {"verdict": "sound", "text": ""},
        "audit": {"verdict": "clean", "is_leaky": False, "believe": ""},
        "figures": [{"key": key, "title": key, **figure} for key in ("spearman", "pearson")],
        "differences": [
            {"level": "pooled", "key": "rmse", "value": -0.1, "baseline": "kmer-ridge"}
        ],
        "distinct": {"share_out_of_range": 0.0, "lowest": 5.0, "highest": 11.0},
        "resampling": {"note": None},
        "split": {"notes": []},
        **changes,
    }
    facts = {"run": run, "calibration": None, "assay": None, "given": {"notes": []},
             "model": {"target": "rank_score"}}  # fmt: skip
    facts["issues"] = known_issues(facts)
    return facts | {"recommendation": recommendation(facts)}


ZERO = [{"key": key, "title": key, "value": 0.1, "low": -0.1, "high": 0.3, "rows": 90}
        for key in ("spearman", "pearson")]  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "kind", "what"),
    [
        ({}, None, "use"),
        ({"status": {"reasons": ["the recall swings"]}}, "unstable", "wait"),
        ({"collapse": {"verdict": "collapsed", "text": "nine values"}}, "collapse", "wait"),
        ({"audit": {"verdict": "leaks pairs", "is_leaky": True, "believe": "x"}}, "leak", "wait"),
        ({"audit": {"verdict": "leaks x", "is_leaky": False, "believe": "x"}}, "overlap", "use"),
        ({"figures": ZERO}, "no-skill", "wait"),
        ({"figures": [one | {"high": -0.02} for one in ZERO]}, "no-skill", "wait"),
        ({"figures": [one | {"low": None, "high": None} for one in ZERO]}, "no-skill", "wait"),
        ({"status": {"reasons": [], "largest_recall_jump": 0.8}}, "recall", "education"),
        ({"differences": [{"level": "pooled", "key": "rmse", "value": 0.1, "baseline": "mean"}]},
         "baseline", "education"),
        ({"distinct": {"share_out_of_range": 0.2, "lowest": -2.48, "highest": 9.0}},
         "out-of-range", "education"),
    ],
)  # fmt: skip
def test_what_the_monitors_saw_decides_the_recommendation(
    changes: dict[str, Any], kind: str | None, what: str
):
    facts = run_facts(**changes)
    kinds = {issue["kind"] for issue in facts["issues"]}
    assert kinds == ({kind} if kind else set())
    assert facts["recommendation"]["what"] == what


def test_notes_that_hide_a_bad_audit_or_an_unstable_run_are_refused():
    leaky = run_facts(audit={"verdict": "leaks pairs", "is_leaky": True, "believe": "nothing"})
    with pytest.raises(ReleaseError, match="the split leaks pairs"):
        require_honest_notes(leaky, "All is well.")
    shaky = run_facts(status={"reasons": ["the recall swings"]})
    with pytest.raises(ReleaseError, match="the recall swings"):
        require_honest_notes(shaky, "All is well.")


@pytest.mark.slow
def test_a_fact_that_was_made_better_is_refused(release: Path):
    change_json(release / "release.json", "run", "status", "status", value="stable, very")
    resum(release)
    with pytest.raises(ReleaseError, match=r"run\.status\.status is 'stable, very' there"):
        verify_release(release)
