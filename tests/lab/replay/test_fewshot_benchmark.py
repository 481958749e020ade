from pathlib import Path

import numpy as np
import polars as pl
import pytest

from abag.errors import FileFormatError, OptionError
from abag.files import write_parquet
from abag_lab.cli.benchmark import fewshot_text
from abag_lab.replay.fewshot_benchmark import MODELS, MUTATIONS, POSITIONS, Protocol, score_split
from abag_lab.replay.fewshot_report import write_report
from abag_lab.replay.fewshot_scores import FewShotBenchmark, FewShotScore, Journal
from abag_lab.replay.landscapes import Landscape, with_values
from synthetic_pairs import assay_table


def test_the_split_is_that_of_the_protocol() -> None:
    table = assay_table(50)
    scores = score_split(Landscape("made-up", table), 7, "24", MODELS)
    order = np.random.RandomState(7).permutation(50)
    assert [one.model for one in scores] == list(MODELS)
    assert {(one.rows, one.test_rows, one.size) for one in scores} == {(24, 10, "24")}
    from scipy.stats import spearmanr

    from abag.model.protocol import create_model

    ridge = create_model("one-hot-ridge", {"target": "rank_score"}).fit(table[order[:24].tolist()])
    test = table[order[40:].tolist()]
    expected = spearmanr(ridge.predict(test), test["rank_score"].to_numpy()).statistic
    assert np.isclose(scores[1].spearman or 0.0, expected)


def test_a_size_beyond_the_training_rows_is_left_out() -> None:
    assert score_split(Landscape("made-up", assay_table(50)), 0, "41", MODELS) == []


def test_training_rows_that_are_all_at_the_floor_give_no_figure() -> None:
    flat = assay_table(50).with_columns(rank_score=pl.lit(6.0))
    scores = score_split(Landscape("flat", flat), 0, "24", MODELS)
    assert [one.spearman for one in scores] == [None] * len(MODELS)


def test_a_censored_row_stands_at_its_bound() -> None:
    table = assay_table(3).with_columns(
        pkd=pl.Series([None, 7.0, 8.0]), rank_score=pl.Series([None, 7.0, 8.0]),
        rank_upper=pl.Series([5.0, 7.0, 8.0]), rank_lower=pl.Series([None, 7.0, 8.0]),
    )  # fmt: skip
    assert with_values(table)["rank_score"].to_list() == [5.0, 7.0, 8.0]


def test_the_mean_is_over_landscapes_of_means_over_seeds() -> None:
    def score(landscape: str, seed: int, value: float) -> FewShotScore:
        return FewShotScore(landscape, "m", "24", seed, 24, 10, value, None, 0.0)

    scores = (score("a", 0, 0.0), score("a", 1, 0.2), score("b", 0, 0.5))
    done = FewShotBenchmark(scores, {})
    assert np.isclose(done.of("a", "m", "24") or 0.0, 0.1)
    assert np.isclose(done.mean("m", "24") or 0.0, 0.3)
    assert done.mean("m", "96") is None


def test_the_lead_over_a_floor_is_taken_seed_by_seed() -> None:
    def score(model: str, seed: int, value: float | None) -> FewShotScore:
        return FewShotScore("a", model, "24", seed, 24, 10, value, None, 0.0)

    ours = [score("assay-gp", seed, 0.4 + 0.1 * seed) for seed in range(3)]
    ridge = [score("one-hot-ridge", seed, 0.3 + 0.1 * seed) for seed in range(2)]
    done = FewShotBenchmark((*ours, *ridge, score("one-hot-ridge", 2, None)), {"seeds": [0, 1, 2]})
    found = done.gain("a", "one-hot-ridge", "24")
    assert found is not None
    assert (found.mean, found.lower, found.upper) == pytest.approx((0.1, 0.1, 0.1))
    assert found.seeds == 2
    assert done.gain("a", "prior alone", "24") is None
    shown = fewshot_text(done)
    assert "- one-hot-ridge     +0.10±0.00" in shown
    assert done.as_json()["gain"]["one-hot-ridge"]["24"]["a"]["mean"] == pytest.approx(0.1)


def test_what_is_held_out_beyond_random_rows_is_new_to_training() -> None:
    landscape = Landscape("made-up", assay_table(120))
    models = {"one-hot-ridge": MODELS["one-hot-ridge"]}
    for size in (POSITIONS, MUTATIONS):
        (score,) = score_split(landscape, 0, size, models)
        assert score.size == size
        assert score.rows < 120


def test_the_first_80_percent_may_be_capped_for_every_model() -> None:
    scores = score_split(Landscape("made-up", assay_table(100)), 0, "80%", MODELS, most_rows=30)
    assert {one.rows for one in scores} == {30}
    assert {one.test_rows for one in scores} == {20}


def test_an_interrupted_run_goes_on_where_it_was(tmp_path: Path) -> None:
    scores = score_split(Landscape("made-up", assay_table(50)), 0, "24", MODELS)
    first = Journal.of(tmp_path)
    first.add(scores[:2])
    second = Journal.of(tmp_path)
    assert second.has("made-up", scores[1].model, "24", 0)
    assert not second.has("made-up", scores[2].model, "24", 0)
    second.add(scores[2:])
    assert Journal.of(tmp_path).scores == scores
    assert pl.read_csv(tmp_path / "scores.csv").height == len(scores)
    whole = (tmp_path / "scores.parquet").read_bytes()
    (tmp_path / "scores.parquet").write_bytes(whole.replace(b"made-up", b"made-us"))
    with pytest.raises(FileFormatError, match=r"scores\.parquet"):
        Journal.of(tmp_path)
    write_parquet(tmp_path / "scores.parquet", pl.DataFrame({"a": [1]}))
    with pytest.raises(OptionError, match="holds something else"):
        Journal.of(tmp_path)


def test_the_page_and_the_picture_show_every_landscape(tmp_path: Path) -> None:
    names = [f"landscape-{i}" for i in range(5)]
    scores = tuple(
        FewShotScore(name, model, size, seed, int(size), 10, 0.1 * seed, 0.9, 0.0)
        for name in names
        for model in MODELS
        for size in ("24", "96")
        for seed in (1, 2)
    )
    done = FewShotBenchmark(scores, {"seeds": [1, 2]})
    write_report(done, tmp_path)
    page = (tmp_path / "fewshot.html").read_text()
    assert all(name in page for name in names)
    assert "0.150" in page
    assert (tmp_path / "fewshot.png").read_bytes().startswith(b"\x89PNG")
    before = page
    write_report(done, tmp_path)
    assert (tmp_path / "fewshot.html").read_text() == before


def test_a_protocol_needs_a_seed() -> None:
    with pytest.raises(OptionError, match="at least one seed"):
        Protocol.of(seeds=0)
    assert Protocol.of(quick=True).sizes == ("24", "96", "384")
