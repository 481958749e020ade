"""Naturalness under the built-in encoder."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from abag.antibody.alphabet import AMINO_ACIDS
from abag.errors import EncoderError, SequenceError, UnavailableError
from abag.maturation.antibody.naturalness import Naturalness
from synthetic_encoder import HashEncoder
from synthetic_pairs import HEAVY, LIGHT

torch = pytest.importorskip("torch")


@pytest.fixture(scope="module")
def natural() -> Naturalness:
    return Naturalness()


def heavy_variant(*changes: tuple[int, str]) -> tuple[str, str]:
    """A variant with other residues at places of the heavy chain counted from 1."""
    letters = list(HEAVY)
    for place, residue in changes:
        letters[place - 1] = residue
    return "".join(letters), LIGHT


def test_each_residue_is_foretold_while_it_is_hidden(natural: Naturalness):
    from abag.encoders.adapters import builtin, builtin_model, catalogue

    model = builtin.load_model(catalogue.shipped_folder(), catalogue.read_facts().revision)
    tokens = builtin_model.tokens_of([(builtin_model.HEAVY, HEAVY), (builtin_model.LIGHT, LIGHT)])
    codes = builtin_model.padded([tokens.codes])
    # 227 residues in 57 passes: residues 10, 67, 124 and 181 (from 0) are hidden together.
    for residue in (10, 67, 124, 181):
        codes[0, tokens.residues[residue]] = builtin_model.MASK
    with torch.inference_mode():
        logits = model.logits(model(codes))[0, tokens.residues[124]]
    expected = logits.double().log_softmax(-1).numpy()
    rows = natural.residue_log_probabilities(HEAVY, LIGHT)
    assert rows.shape == (len(HEAVY) + len(LIGHT), 20)
    np.testing.assert_allclose(rows[124], expected, atol=1e-4)
    np.testing.assert_allclose(np.exp(rows).sum(axis=1), 1.0, atol=1e-9)


def test_the_parent_stands_at_zero_and_effects_add_up(natural: Naturalness):
    one, other = heavy_variant((33, "W")), heavy_variant((102, "A"))
    both = heavy_variant((33, "W"), (102, "A"))
    found = natural.of_variants(HEAVY, LIGHT, [(HEAVY, LIGHT), one, other, both])
    assert found[0] == 0.0
    assert found[3] == pytest.approx(found[1] + found[2])


def test_what_was_asked_before_changes_nothing(natural: Naturalness):
    variants = [heavy_variant((99, letter)) for letter in "AFY"]
    alone = Naturalness().of_variants(HEAVY, LIGHT, variants)
    natural.residue_log_probabilities(HEAVY, LIGHT)
    np.testing.assert_allclose(natural.of_variants(HEAVY, LIGHT, variants), alone, atol=1e-5)
    assert not len(natural.of_variants(HEAVY, LIGHT, []))


def test_a_germline_residue_is_natural_and_a_broken_fold_is_not(natural: Naturalness):
    # The human germline has alanine where trastuzumab has Ser97 (CSR -> CAR); Trp36 and the
    # cysteines hold the fold together.
    names = {"germline": (97, "A"), "no tryptophan": (36, "P"), "no cysteine": (96, "K")}
    variants = [heavy_variant(change) for change in names.values()]
    found = dict(zip(names, natural.of_variants(HEAVY, LIGHT, variants), strict=True))
    assert found["germline"] > 0.5
    assert found["no tryptophan"] < -3
    assert found["no cysteine"] < -3


def test_an_insertion_is_compared_by_whole_likelihoods(natural: Naturalness):
    longer = HEAVY.replace("WGGDG", "WGGYDG")
    (found,) = natural.of_variants(HEAVY, LIGHT, [(longer, LIGHT)])
    expected = natural.log_likelihood(longer, LIGHT) - natural.log_likelihood(HEAVY, LIGHT)
    assert found == pytest.approx(expected)


def test_an_unknown_residue_is_any_of_the_twenty(natural: Naturalness):
    (found,) = natural.of_variants(HEAVY, LIGHT, [heavy_variant((36, "X"))])
    row = natural.residue_log_probabilities(HEAVY, LIGHT)[35]
    assert found == pytest.approx(-np.log(20) - row[AMINO_ACIDS.index("W")])


def test_a_variant_that_loses_a_chain_is_refused(natural: Naturalness):
    with pytest.raises(SequenceError, match="not the same chains"):
        natural.of_variants(HEAVY, LIGHT, [(HEAVY, None)])


def test_without_torch_a_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(UnavailableError, match=r"pip install 'abag\[network\]'"):
        Naturalness()


def test_an_encoder_that_predicts_no_residues_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(
        "abag.encoders.adapters.opening.open_encoder", lambda *_, **__: HashEncoder()
    )
    with pytest.raises(EncoderError, match="hash predicts no hidden residues; give builtin"):
        Naturalness("hash")
