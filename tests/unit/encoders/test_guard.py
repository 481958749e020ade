"""The guard catches an encoder that does not see its residues."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from abag.encoders.adapters.adapter import TransformerEncoder
from abag.encoders.adapters.opening import opened as open_entry
from abag.encoders.adapters.windows import Segment
from abag.encoders.guard import (
    AntibodyAsAntigenWarning,
    TokenGuard,
    require_width,
    warn_if_antibody,
)
from abag.encoders.input_rules import RULES
from abag.encoders.protocol import Molecule, Role
from abag.errors import EncoderError
from encoder_zoo import CASES, HEAVY, LIGHT, Case

BY_ID = {case.id: case for case in CASES}
Folder = Callable[[Case], Path]
Opened = Callable[[Case], TransformerEncoder]

TRASTUZUMAB_VH = (
    "EVQLVESGGGLVQPGGSLRLSCAASGFNIKDTYIHWVRQAPGKGLEWVARIYPTNGYTRYADSVKGRFTISADTSKNTAYLQMNSLRAEDT"
    "AVYYCSRWGGDGFYAMDYWGQGTLVTVSS"
)
LYSOZYME = (
    "KVFGRCELAAAMKRHGLDNYRGYSLGNWVCAAKFESNFNTQATNRNTDGSTDYGILQINSRWWCNDGRTPGSRNLCNIPCSALLSSDITAS"
    "VNCAKKIVSDGNGMNAWVAWRNRCKGTDVQAWIRGCRL"
)


@pytest.mark.parametrize("name", ["igt5", "prott5", "igbert-unpaired"])
def test_unspaced_residues_to_a_spaced_tokenizer_are_refused(name: str, model_folder: Folder):
    # The predecessor's fault: three releases never saw their antibodies.
    case = BY_ID[name]
    wrong = replace(RULES[case.entry().rule], name="wrong", spaced=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(RULES, "wrong", wrong)
        with pytest.raises(EncoderError) as caught:
            open_entry(replace(case.entry(), rule="wrong"), folder=model_folder(case))
    message = str(caught.value)
    assert message.startswith(f"{name}: ")
    assert "of a chain of 20 residues are unknown" in message
    assert "'ACDEFGHIKLMNPQRSTVWY' was read as" in message
    assert "unk" in message.lower()


def test_a_batch_with_unknown_tokens_is_refused_in_production(opened: Opened):
    encoder = opened(BY_ID["igt5"])
    guard = TokenGuard("igt5", replace(encoder.rule, spaced=False), encoder.vocabulary)
    ids = encoder.vocabulary.ids("EVQLVESGGG")
    assert encoder.vocabulary.tokens(ids.tolist()) == ["▁E", "<unk>"]
    with pytest.raises(EncoderError, match=r"igt5: 50% of the tokens .* read as ▁E <unk>"):
        guard.check_chain("EVQLVESGGG", ids)


def test_encode_itself_runs_the_guard(model_folder: Folder):
    encoder = BY_ID["igt5"].open(model_folder(BY_ID["igt5"]))
    encoder._table = None
    encoder.rule = replace(encoder.rule, spaced=False)
    with pytest.raises(EncoderError, match="tokens of a chain of 25 residues are unknown"):
        encoder.encode([Molecule(Role.ANTIBODY, (HEAVY,))])


def test_five_per_cent_of_unknown_tokens_pass_and_more_do_not(opened: Opened):
    encoder = opened(BY_ID["esm2-8m"])
    guard = TokenGuard("esm2-8m", encoder.rule, encoder.vocabulary)
    chain = "ACDEFGHIKLMNPQRSTVWY"
    ids = encoder.vocabulary.ids(chain)
    ids[3] = encoder.vocabulary.unknown_id
    guard.check_chain(chain, ids)
    ids[4] = encoder.vocabulary.unknown_id
    with pytest.raises(EncoderError, match="10% of the tokens"):
        guard.check_chain(chain, ids)


def test_a_token_too_few_or_another_residue_is_refused(opened: Opened):
    encoder = opened(BY_ID["igbert"])
    guard = TokenGuard("igbert", encoder.rule, encoder.vocabulary)
    ids = encoder.vocabulary.ids("E V Q L")
    with pytest.raises(EncoderError, match="igbert: a chain of 5 residues became 4 tokens"):
        guard.check_chain("EVQLV", ids)
    with pytest.raises(EncoderError, match="residue 3 of a chain was read as another one"):
        guard.check_chain("EVKL", ids)


def test_two_inputs_with_the_same_ids_are_refused(opened: Opened):
    encoder = opened(BY_ID["esm2-8m"])
    guard = TokenGuard("esm2-8m", encoder.rule, encoder.vocabulary)
    row = np.arange(5, dtype=np.int64)
    guard.check_batch([Segment(("EVQ",)), Segment(("EVQ",))], [row, row])
    with pytest.raises(EncoderError, match="same token ids: EVQ and EVK"):
        guard.check_batch([Segment(("EVQ",)), Segment(("EVK",))], [row, row])
    with pytest.raises(EncoderError, match="3 residues and 2 special tokens became 4 tokens"):
        guard.check_batch([Segment(("EVQ",))], [row[:4]])


def test_another_models_tokenizer_is_refused(model_folder: Folder):
    entry = replace(BY_ID["esm2-8m"].entry(), id="mine", rule="spaced-bert")
    with pytest.raises(EncoderError, match=r"mine: the tokenizer has no \[CLS\], \[SEP\]"):
        open_entry(entry, folder=model_folder(BY_ID["esm2-8m"]))
    entry = replace(BY_ID["esmc-300m"].entry(), rule="no-specials")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(RULES, "no-specials", replace(RULES["plain"], single=("{chain}", "<eos>")))
        with pytest.raises(EncoderError, match="the tokenizer writes a chain as <cls> A C D"):
            open_entry(entry, folder=model_folder(BY_ID["esmc-300m"]))


def test_a_width_that_does_not_fit_a_saved_model_is_refused(opened: Opened):
    facts = opened(BY_ID["igt5"]).facts
    require_width(facts, 16, "the model m")
    with pytest.raises(EncoderError, match="the model m was made for residue rows of width 1024"):
        require_width(facts, 1024, "the model m")


def test_an_antibody_chain_in_the_antigens_place_is_warned_of():
    with pytest.warns(AntibodyAsAntigenWarning, match=r"EVQLVESGGG.*antibody domain \(heavy\)"):
        found = warn_if_antibody([Molecule(Role.ANTIGEN, (TRASTUZUMAB_VH,))])
    assert found == [TRASTUZUMAB_VH]


def test_an_antigen_and_an_antibody_in_their_places_are_not_warned_of():
    molecules = [Molecule(Role.ANTIGEN, (LYSOZYME,)), Molecule(Role.ANTIBODY, (TRASTUZUMAB_VH,))]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert warn_if_antibody(molecules) == []


def test_a_table_stands_in_for_the_tokenizer_only_where_it_gives_the_same(opened: Opened):
    encoder = opened(BY_ID["prott5"])
    assert encoder._table is not None
    guard = TokenGuard("x", encoder.rule, _Merging())
    assert guard.residue_table() is None
    for chain in (HEAVY, LIGHT):
        ids = encoder.tokens([Molecule(Role.ANTIBODY, (chain,))]).ids[0][: len(chain)]
        assert ids.tolist() == encoder.vocabulary.ids(" ".join(chain)).tolist()


class _Merging:
    """A vocabulary with a token of three residues."""

    unknown_id = 0
    pad_id = 1

    def ids(self, text: str) -> np.ndarray:
        return np.array([2 + ord(c) for c in text if c != " "])

    def ids_with_specials(self, text: str) -> None:
        return None

    def tokens(self, ids: list[int]) -> list[str]:
        return [chr(i - 2) for i in ids]

    def id_of(self, token: str) -> int:
        return 3

    def pieces(self) -> list[str]:
        return ["A", "C", "GGG"]
