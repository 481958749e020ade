"""The built-in encoder: one row a residue, never a special one, the same in any batch."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from abag.antibody.alphabet import AMINO_ACIDS  # noqa: E402
from abag.encoders.adapters.builtin import BuiltinEncoder  # noqa: E402
from abag.encoders.adapters.builtin_model import (  # noqa: E402
    ANTIGEN,
    FIRST_RESIDUE,
    HEAVY,
    LIGHT,
    LIGHT_START,
    MASK,
    PAD,
    UNKNOWN,
    BuiltinModel,
    Shape,
    molecule_tokens,
    padded,
    positions_of,
    shape_metadata,
)
from abag.encoders.adapters.catalogue import read_facts, shipped_folder  # noqa: E402
from abag.encoders.protocol import LongChain, Molecule, Role  # noqa: E402
from abag.errors import FileFormatError, MissingFileError, OptionError, SequenceError  # noqa: E402
from abag.files import sha256_of  # noqa: E402

HEAVY_CHAIN = (
    "EVQLVESGGGLVQPGGSLRLSCAASGFNIKDTYIHWVRQAPGKGLEWVARIYPTNGYTRYADSVKGRFTISADTSKNTAYLQMNSLRAEDTAVYYCSR"
    "WGGDGFYAMDYWGQGTLVTVSS"
)
LIGHT_CHAIN = (
    "DIQMTQSPSSLSASVGDRVTITCRASQDVNTAVAWYQQKPGKAPKLLIYSASFLYSGVPSRFSGSRSGTDFTLTISSLQPEDFATYYCQQHYTTPPTF"
    "GQGTKVEIK"
)
LIMIT = 300


def antibody(*chains: str) -> Molecule:
    return Molecule(Role.ANTIBODY, chains)


def antigen(chain: str) -> Molecule:
    return Molecule(Role.ANTIGEN, (chain,))


PAIR = antibody(HEAVY_CHAIN, LIGHT_CHAIN)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small encoder with random weights large enough to make every input count."""
    from safetensors.torch import save_file

    place = tmp_path_factory.mktemp("encoder")
    shape = Shape(width=32, layers=2, heads=2, feed_forward=64)
    model = BuiltinModel(shape)
    generator = torch.Generator().manual_seed(7)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3, generator=generator)
    path = place / "weights.safetensors"
    save_file(model.state_dict(), path, shape_metadata(shape))
    card = {"id": "builtin", "width": 32, "max_residues": LIMIT, "licence": "MIT"}
    (place / "card.json").write_text(json.dumps({**card, "revision": sha256_of(path)[:16]}))
    return place


@pytest.fixture(scope="module")
def encoder(folder: Path) -> BuiltinEncoder:
    return BuiltinEncoder(folder)


def test_a_pair_is_read_as_heavy_then_light_each_behind_its_type() -> None:
    tokens = molecule_tokens(antibody("ACD", "WY"))
    first = [FIRST_RESIDUE + AMINO_ACIDS.index(letter) for letter in "ACDWY"]
    assert tokens.codes == (HEAVY, *first[:3], LIGHT, *first[3:])
    assert tokens.residues == (1, 2, 3, 5, 6)
    positions = positions_of(padded([tokens.codes, tokens.codes[:4], tokens.codes[4:]]))
    assert positions.tolist() == [
        [0, 1, 2, 3, LIGHT_START, LIGHT_START + 1, LIGHT_START + 2],
        [0, 1, 2, 3, 0, 0, 0],
        [LIGHT_START, LIGHT_START + 1, LIGHT_START + 2, 0, 0, 0, 0],
    ]


def test_behind_a_heavy_chain_beyond_its_start_a_light_chain_follows_at_once() -> None:
    tokens = molecule_tokens(antibody("A" * (LIGHT_START + 3), "WY"))
    assert positions_of(padded([tokens.codes])).tolist() == [list(range(LIGHT_START + 7))]


def test_a_single_chain_and_an_antigen_have_one_special_token() -> None:
    assert molecule_tokens(antibody("ACD")).codes[0] == HEAVY
    assert molecule_tokens(antigen("ACD")).codes[0] == ANTIGEN
    assert len(molecule_tokens(antigen("ACD")).codes) == 4


def test_every_amino_acid_has_its_own_token_and_only_rare_letters_share_one() -> None:
    assert len(set(molecule_tokens(antigen(AMINO_ACIDS)).codes)) == 21
    assert set(molecule_tokens(antigen("XBJOUZ")).codes[1:]) == {UNKNOWN}


def test_lower_case_is_read_like_upper_case() -> None:
    assert molecule_tokens(antigen("acd")) == molecule_tokens(antigen("ACD"))


