"""AntiBERTy and Sapiens with their published weights: tokens, golden figures, batches, precision.

Skipped by name where the weights are not in the cache (``abag encoders fetch antiberty sapiens``).
"""

from __future__ import annotations

import functools

import numpy as np
import pytest

from abag.antibody.alphabet import AMINO_ACIDS
from abag.encoders.protocol import LongChain, MaskedEncoder, Molecule, Role
from abag.errors import EncoderError, SequenceError
from synthetic_pairs import HEAVY, LIGHT

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from abag.encoders.adapters.adapter import TransformerEncoder  # noqa: E402
from abag.encoders.adapters.lora import new_lora  # noqa: E402
from abag.encoders.adapters.opening import open_encoder  # noqa: E402
from abag.encoders.published.wheels import is_fetched  # noqa: E402
from abag.maturation.antibody.naturalness import Naturalness  # noqa: E402

NAMES = ("antiberty", "sapiens")
NIVOLUMAB_LIKE = (
    "XXQLVXSGVEVKKPGASVKVSCKASGYTFTNYYMYWVRQAPGQGLEWMGGINPSNGGTNFNEKFKNRVTLTTDSSTTTAYMELKSLQFD"
    "DTAVYYCARRDYRFDMGFDYWGQGTTVTVSS"
)
"""The chain of Sapiens' own documentation, whose first rows of output it prints."""


@functools.cache
def shared(name: str) -> TransformerEncoder:
    """One for all tests that leave it as it is."""
    return opened(name)


def opened(name: str, precision: str = "fp32", **options: object) -> TransformerEncoder:
    if not is_fetched(name):
        pytest.skip(f"the weights of {name} are not here (abag encoders fetch {name})")
    found = open_encoder(name, precision=precision, **options)  # type: ignore[arg-type]
    assert isinstance(found, TransformerEncoder)
    return found


def antibody(*chains: str) -> Molecule:
    return Molecule(Role.ANTIBODY, chains)


def masked_accuracy(encoder: MaskedEncoder, heavy: str, light: str, every: int = 1) -> float:
    """Share of residues that are foretold, hidden 16 apart; ``every`` second, third... such set."""
    molecule = antibody(heavy, light)
    hidden = [np.arange(first, molecule.residues, 16) for first in range(0, 16, every)]
    rows = encoder.log_probabilities([molecule] * len(hidden), hidden)
    own = np.array([AMINO_ACIDS.index(letter) for letter in heavy + light])
    right = [values.argmax(axis=1) == own[at] for at, values in zip(hidden, rows, strict=True)]
    return float(np.concatenate(right).mean())


def test_antiberty_reads_its_published_vocabulary():
    batch = shared("antiberty").tokens([antibody("ACDEFGHIKLMNPQRSTVWXY")])
    # vocab.txt: [PAD] [UNK] [CLS] [SEP] [MASK] A C D ... Y; X is read as hidden.
    assert batch.ids.tolist() == [[2, *range(5, 24), 4, 24, 3]]


def test_sapiens_reads_its_published_vocabulary_and_tells_chains_apart():
    batch = shared("sapiens").tokens([antibody("ACDEFGHIKLMNPQRSTVWXY", "ACD")])
    # dict.txt behind fairseq's <s> <pad> </s> <unk>; <mask> is last, 25 starts a light chain.
    heavy, light = [0, *range(4, 23), 24, 23, 2], [25, 4, 5, 6, 2]
    assert batch.ids.tolist() == [heavy, light + [1] * (len(heavy) - len(light))]


def test_sapiens_gives_the_figures_of_its_documentation():
    encoder = shared("sapiens")
    batch = encoder.tokens([antibody(NIVOLUMAB_LIKE)])
    logits = encoder.network.logits(encoder.hidden(batch), torch.zeros(len(NIVOLUMAB_LIKE)).long())
    shares = logits.softmax(-1).numpy()
    # Columns A, C, D, E. The first two rows are of hidden residues, the third of a Q.
    published = [
        [0.003272, 0.004147, 0.004011, 0.004590],
        [0.012038, 0.003854, 0.006803, 0.008174],
        [0.003384, 0.003895, 0.003726, 0.004068],
    ]
    np.testing.assert_allclose(shares[:3, 4:8], published, atol=2e-6)
    best = encoder.vocabulary.tokens(shares[[0, 1, 5]].argmax(axis=1).tolist())
    assert best == ["Q", "V", "Q"]


