"""The log-odds of a known complex beside what the global model expects."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from abag.antibody.alphabet import AMINO_ACIDS
from abag.errors import OptionError
from abag.maturation.adapt.antigens import adapt_file
from abag.model.assay_gp.kernels import knowledge
from abag.model.assay_gp.kernels.knowledge import COMPLEX_WEIGHT, Knowledge
from abag.model.assay_gp.model import AssayGP
from abag.model.assay_gp.positions import Positions
from abag.model.mutation_effect import load_mutation_effect
from abag.model.registry import load_model
from synthetic_pairs import HEAVY as PARENT
from synthetic_pairs import LIGHT as PARTNER
from synthetic_pairs import assay_table
from synthetic_structure import HEAVY


def positions() -> Positions:
    return Positions.of([HEAVY], [""], "place", (HEAVY, ""))


def test_log_odds_are_added_in_pkd_and_unresolved_residues_say_nothing(
    monkeypatch: pytest.MonkeyPatch,
):
    table = np.full((len(HEAVY), 20), np.log(0.01))
    table[30, AMINO_ACIDS.index("W")] = np.log(0.5)
    table[31] = np.nan
    monkeypatch.setattr(knowledge, "_log_probabilities", lambda *_: (table, np.zeros((0, 20))))
    plain = Knowledge.of(positions(), load_mutation_effect())
    found = plain.with_complex(positions(), Path("any.pdb"))
    added = found.effects - plain.effects
    expected = COMPLEX_WEIGHT * np.log(50.0)
    assert added[30, AMINO_ACIDS.index("W"), 0] == pytest.approx(expected)
    assert added[30, AMINO_ACIDS.index(HEAVY[30]), 0] == 0.0
    assert not added[31].any()
    assert np.count_nonzero(added[..., 0]) == 2  # W, and a deletion as the mean change
    np.testing.assert_array_equal(found.features, plain.features)


def test_a_model_that_was_told_of_the_complex_needs_it_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """The structure's log-odds are saved with the model."""
    rng = np.random.default_rng(0)

    def scored(_: Path, heavy: str, light: str | None) -> tuple[np.ndarray, np.ndarray]:
        made = [rng.normal(size=(len(chain), 20)) for chain in (heavy, light or "")]
        return made[0], made[1]

    monkeypatch.setattr(knowledge, "_log_probabilities", scored)
    structure = tmp_path / "complex.pdb"
    structure.write_text("END\n")
    told = AssayGP()
    told.structure = structure
    told.fit(assay_table(20)).save(tmp_path / "told")
    structure.unlink()
    monkeypatch.undo()
    new = pl.DataFrame({"heavy": ["P" + PARENT[1:]], "light": [PARTNER]})
    saved = load_model(tmp_path / "told")
    assert saved.predict(new) == pytest.approx(told.predict(new))
    assert saved.predict(new)[0] != pytest.approx(AssayGP().fit(assay_table(20)).predict(new)[0])
    assert "structure_sha256" in told.training.origin


def test_a_structure_for_two_antigens_is_refused(tmp_path: Path):
    rows = [
        {
            "mutations": f"H:{PARENT[i]}{i + 1}A",
            "KD (nM)": 1.0 + i,
            "heavy": PARENT[:i] + "A" + PARENT[i + 1 :],
            "antigen": letters * 20,
        }
        for letters in ("MKT", "GSH")
        for i in range(2, 9)
    ]
    pl.DataFrame(rows).write_csv(tmp_path / "two.csv")
    with pytest.raises(OptionError, match="one parent on one antigen"):
        adapt_file(tmp_path / "two.csv", tmp_path / "out", structure=tmp_path / "complex.pdb")
