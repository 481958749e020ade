"""A parent in a structure: which complexes are taken for its own, what touches, what is buried."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from abag.antibody.numbering import first_domain
from abag.errors import SequenceError
from abag.model.inverse_folding.placing import PlacedParent
from synthetic_structure import HEAVY, write_complex


@pytest.fixture(scope="module")
def complex_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_complex(tmp_path_factory.mktemp("complex") / "made.pdb")


def with_other_cdrs(share: float) -> str:
    """The heavy chain with tryptophan in a share of its CDRs' residues, frameworks as they are."""
    domain = first_domain(HEAVY)
    assert domain is not None
    numbers = [int("".join(c for c in one if c.isdigit())) for one in domain.positions]
    cdrs = [i for i, n in enumerate(numbers) if 27 <= n <= 38 or 56 <= n <= 65 or 105 <= n <= 117]
    changed = {domain.start + i for i in cdrs[: round(share * len(cdrs))]}
    return "".join("W" if i in changed else one for i, one in enumerate(HEAVY))


def test_the_antigen_is_touched_where_it_stands(complex_file: Path):
    heavy, light = PlacedParent.read(complex_file, (HEAVY, None)).surroundings()
    assert len(light.contact) == 0
    # The peptide begins 120 Å up the axis: residue 80, at 1.5 Å each.
    touched = np.flatnonzero(heavy.contact == 1.0)
    assert 70 < touched.min() < 85
    assert set(np.unique(heavy.contact)) == {0.0, 1.0}


def test_residues_without_atoms_are_told_apart_from_those_that_touch_nothing(
    complex_file: Path, tmp_path: Path
):
    kept = [
        line
        for line in complex_file.read_text().splitlines()
        if not (line.startswith("ATOM") and line[21] == "H" and line[22:26].strip() == "90")
    ]
    (tmp_path / "gap.pdb").write_text("\n".join(kept) + "\n")
    heavy, _ = PlacedParent.read(tmp_path / "gap.pdb", (HEAVY, None)).surroundings()
    assert np.flatnonzero(np.isnan(heavy.contact)).tolist() == [89]
    assert np.flatnonzero(np.isnan(heavy.burial)).tolist() == [89]


def test_burial_grows_with_the_atoms_on_the_side_chains_side(complex_file: Path):
    heavy, _ = PlacedParent.read(complex_file, (HEAVY, None)).surroundings()
    assert heavy.burial.max() <= 1.0
    assert heavy.burial.min() == 0.0  # a lone helix buries nothing at its ends


def test_a_mutated_parent_stands_on_the_backbone(complex_file: Path):
    placed = PlacedParent.read(complex_file, (with_other_cdrs(0.2), None))
    assert placed.chains[0].text == with_other_cdrs(0.2)


def test_a_shared_framework_is_not_the_same_antibody(complex_file: Path):
    """Over 80 % of all residues, for two antibodies of one germline bind different antigens."""
    with pytest.raises(SequenceError, match=r"8\d% of the parent's residues .* of its CDRs"):
        PlacedParent.read(complex_file, (with_other_cdrs(0.5), None))