@pytest.mark.parametrize(("name", "least"), [("antiberty", 0.75), ("sapiens", 0.7)])
def test_natural_antibodies_are_foretold_and_shuffled_ones_are_not(name: str, least: float):
    """Each residue hidden by itself gives 0.84 and 0.81 on this antibody."""
    encoder = shared(name)
    rng = np.random.default_rng(0)
    shuffled = ["".join(rng.permutation(list(chain))) for chain in (HEAVY, LIGHT)]
    assert masked_accuracy(encoder, HEAVY, LIGHT, every=2) > least
    assert masked_accuracy(encoder, *shuffled, every=4) < 0.2


def test_each_network_of_sapiens_knows_its_own_chain():
    encoder = shared("sapiens")
    right, wrong = masked_accuracy(encoder, HEAVY, LIGHT), masked_accuracy(encoder, LIGHT, HEAVY)
    assert right - wrong > 0.3


@pytest.mark.parametrize("name", NAMES)
def test_a_row_is_the_same_in_any_batch(name: str):
    encoder = shared(name)
    nanobody, pair = antibody(HEAVY[:110]), antibody(HEAVY, LIGHT)
    alone = encoder.encode([pair])[0].rows
    together = encoder.encode([nanobody, pair, antibody(HEAVY + "GGGGS", LIGHT[:90])])[1].rows
    np.testing.assert_allclose(together, alone, atol=1e-5 * alone.std() * 10)
    assert alone.shape == (len(HEAVY) + len(LIGHT), encoder.facts.width)


@pytest.mark.parametrize("name", NAMES)
def test_bf16_moves_rows_by_little(name: str):
    exact = shared(name).encode([antibody(HEAVY, LIGHT)])[0].rows
    rough = opened(name, "bf16").encode([antibody(HEAVY, LIGHT)])[0].rows
    assert np.sqrt(((rough - exact) ** 2).mean()) < 0.03 * exact.std()


def test_chains_longer_than_sapiens_reads_go_in_windows():
    encoder = shared("sapiens")
    light = LIGHT + "RTVAAPSVFIFPPSDEQLKSG"
    assert encoder.encode([antibody(HEAVY, light)])[0].windowed
    assert not encoder.encode([antibody(HEAVY + "A" * (142 - len(HEAVY)), LIGHT)])[0].windowed
    refusing = opened("sapiens", long=LongChain.REFUSE)
    with pytest.raises(SequenceError, match="128 residues is longer than the 126"):
        refusing.encode([antibody(HEAVY, light)])


@pytest.mark.parametrize("name", NAMES)
def test_a_lora_adapter_changes_the_identity(name: str):
    pytest.importorskip("peft")
    encoder = opened(name)
    plain = encoder.encode([antibody(HEAVY)])[0].rows
    trainable = new_lora(encoder)
    assert trainable
    assert encoder.identity.adapter_digest
    np.testing.assert_allclose(encoder.encode([antibody(HEAVY)])[0].rows, plain, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_naturalness_can_be_measured_with_published_weights(name: str):
    shared(name)
    odd = HEAVY[:35] + "P" + HEAVY[36:]  # tryptophan 41 of IMGT is in nearly every domain
    found = Naturalness(name).of_variants(HEAVY, LIGHT, [(HEAVY, LIGHT), (odd, LIGHT)])
    assert found[0] == 0.0
    assert found[1] < -3.0


@pytest.mark.parametrize("name", NAMES)
def test_an_antigen_or_another_folder_is_refused(name: str, tmp_path):
    encoder = shared(name)
    with pytest.raises(EncoderError, match="not an antigen"):
        encoder.encode([Molecule(Role.ANTIGEN, (HEAVY,))])
    with pytest.raises(EncoderError, match="leave --folder away"):
        open_encoder(name, folder=tmp_path)
