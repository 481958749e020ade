"""What must hold for every adapter, run over all of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from abag.antibody.alphabet import AMINO_ACIDS
from abag.encoders.adapters.adapter import TokenBatch, TransformerEncoder
from abag.encoders.protocol import LongChain, Molecule, Role
from abag.errors import EncoderError, SequenceError
from encoder_zoo import ANTIGEN, CASES, HEAVY, LIGHT, LIMIT, WIDTH, Case

Opened = Callable[[Case], TransformerEncoder]
FP32 = 1e-5
BF16_BATCH = 0.05
"""Largest difference between a row alone and in a batch, in standard deviations of the rows."""
BF16_FP32 = 0.03
"""Root mean square difference to fp32, in standard deviations of the rows."""

every_adapter = pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)


def antibody(*chains: str) -> Molecule:
    return Molecule(Role.ANTIBODY, chains)


def antigen(chain: str) -> Molecule:
    return Molecule(Role.ANTIGEN, (chain,))


def some_molecules(case: Case) -> list[Molecule]:
    molecules = [antibody(HEAVY, LIGHT), antibody(HEAVY), antibody("EVQ", "DIQMT"), antibody("W")]
    if case.antigens:
        molecules += [antigen(ANTIGEN), antigen(ANTIGEN[:7])]
    return molecules


def residue_mask(batch: TokenBatch) -> np.ndarray:
    """[rows, tokens]: True where a residue stands whose row is kept."""
    kept = np.zeros(batch.ids.shape, dtype=np.bool_)
    kept[batch.row, batch.column] = True
    return kept


def token_text(encoder: TransformerEncoder, molecule: Molecule) -> str:
    batch = encoder.tokens([molecule])
    return " / ".join(
        " ".join(encoder.vocabulary.tokens(row[mask].tolist()))
        for row, mask in zip(batch.ids, batch.mask, strict=True)
    )


@every_adapter
def test_one_chain_is_written_as_the_model_was_trained(case: Case, opened: Opened):
    assert token_text(opened(case), antibody("EVQ")) == case.single


@every_adapter
def test_an_encoder_without_a_head_predicts_no_hidden_residues(case: Case, opened: Opened):
    encoder = opened(case)
    assert encoder.masked is None
    assert encoder.trainable is encoder


@every_adapter
def test_a_pair_is_heavy_then_light_with_the_models_separator(case: Case, opened: Opened):
    assert token_text(opened(case), antibody("EVQ", "DIU")) == case.pair


@every_adapter
def test_the_tokenizer_itself_writes_the_same_tokens(case: Case, opened: Opened):
    encoder = opened(case)
    own = encoder.vocabulary.ids_with_specials(encoder.rule.text(AMINO_ACIDS))
    if own is None:
        pytest.skip("this tokenizer adds no special tokens by itself")
    assert encoder.tokens([antibody(AMINO_ACIDS)]).ids[0].tolist() == own.tolist()


@every_adapter
def test_tokens_are_the_residues_and_the_documented_specials(case: Case, opened: Opened):
    encoder = opened(case)
    for molecule in some_molecules(case):
        batch = encoder.tokens([molecule])
        together = encoder.facts.paired and len(molecule.chains) == 2
        specials = (
            encoder.rule.specials(2)
            if together
            else sum(encoder.rule.specials(1) for _ in molecule.chains)
        )
        assert batch.mask.sum() == molecule.residues + specials
        assert residue_mask(batch).sum() == molecule.residues


@every_adapter
def test_no_residue_is_an_unknown_token(case: Case, opened: Opened):
    encoder = opened(case)
    batch = encoder.tokens([antibody(AMINO_ACIDS + "X", AMINO_ACIDS[::-1])])
    assert not (batch.ids == encoder.vocabulary.unknown_id).any()
    assert len(set(batch.ids[residue_mask(batch)])) == 21


@every_adapter
def test_row_i_is_residue_i_and_no_special_token(case: Case, opened: Opened):
    encoder = opened(case)
    molecules = some_molecules(case)
    batch = encoder.tokens(molecules)
    spelt = encoder.vocabulary.tokens(batch.ids[batch.row, batch.column].tolist())
    assert "".join(t.strip("▁") for t in spelt) == "".join("".join(m.chains) for m in molecules)


@every_adapter
def test_rows_are_the_networks_states_of_the_residue_tokens(case: Case, opened: Opened):
    encoder = opened(case)
    molecule = antibody("EVQ", "DIQMT")
    batch = encoder.tokens([molecule])
    with torch.inference_mode():
        states = encoder._forward(
            encoder.network, torch.from_numpy(batch.ids), torch.from_numpy(batch.mask)
        ).numpy()
    got = encoder.encode([molecule])[0].rows
    assert got.shape == (8, WIDTH)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, states[residue_mask(batch)], atol=FP32)


@every_adapter
def test_changing_a_residue_changes_its_input_id_alone(case: Case, opened: Opened):
    encoder = opened(case)
    before = encoder.tokens([antibody(HEAVY, LIGHT)])
    for place in (0, 5, len(HEAVY) - 1):
        other = "W" if HEAVY[place] != "W" else "Y"
        after = encoder.tokens([antibody(HEAVY[:place] + other + HEAVY[place + 1 :], LIGHT)])
        changed = np.argwhere(before.ids != after.ids)
        assert changed.tolist() == [[before.row[place], before.column[place]]]


@every_adapter
def test_different_antibodies_have_different_ids_and_rows(case: Case, opened: Opened):
    encoder = opened(case)
    pairs = [(HEAVY, LIGHT), (HEAVY[:-1] + "T", LIGHT), (HEAVY, LIGHT[:-1] + "K"), (LIGHT, HEAVY)]
    molecules = [antibody(*pair) for pair in pairs]
    ids = {encoder.tokens([m]).ids.tobytes() for m in molecules}
    means = {e.rows.mean(axis=0).tobytes() for e in encoder.encode(molecules)}
    assert len(ids) == len(means) == len(pairs)


@every_adapter
def test_a_result_is_the_same_alone_in_any_batch_and_order(case: Case, opened: Opened):
    encoder = opened(case)
    molecules = some_molecules(case)
    alone = [encoder.encode([m])[0].rows for m in molecules]
    spread = float(np.std(np.concatenate(alone)))
    assert spread > 0.05  # random, but not constant
    together = encoder.encode(molecules)
    backwards = encoder.encode(molecules[::-1])[::-1]
    for i in range(len(molecules)):
        assert alone[i].shape == (molecules[i].residues, WIDTH)
        np.testing.assert_allclose(together[i].rows, alone[i], atol=FP32)
        np.testing.assert_allclose(backwards[i].rows, alone[i], atol=FP32)


@every_adapter
def test_bf16_is_the_same_within_its_tolerance(
    case: Case, opened: Opened, model_folder: Callable[[Case], Path]
):
    encoder = case.open(model_folder(case), precision="bf16")
    molecules = some_molecules(case)
    full = opened(case).encode(molecules)
    together = encoder.encode(molecules)
    for i, molecule in enumerate(molecules):
        spread = np.std(full[i].rows)
        alone = encoder.encode([molecule])[0].rows
        assert np.abs(alone - together[i].rows).max() <= BF16_BATCH * spread
        assert np.sqrt(np.mean((full[i].rows - alone) ** 2)) <= BF16_FP32 * spread
    assert encoder.identity == replace(opened(case).identity, precision="bf16")


@every_adapter
def test_the_masked_mean_is_the_mean_over_residues(case: Case, opened: Opened):
    encoder = opened(case)
    molecules = some_molecules(case)
    with torch.no_grad():
        rows, mask = encoder.embed(molecules)
    assert not rows[~mask].any()
    masked = (rows * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
    by_hand = [e.rows.mean(axis=0) for e in encoder.encode(molecules)]
    np.testing.assert_allclose(masked.numpy(), by_hand, atol=FP32)


@every_adapter
def test_lower_case_is_read_as_upper_case(case: Case, opened: Opened):
    encoder = opened(case)
    lower, upper = encoder.tokens([antibody(HEAVY.lower())]), encoder.tokens([antibody(HEAVY)])
    assert lower.ids.tolist() == upper.ids.tolist()


@every_adapter
def test_a_rare_residue_is_read_as_itself_or_as_x(case: Case, opened: Opened):
    encoder = opened(case)
    batch = encoder.tokens([antibody("EVQLVESGGGLVQPGGSLRBJOUZ")])
    spelt = encoder.vocabulary.tokens(batch.ids[batch.row, batch.column].tolist()[-5:])
    assert all(t.strip("▁") in (letter, "X") for t, letter in zip(spelt, "BJOUZ", strict=True))
    assert spelt[1].strip("▁") == "X"


@every_adapter
def test_a_long_chain_is_read_in_windows_and_flagged(case: Case, opened: Opened):
    encoder = opened(case)
    long = (HEAVY * 8)[:150]
    short, windowed = encoder.encode([antibody(HEAVY), antibody(long)])
    assert windowed.rows.shape == (150, WIDTH)
    assert windowed.windowed
    assert not short.windowed
    batch = encoder.tokens([antibody(long)])
    assert batch.mask.sum(axis=1).max() <= LIMIT + 4
    spelt = encoder.vocabulary.tokens(batch.ids[batch.row, batch.column].tolist())
    assert "".join(t.strip("▁") for t in spelt) == long


@every_adapter
def test_a_long_chain_is_refused_on_request(case: Case, model_folder: Callable[[Case], Path]):
    encoder = case.open(model_folder(case), long=LongChain.REFUSE)
    with pytest.raises(SequenceError, match=f"150 residues is longer than the {LIMIT}"):
        encoder.encode([antibody(HEAVY * 6)])


@every_adapter
def test_a_role_the_model_was_not_trained_on_is_refused(case: Case, opened: Opened):
    encoder = opened(case)
    if case.antigens:
        assert encoder.encode([antigen(ANTIGEN)])[0].rows.shape == (len(ANTIGEN), WIDTH)
    else:
        with pytest.raises(EncoderError, match=f"{case.id} encodes antibody chains"):
            encoder.encode([antigen(ANTIGEN)])


@every_adapter
def test_facts_and_identity_name_what_was_loaded(case: Case, opened: Opened):
    encoder = opened(case)
    assert encoder.facts.id == case.id == encoder.identity.id
    assert encoder.facts.width == WIDTH
    assert len(encoder.identity.revision) == 16  # the digest of local files
    assert encoder.identity.adapter_digest == ""
    assert encoder.identity.precision == "fp32"


@every_adapter
def test_no_molecules_give_no_rows(case: Case, opened: Opened):
    assert opened(case).encode([]) == []


def test_empty_chains_and_foreign_letters_are_no_molecules():
    with pytest.raises(SequenceError, match="empty chain"):
        antibody(HEAVY, "")
    with pytest.raises(SequenceError, match="'1' at residue 4"):
        antibody("EVQ1")
