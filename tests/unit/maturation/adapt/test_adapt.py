import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from abag.errors import ModelError, TableError
from abag.maturation.adapt.adaptation import Adaptation
from abag.maturation.adapt.antigens import adapt_file
from abag.maturation.adapt.verdict import Grade
from abag.maturation.assay.file import check_assay, read_assay
from abag.model.assay_gp.model import AssayGP, Embedding
from abag.model.protocol import load_model
from synthetic_pairs import HEAVY, assay_table

ANTIGEN = "MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQAPILSRVGDGTQDNLSGAEKAVQ"


def adapt(path: Path, out: Path, embedding: Embedding = "none") -> Adaptation:
    (done,) = adapt_file(path, out, embedding=embedding)
    return done


def users_file(folder: Path, rows: int = 40, noise: float = 0.3, unit: str = "nM") -> Path:
    table = assay_table(rows)
    error = np.random.default_rng(0).normal(0.0, noise, rows)
    kd = pl.Series(10 ** (9 - (table["pkd"].to_numpy() + error)))
    path = folder / "assay.csv"
    table.select("heavy", "light").with_columns(
        pl.lit(ANTIGEN).alias("antigen"), kd.alias(f"KD ({unit})")
    ).write_csv(path)
    return path


def test_a_users_file_becomes_a_model_with_a_verdict_and_a_report(tmp_path: Path) -> None:
    path = users_file(tmp_path)
    done = adapt(path, tmp_path / "model")
    assert done.verdict.grade is Grade.GOOD
    assert load_model(tmp_path / "model").model_id == done.model.model_id
    written = json.loads((tmp_path / "model-report" / "adaptation.json").read_text())
    assert written["verdict"]["text"] == "good enough to pick the next 96"
    assert set(written["skill"]) == {"random", "positions", "mutation count"}
    page = (tmp_path / "model-report" / "report.html").read_text()
    assert done.verdict.headline in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    held = pl.read_csv(tmp_path / "model-report" / "held_out.csv")
    assert held.filter(pl.col("held_out") == "random").height == 40


@pytest.mark.usefixtures("no_pictures")
def test_an_embedding_is_a_choice_that_is_measured_and_saved(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    path = users_file(tmp_path, rows=20)
    names: tuple[Embedding, Embedding] = ("none", "builtin")
    plain, asked = (adapt(path, tmp_path / name, embedding=name) for name in names)
    saved = load_model(tmp_path / "builtin")
    assert isinstance(saved, AssayGP)
    assert saved.settings.embedding == "builtin"
    assert saved.training.origin["encoder"].startswith("builtin ")
    assert "encoder" not in plain.model.training.origin
    for model, same in (("assay-gp", False), ("one-hot-ridge", True)):
        pair = (asked.skills[0].predictions[model], plain.skills[0].predictions[model])
        assert np.array_equal(*pair) is same


def test_the_same_file_gives_the_same_bytes(tmp_path: Path) -> None:
    path = users_file(tmp_path, rows=24)
    first, second = (adapt(path, tmp_path / name) for name in ("a", "b"))
    assert first.model.model_id == second.model.model_id
    assert first.report.read_bytes() == second.report.read_bytes()


@pytest.mark.usefixtures("no_pictures")
def test_noise_alone_is_no_better_than_chance(tmp_path: Path) -> None:
    done = adapt(users_file(tmp_path, rows=16, noise=50.0 / 25), tmp_path / "m")
    shuffled = pl.read_csv(tmp_path / "assay.csv")
    shuffled = shuffled.with_columns(shuffled["KD (nM)"].shuffle(seed=3))
    shuffled.write_csv(tmp_path / "noise.csv")
    chance = adapt(tmp_path / "noise.csv", tmp_path / "n")
    assert chance.verdict.grade is Grade.CHANCE
    assert done.verdict.headline != chance.verdict.headline


def test_a_file_without_the_parent_is_mended_with_a_note(tmp_path: Path) -> None:
    notes = read_assay(users_file(tmp_path)).notes
    assert any("the commonest residue of each position stands for it" in note for note in notes)


def test_values_without_a_unit_are_refused(tmp_path: Path) -> None:
    path = users_file(tmp_path)
    path.write_text(path.read_text().replace("KD (nM)", "KD"))
    with pytest.raises(TableError, match="the unit of the values is not named"):
        read_assay(path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"heavy": pl.lit(HEAVY)}, "one variant only, measured 20 times"),
        (dict.fromkeys(("pkd", "pkd_lower", "pkd_upper"), pl.lit(8.0)), "are equal"),
        (
            {"pkd": pl.lit(None, pl.Float64), "rank_score": pl.lit(None, pl.Float64)},
            "are censored",
        ),
        ({"assay": pl.Series(["a", "b"] * 10)}, "mixes 2 assays"),
        ({"quantity": pl.Series(["KD", "IC50"] * 10)}, "mixes 2 quantities"),
        ({"antigen": pl.Series([["AAA"], ["CCC"]] * 10)}, "mixes 2 antigens"),
    ],
)
def test_an_assay_that_cannot_teach_is_refused_by_name(
    change: dict[str, pl.Series], words: str
) -> None:
    with pytest.raises(ModelError, match=words):
        check_assay(assay_table(20).with_columns(**change))


def test_too_few_rows_are_refused() -> None:
    with pytest.raises(ModelError, match="5 are the fewest"):
        check_assay(assay_table(4))


def test_five_rows_are_answered_and_not_believed(tmp_path: Path) -> None:
    done = adapt(users_file(tmp_path, rows=5), tmp_path / "m")
    assert done.verdict.grade is Grade.CHANCE


@pytest.mark.usefixtures("no_pictures")
def test_replicates_do_not_pass_for_skill(tmp_path: Path) -> None:
    single = pl.read_csv(users_file(tmp_path, rows=20))
    noise = single.with_columns(single["KD (nM)"].shuffle(seed=3))
    path = tmp_path / "replicates.csv"
    pl.concat([noise, noise.with_columns(pl.col("KD (nM)") * 1.1), noise]).write_csv(path)
    done = adapt(path, tmp_path / "m")
    assert done.verdict.grade is Grade.CHANCE
    assert done.skills[0].rows == 20
    assert done.assay.table["replicates"].to_list() == [3] * 20
    assert done.model.training.rows_used == 20
    assert any(note.startswith("40 rows that repeat a variant merged") for note in done.notes)


@pytest.mark.usefixtures("no_pictures")
def test_every_held_out_row_is_named_as_in_the_users_file(tmp_path: Path) -> None:
    path = users_file(tmp_path)
    given = pl.read_csv(path).with_row_index("name").with_columns(pl.format("clone-{}", "name"))
    given.write_csv(path)
    adapt(path, tmp_path / "model")
    held = pl.read_csv(tmp_path / "model-report" / "held_out.csv")
    measured = given.select(
        antibody_name="name", told=9 - pl.col("KD (nM)").log10(), line=pl.int_range(2, pl.len() + 2)
    )
    both = held.join(measured, on="antibody_name", how="left")
    assert both["told"].null_count() == 0
    assert (both["told"] - both["measured"]).abs().max() < 1e-9
    assert both["line"].to_list() == both["source_row"].to_list()
