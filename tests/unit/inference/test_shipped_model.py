from pathlib import Path

import polars as pl
import pytest

import abag
from abag.antibody.numbering import clear_cache
from abag.errors import MissingFileError
from abag.inference.prediction import Prediction
from abag.inference.predictor import SHIPPED_MODEL, Predictor
from synthetic_antibodies import made_up_antibodies
from synthetic_pairs import HEAVY, LIGHT

# SARS-CoV-2 spike, residues 319 to 541 (UniProt P0DTC2): the receptor-binding domain.
RBD = (
    "RVQPTESIVRFPNITNLCPFGEVFNATRFASVYAWNRKRISNCVADYSVLYNSASFSTFKCYGVSPTKLNDLCFTNVYADSFVIRGDEVRQIAPGQTGKI"
    "ADYNYKLPDDFTGCVIAWNSNNLDSKVGGNYNYLYRLFRKSNLKPFERDISTEIYQAGSTPCNGVEGFNCYFPLQSYGFQPTNGVGYQPYRVVVLSFELL"
    "HAPATVCGPKKSTNLVKNKCVNF"
)
NOVEL = "MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQAPILSRVGDGTQDNLSGAEKAVQVKVKALPDAQFEVVHSLAKWKRQ"


@pytest.fixture(scope="module")
def shipped() -> Predictor:
    return abag.load()


def test_the_shipped_model_needs_no_folder_and_no_network(shipped: Predictor) -> None:
    one = abag.predict(HEAVY, LIGHT, RBD)
    assert one == shipped.predict_pair(HEAVY, LIGHT, RBD)
    assert one == abag.predict(SHIPPED_MODEL, HEAVY, LIGHT, RBD)
    assert one == abag.predict(shipped, heavy=HEAVY, light=LIGHT, antigen=RBD)
    assert one == abag.predict(HEAVY, LIGHT, RBD, model=shipped)
    assert one == abag.predict(heavy=HEAVY, light=LIGHT, antigen=[RBD])


def test_the_antigen_of_half_the_training_rows_is_known(shipped: Predictor) -> None:
    heavy, light = made_up_antibodies(1, seed=5)[0]
    one = shipped.predict_pair(heavy, light, RBD)
    assert one.domain == "known antigen, new antibody"
    assert one.antigen_identity == pytest.approx(1.0)


def test_an_unknown_pair_gets_a_wider_interval_and_a_larger_error(shipped: Predictor) -> None:
    heavy, light = made_up_antibodies(1, seed=5)[0]
    known = shipped.predict_pair(heavy, light, RBD)
    unknown = shipped.predict_pair(heavy, light, NOVEL)
    assert unknown.domain == "neither known"
    assert None not in (known.pkd_upper, known.pkd_lower, unknown.pkd_upper, unknown.pkd_lower)
    assert width(unknown) > width(known)
    assert (unknown.group_rmse or 0.0) > (known.group_rmse or 9.9)


def test_a_pair_has_the_same_numbers_alone_and_numbered_ahead_in_a_table(
    shipped: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    light = made_up_antibodies(1, seed=8)[0][1]
    rows = [(heavy, LIGHT, RBD) for heavy, _ in made_up_antibodies(6, seed=7)]
    rows += [(HEAVY, LIGHT, RBD), (HEAVY, None, NOVEL), (HEAVY, light, NOVEL)]
    table = pl.DataFrame(rows, schema=["heavy", "light", "antigen"], orient="row")
    monkeypatch.setattr("abag.model.pairs.model._RECALLED", 0)
    alone = [shipped.predict_pair(*row) for row in rows]
    monkeypatch.setattr("abag.inference.predictor._STEP_ROWS", 2)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    clear_cache()
    together = shipped.predict_table(table)
    for one, row in zip(alone, together.iter_rows(named=True), strict=True):
        assert {name: row[name] for name in ("pkd", "pkd_lower", "domain", "changes")} == {
            name: getattr(one, name) for name in ("pkd", "pkd_lower", "domain", "changes")
        }


def width(one: Prediction) -> float:
    return (one.pkd_upper or 0.0) - (one.pkd_lower or 0.0)


def test_the_shipped_intervals_cover_what_they_promise(shipped: Predictor) -> None:
    assert shipped.calibration is not None
    figures = {verdict.value: one for verdict, one in shipped.calibration.figures.items()}
    for one in figures.values():
        assert 0.85 <= (one.coverage or 0.0) <= 0.99
    for name in ("known antibody, other antigen", "neither known"):
        assert (figures[name].coverage_of_clusters or 0.0) >= 0.85


def test_the_shipped_model_has_a_card_and_fits_the_package() -> None:
    card = (SHIPPED_MODEL / "card.md").read_text(encoding="utf-8")
    assert "neither known" in card
    assert "saaint_db" in card
    size = sum(path.stat().st_size for path in SHIPPED_MODEL.rglob("*") if path.is_file())
    assert size <= 40e6


PLAIN = Prediction(8.1, 7.9e-9, "7.9 nM", None, None, "m-1", ())


def test_words_of_a_prediction_with_an_interval() -> None:
    one = Prediction(
        8.1, 7.9e-9, "7.9 nM", None, None, "m-1", ("light_missing", "antigen_not_in_training"),
        6.6, 9.6, 0.9, "known antigen, new antibody", 0.62, 0.98, 1.05, 0.7, 1621,
    )  # fmt: skip
    assert one.in_words().splitlines() == [
        "pKd 8.10 (90 % 6.6 to 9.6)   KD 7.9 nM",
        "known antigen, new antibody: this antigen or one like it was measured, with other "
        "antibodies than this one",
        "nearest training antibody: CDR identity 62%, this exact sequence",
        "nearest training antigen: identity 98%, not this exact sequence",
        "error on 1,621 held-out pairs of this kind: RMSE 1.05 pKd, 70% within 1 pKd",
        "model m-1",
        "flags light_missing, antigen_not_in_training",
    ]


def test_words_say_why_there_is_no_interval() -> None:
    assert "not calibrated" in PLAIN.in_words()
    one = Prediction(8.1, 7.9e-9, "7.9 nM", None, None, "m", (), None, None, 0.9, "neither known")
    assert "too few such pairs were measured" in one.in_words()
    assert "the error on such pairs is not known" in one.in_words()


def test_a_folder_that_is_not_there_is_no_heavy_chain(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError):
        abag.predict(tmp_path / "nowhere", HEAVY, LIGHT, RBD)
