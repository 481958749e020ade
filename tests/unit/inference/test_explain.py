import json
from pathlib import Path

import gemmi
import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from abag.errors import FileFormatError, OptionError
from abag.inference.explaining.contacts import agreement, auroc
from abag.inference.explaining.explain import explain, explain_structure, write_explanation
from abag.inference.explaining.explanation import SCHEMA
from abag.inference.predictor import Predictor
from abag.model.baselines.kmer_ridge import KmerRidge
from abag.model.baselines.mean import Mean
from synthetic_pairs import HEAVY, LIGHT, complexes_table

TABLE = complexes_table(30)
TARGET = "MKTAYIAKQRQISFVKSHFS"
H3 = HEAVY.index("SRWGG")


class LikesH3(Mean):
    """Adds 1 for each residue of the first three of CDR-H3 that is trastuzumab's."""

    name = "mean"
    places = (H3, H3 + 1, H3 + 2)

    def _values(self, table: pl.DataFrame) -> NDArray[np.float64]:
        return np.array([sum(h[p] == HEAVY[p] for p in self.places) for h in table["heavy"]], float)


class LikesFramework(LikesH3):
    places = (3, 4, 5)


def predictor(model: type[Mean] = LikesH3) -> Predictor:
    return Predictor(model().fit(TABLE))


def complex_file(folder: Path) -> Path:
    """C-alpha atoms on a grid: residue i of the antigen is 4 Å from residue H3 + i of heavy."""
    structure = gemmi.Structure()
    structure.name = "9xyz"
    model = gemmi.Model(1)
    for label, letters, x, z, first in (
        ("L", LIGHT, 4.0, 0.0, 0), ("H", HEAVY, 0.0, 0.0, 0), ("A", TARGET, 0.0, 4.0, H3),
    ):  # fmt: skip
        chain = gemmi.Chain(label)
        for i, letter in enumerate(letters):
            residue = gemmi.Residue()
            residue.name = gemmi.expand_one_letter(letter, gemmi.ResidueKind.AA)
            residue.seqid = gemmi.SeqId(i + 1, " ")
            atom = gemmi.Atom()
            atom.name, atom.element = "CA", gemmi.Element("C")
            atom.pos = gemmi.Position(x, 3.8 * (first + i), z)
            residue.add_atom(atom)
            chain.add_residue(residue)
        model.add_chain(chain)
    structure.add_model(model)
    structure.setup_entities()
    (folder / "complex.pdb").write_text(structure.make_pdb_string())
    return folder / "complex.pdb"


def test_importance_is_the_mean_change_over_all_substitutes() -> None:
    found = explain(predictor(), HEAVY, LIGHT, TARGET)
    assert dict(found.positions.schema) == SCHEMA
    assert found.positions.height == len(HEAVY) + len(LIGHT)
    important = found.positions.filter(pl.col("importance") > 0)
    assert important["position"].to_list() == [H3 + 1, H3 + 2, H3 + 3]
    assert important["importance"].to_list() == [1.0] * 3
    assert important["mean_change"].to_list() == [-1.0] * 3
    assert important["imgt"].to_list() == ["105", "106", "107"]
    assert set(important["region"]) == {"CDR3"}
    assert found.share_of_cdrs() == 1.0


def test_changes_are_those_of_the_model() -> None:
    model = KmerRidge().fit(TABLE)
    found = explain(Predictor(model), HEAVY, LIGHT, TARGET, substitutes="aw")
    row = found.positions.filter(pl.col("chain") == "heavy").row(41, named=True)
    pairs = pl.DataFrame(
        {
            "heavy": [HEAVY, *(HEAVY[:41] + letter + HEAVY[42:] for letter in "AW")],
            "light": [LIGHT] * 3,
            "antigen": [[TARGET]] * 3,
        }
    )
    before, *after = model.predict(pairs).tolist()
    changes = [
        value - before for letter, value in zip("AW", after, strict=True) if letter != HEAVY[41]
    ]
    assert row["importance"] == pytest.approx(np.mean(np.abs(changes)))
    assert row["lowest_change"] == pytest.approx(min(changes))
    assert found.substitutes == "AW"


def test_a_residue_is_not_replaced_by_itself() -> None:
    found = explain(predictor(), HEAVY, LIGHT, TARGET, substitutes="S")
    row = found.positions.filter(pl.col("chain") == "heavy").row(H3, named=True)
    assert row["residue"] == "S"
    assert row["importance"] is None


def test_a_vhh_has_one_chain() -> None:
    found = explain(predictor(), HEAVY, None, TARGET, substitutes="A")
    assert set(found.positions["chain"]) == {"heavy"}


def test_letters_that_are_no_residues_are_refused() -> None:
    with pytest.raises(OptionError, match="letters of amino acids"):
        explain(predictor(), HEAVY, LIGHT, TARGET, substitutes="AZ")


def test_a_model_that_looks_at_the_contacts_agrees_with_the_structure(tmp_path: Path) -> None:
    found = explain_structure(predictor(), complex_file(tmp_path))
    touching = found.positions.filter(pl.col("contact"))
    assert touching["position"].to_list() == list(range(H3 + 1, H3 + 1 + len(TARGET)))
    assert set(touching["chain"]) == {"heavy"}
    assert touching["distance_angstrom"].round(3).to_list() == [4.0] * len(TARGET)
    assert found.agreement is not None
    # 3 of 20 contacts are above, the other 17 tie with the 207 others: (3 + 17 / 2) / 20.
    assert found.agreement.auroc == pytest.approx(0.575)
    assert found.agreement.agrees
    assert found.agreement.auroc_of_cdrs > found.agreement.auroc
    assert "no more about contacts than the CDR borders" in found.in_words()


def test_a_model_that_looks_elsewhere_is_said_to(tmp_path: Path) -> None:
    found = explain_structure(predictor(LikesFramework), complex_file(tmp_path))
    assert found.agreement is not None
    assert not found.agreement.agrees
    assert "is NOT where the antigen is touched" in found.in_words()


def test_a_file_without_a_complex_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.pdb").write_text("HEADER\n")
    with pytest.raises(FileFormatError):
        explain_structure(predictor(), tmp_path / "x.pdb")


def test_files_are_written_the_same_twice(tmp_path: Path) -> None:
    found = explain_structure(predictor(), complex_file(tmp_path), substitutes="AW")
    write_explanation(found, tmp_path / "one")
    write_explanation(found, tmp_path / "two")
    for name in ("importance.csv", "importance.png", "explanation.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    assert (tmp_path / "one" / "importance.png").read_bytes().startswith(b"\x89PNG")
    assert pl.read_csv(tmp_path / "one" / "importance.csv").height == len(HEAVY) + len(LIGHT)
    content = json.loads((tmp_path / "one" / "explanation.json").read_text())
    assert content["agreement"]["contacts"] == len(TARGET)


def test_the_area_under_the_curve_by_hand() -> None:
    positive = np.array([True, False, True, False])
    assert auroc(np.array([4.0, 3.0, 2.0, 1.0]), positive) == 0.75
    assert auroc(np.array([1.0, 1.0, 1.0, 1.0]), positive) == 0.5


def test_too_few_contacts_give_no_area() -> None:
    rows = pl.DataFrame(
        {"importance": [1.0] * 10, "contact": [True] * 2 + [False] * 8, "region": ["FR1"] * 10}
    )
    assert agreement(rows) is None
