"""What the global model expects in a known complex, as a term of an assay's model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from abag.antibody.alphabet import AMINO_ACIDS
from abag.errors import OptionError
from abag.maturation.adapt.antigens import adapt_file
from abag.model.assay_gp.kernels import knowledge
from abag.model.assay_gp.kernels.knowledge import Knowledge
from abag.model.assay_gp.model import AssayGP
from abag.model.assay_gp.positions import Positions
from abag.model.mutation_effect import MutationEffect, ParentAntibody, load_mutation_effect
from abag.model.mutation_effect.surroundings import LOG_ODDS_WEIGHT, Surroundings
from abag.model.protocol import load_model
from synthetic_pairs import HEAVY as PARENT
from synthetic_pairs import LIGHT as PARTNER
from synthetic_pairs import assay_table
from synthetic_structure import HEAVY


def positions() -> Positions:
    return Positions.of([HEAVY], [""], "place", (HEAVY, ""))


def around(log_odds: np.ndarray, contact: float = 0.0) -> Surroundings:
    rows = len(log_odds)
    return Surroundings(np.full(rows, contact), np.full(rows, np.nan), log_odds)


def told(
    monkeypatch: pytest.MonkeyPatch, heavy: Surroundings, model: MutationEffect
) -> tuple[Knowledge, Knowledge]:
    """Knowledge without and with a structure of these surroundings."""
    monkeypatch.setattr(knowledge, "_surroundings", lambda *_: (heavy, around(np.zeros((0, 20)))))
    return Knowledge.of(positions(), model), Knowledge.of(positions(), model, Path("any.pdb"))


def test_log_odds_are_added_to_the_expected_effects(monkeypatch: pytest.MonkeyPatch):
    odds = np.zeros((len(HEAVY), 20))
    odds[30, AMINO_ACIDS.index("W")] = 3.0
    unresolved = replace(around(odds), contact=np.full(len(HEAVY), np.nan))
    plain, found = told(monkeypatch, unresolved, load_mutation_effect())
    added = found.effects - plain.effects
    assert added[30, AMINO_ACIDS.index("W"), 0] == pytest.approx(3.0 * LOG_ODDS_WEIGHT)
    assert added[30, AMINO_ACIDS.index(HEAVY[30]), 0] == 0.0
    assert (abs(added[..., 0]) > 1e-9).sum() == 2  # W, and a deletion as the mean change
    np.testing.assert_array_equal(found.features, plain.features)


def test_effects_are_those_at_the_contacts_of_the_structure(monkeypatch: pytest.MonkeyPatch):
    odds = np.zeros((len(HEAVY), 20))
    model = load_mutation_effect()
    plain, touching = told(monkeypatch, around(odds, contact=1.0), model)
    framework, alanine = 60, AMINO_ACIDS.index("A")
    assert HEAVY[framework] != "A"
    assert touching.effects[framework, alanine, 0] < plain.effects[framework, alanine, 0]
    table = pl.DataFrame({"heavy": [HEAVY[:60] + "A" + HEAVY[61:]], "light": [""]})
    parent = ParentAntibody.of(HEAVY).within((around(odds, contact=1.0), around(np.zeros((0, 20)))))
    # What an assay's model expects before its first row is what the zero-shot model says.
    assert (
        model.predict(parent, table).delta_pkd
        < model.predict(ParentAntibody.of(HEAVY), table).delta_pkd
    )


def test_a_model_that_was_told_of_the_complex_needs_it_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """The effects in the structure are saved with the model."""
    rng = np.random.default_rng(0)

    def scored(_: Path, heavy: str, light: str | None) -> tuple[Surroundings, ...]:
        return tuple(around(rng.normal(size=(len(chain or ""), 20))) for chain in (heavy, light))

    monkeypatch.setattr(knowledge, "_surroundings", scored)
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