def test_the_rows_are_the_residues_and_no_special_token(encoder: BuiltinEncoder) -> None:
    whole = encoder.encode([PAIR])[0].rows
    assert whole.shape == (PAIR.residues, 32)
    assert whole.dtype == np.float32
    tokens = molecule_tokens(PAIR)
    model = encoder.network
    every = model(torch.tensor([tokens.codes]))[0].numpy()
    np.testing.assert_allclose(whole[: len(HEAVY_CHAIN)], every[1 : len(HEAVY_CHAIN) + 1], 1e-5)
    np.testing.assert_allclose(whole[len(HEAVY_CHAIN) :], every[len(HEAVY_CHAIN) + 2 :], 1e-5)


def test_the_masked_mean_over_a_padded_batch_is_the_mean_over_residues(
    encoder: BuiltinEncoder,
) -> None:
    molecules = [PAIR, antibody(HEAVY_CHAIN), antigen("MKTAYIAKQR")]
    tokens = [molecule_tokens(molecule) for molecule in molecules]
    codes = padded([one.codes for one in tokens])
    mask = torch.zeros(codes.shape, dtype=torch.bool)
    for row, one in enumerate(tokens):
        mask[row, list(one.residues)] = True
        assert set(codes[row][~mask[row]].tolist()) <= {HEAVY, LIGHT, ANTIGEN, PAD}
    with torch.inference_mode():
        every = encoder.network(codes)
    pooled = (every * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
    means = [encoded.rows.mean(axis=0) for encoded in encoder.encode(molecules)]
    np.testing.assert_allclose(pooled.numpy(), means, rtol=0, atol=1e-5)


def test_a_result_is_the_same_alone_and_in_any_batch(encoder: BuiltinEncoder) -> None:
    molecules = [PAIR, antibody(HEAVY_CHAIN), antigen("MKTAYIAKQR"), antigen("W" * 250)]
    alone = [encoder.encode([molecule])[0].rows for molecule in molecules]
    for order in ([0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1]):
        together = encoder.encode([molecules[i] for i in order])
        for place, i in enumerate(order):
            np.testing.assert_allclose(together[place].rows, alone[i], rtol=0, atol=1e-5)


def test_heavy_and_light_see_each_other(encoder: BuiltinEncoder) -> None:
    pair, single = encoder.encode([PAIR, antibody(HEAVY_CHAIN)])
    difference = np.abs(pair.rows[: len(HEAVY_CHAIN)] - single.rows)
    assert difference.max(axis=1).min() > 1e-4


def test_one_changed_residue_changes_its_row_most_of_all_rows_at_depth_zero(
    encoder: BuiltinEncoder,
) -> None:
    changed = HEAVY_CHAIN[:100] + "K" + HEAVY_CHAIN[101:]
    assert changed != HEAVY_CHAIN
    a, b = encoder.encode([antibody(HEAVY_CHAIN), antibody(changed)])
    assert np.abs(a.rows - b.rows).sum(axis=1).argmax() == 100


def test_the_order_of_residues_and_the_chain_type_count(encoder: BuiltinEncoder) -> None:
    forward, backward = encoder.encode([antigen("ACDEFGHIKL"), antigen("LKIHGFEDCA")])
    assert not np.allclose(forward.rows, backward.rows[::-1], atol=1e-3)
    heavy, other = encoder.encode([antibody("ACDEFGHIKL"), antigen("ACDEFGHIKL")])
    assert not np.allclose(heavy.rows, other.rows, atol=1e-3)


def test_a_long_antigen_is_read_in_windows_and_says_so(encoder: BuiltinEncoder) -> None:
    random = np.random.default_rng(0)
    chain = "".join(random.choice(list(AMINO_ACIDS), 2 * LIMIT + 77))
    encoded = encoder.encode([antigen(chain)])[0]
    assert encoded.windowed
    assert encoded.rows.shape == (len(chain), 32)
    head = encoder.encode([antigen(chain[:LIMIT])])[0]
    assert not head.windowed
    np.testing.assert_allclose(encoded.rows[:100], head.rows[:100], rtol=0, atol=1e-5)


def test_an_antibody_over_the_limit_is_read_chain_by_chain(encoder: BuiltinEncoder) -> None:
    heavy, light = HEAVY_CHAIN + "A" * 100, LIGHT_CHAIN
    encoded = encoder.encode([antibody(heavy, light)])[0]
    assert encoded.windowed
    np.testing.assert_allclose(
        encoded.rows[: len(heavy)], encoder.encode([antibody(heavy)])[0].rows, rtol=0, atol=1e-5
    )


def test_a_long_chain_is_refused_on_request_with_both_lengths(folder: Path) -> None:
    strict = BuiltinEncoder(folder, long_chain=LongChain.REFUSE)
    with pytest.raises(SequenceError, match=r"301 residues is longer than the 300"):
        strict.encode([antigen("A" * 301)])


def test_no_molecules_give_no_rows(encoder: BuiltinEncoder) -> None:
    assert encoder.encode([]) == []


def test_facts_and_identity_need_no_weights(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "card.json").write_text((folder / "card.json").read_text())
    encoder = BuiltinEncoder(tmp_path)
    assert (encoder.facts.width, encoder.facts.max_residues) == (32, LIMIT)
    assert encoder.identity.revision == encoder.facts.revision
    assert encoder.identity != BuiltinEncoder(tmp_path, precision="bf16").identity
    with pytest.raises(MissingFileError, match=r"weights\.safetensors"):
        encoder.encode([PAIR])


def test_weights_of_another_revision_are_refused(tmp_path: Path, folder: Path) -> None:
    content = bytearray((folder / "weights.safetensors").read_bytes())
    content[-1] ^= 1
    (tmp_path / "weights.safetensors").write_bytes(content)
    (tmp_path / "card.json").write_text((folder / "card.json").read_text())
    with pytest.raises(FileFormatError, match="its card says"):
        BuiltinEncoder(tmp_path).encode([PAIR])


def test_a_card_without_its_facts_is_refused(tmp_path: Path) -> None:
    (tmp_path / "card.json").write_text('{"id": "builtin"}')
    with pytest.raises(FileFormatError, match="width"):
        read_facts(tmp_path)


def test_an_unknown_precision_is_refused(folder: Path) -> None:
    with pytest.raises(OptionError, match="fp32 or bf16"):
        BuiltinEncoder(folder, precision="fp8")  # type: ignore[arg-type]


def test_bf16_stays_within_three_per_cent_of_fp32(folder: Path, encoder: BuiltinEncoder) -> None:
    exact = encoder.encode([PAIR])[0].rows
    rough = BuiltinEncoder(folder, precision="bf16").encode([PAIR])[0].rows
    assert rough.dtype == np.float32
    assert 0 < np.linalg.norm(rough - exact) / np.linalg.norm(exact) < 0.03


@pytest.fixture(scope="module")
def shipped() -> BuiltinEncoder:
    return BuiltinEncoder()


def test_the_shipped_weights_are_small_and_those_of_their_card(shipped: BuiltinEncoder) -> None:
    assert (shipped_folder() / "weights.safetensors").stat().st_size < 20e6
    model = shipped.network
    card = json.loads((shipped_folder() / "card.json").read_text())
    assert card["parameters"] == model.count() <= 15_000_000
    assert shipped.facts.width == model.shape.width
    assert shipped.facts.licence == "MIT"


def test_the_shipped_encoder_gives_the_same_rows_alone_and_in_a_batch(
    shipped: BuiltinEncoder,
) -> None:
    molecules = [PAIR, antibody(HEAVY_CHAIN), antigen("MKTAYIAKQRQISFVKSHFSRQ" * 15)]
    together = shipped.encode(molecules)
    for molecule, encoded in zip(molecules, together, strict=True):
        alone = shipped.encode([molecule])[0].rows
        np.testing.assert_allclose(encoded.rows, alone, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("motif", "inside", "residue"),
    [("YYCSR", 2, "C"), ("WVRQAPG", 0, "W"), ("WGQGT", 1, "G"), ("LSCAA", 2, "C")],
)
def test_the_shipped_encoder_knows_the_landmarks_of_a_heavy_chain(
    shipped: BuiltinEncoder, motif: str, inside: int, residue: str
) -> None:
    tokens = molecule_tokens(PAIR)
    place = tokens.residues[HEAVY_CHAIN.index(motif) + inside]
    codes = list(tokens.codes)
    assert codes[place] == FIRST_RESIDUE + AMINO_ACIDS.index(residue)
    codes[place] = MASK
    model = shipped.network
    rows = model(torch.tensor([codes]))
    assert AMINO_ACIDS[int(model.logits(rows[0, place]).argmax())] == residue


def test_the_shipped_encoder_beats_letters_and_trigrams_on_held_out_antibodies() -> None:
    card = json.loads((shipped_folder() / "card.json").read_text())
    found = card["held_out_perplexity"]["antibody"]
    assert found["model"] < found["trigram"] < found["unigram"]


def test_the_width_must_fit_the_heads() -> None:
    with pytest.raises(ValueError, match="multiple of the number of heads"):
        Shape(width=34, heads=4)
