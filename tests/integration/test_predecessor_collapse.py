"""The collapse of the releases v2.5 to v2.7, made again, and named by the monitor.

Their tokenizer needs residues apart by spaces and got whole chains, so an antibody became its
first residue and one unknown token; the rows were then averaged, padding included, and attention
ran over one row a molecule. The 23,961 test predictions of v2.6 held nine values.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import torch

from abag.encoders.adapters.adapter import TransformerEncoder, padded
from abag.encoders.protocol import (
    EncodedMolecule,
    Encoder,
    EncoderFacts,
    EncoderIdentity,
    Molecule,
    Role,
)
from abag.errors import EncoderError
from abag.training.recipe import load_recipe
from abag.training.run import train
from abag.training.setup import Sources
from encoder_zoo import CASES, Case
from synthetic_pairs import complexes_table
from synthetic_runs import QUIET, TINY, write_inputs


class Unspaced(Encoder):
    """An IgT5 as the releases called it: no spaces, no guard, the mean over all tokens.

    The mean stands in every residue's row, which is what pooling then makes of it again.
    """

    def __init__(self, encoder: TransformerEncoder) -> None:
        self.inner = encoder

    @property
    def facts(self) -> EncoderFacts:
        return self.inner.facts

    @property
    def identity(self) -> EncoderIdentity:
        return EncoderIdentity("unspaced-igt5", "test", "", "fp32", 1)

    def ids(self, molecule: Molecule) -> np.ndarray:
        whole = self.inner.vocabulary.ids_with_specials("".join(molecule.chains))
        assert whole is not None
        return whole

    def encode(self, molecules: Sequence[Molecule]) -> list[EncodedMolecule]:
        ids, mask = padded([self.ids(m) for m in molecules], self.inner.vocabulary.pad_id)
        states = self.inner.network(
            input_ids=torch.from_numpy(ids), attention_mask=torch.from_numpy(mask).long()
        ).last_hidden_state
        means = states.mean(dim=1).detach().numpy()
        return [
            EncodedMolecule(np.repeat(mean[None], m.residues, axis=0))
            for m, mean in zip(molecules, means, strict=True)
        ]


@pytest.fixture(scope="module")
def igt5(tmp_path_factory: pytest.TempPathFactory) -> TransformerEncoder:
    return opened("igt5", tmp_path_factory)


@pytest.fixture(scope="module")
def esm(tmp_path_factory: pytest.TempPathFactory) -> TransformerEncoder:
    return opened("esm2-8m", tmp_path_factory)


def opened(name: str, factory: pytest.TempPathFactory) -> TransformerEncoder:
    case: Case = next(case for case in CASES if case.id == name)
    folder = factory.mktemp(name)
    case.write(folder)
    return case.open(folder)


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Sources:
    return write_inputs(tmp_path_factory.mktemp("inputs"), complexes_table(80, antigens=3))


def run_of(
    out: Path, sources: Sources, encoders: tuple[object, TransformerEncoder], pooling: str
) -> tuple[dict[str, object], pl.DataFrame]:
    """v2.6 in small: its summary and its test predictions."""
    settings = [s for s in TINY if not s.endswith(("=hash", "=null"))] + [
        f"network.antibody.pooling={pooling}", f"network.antigen.pooling={pooling}",
        "batch.accumulate=1", "stopping.epochs=4",
    ]  # fmt: skip
    done = train(load_recipe("v2.6", settings), sources, out, QUIET, encoders)  # type: ignore[arg-type]
    tested = pl.read_csv(out / "test_predictions.csv")
    rows = pl.read_parquet(sources.table).join(tested, on="record_id")
    assert rows.select("heavy", "light", "antigen").n_unique() == rows.height
    summary = json.loads((out / "training_summary.json").read_text())
    assert summary["status"] == done.status
    return summary, rows


def test_the_tokens_of_an_antibody_are_its_first_residue_and_an_unknown(
    igt5: TransformerEncoder,
):
    read = Unspaced(igt5).ids(Molecule(Role.ANTIBODY, ("EVQLVESGG", "DIQMTQ")))
    assert igt5.vocabulary.tokens(read.tolist()) == ["▁E", "<unk>", "</s>"]


def test_unspaced_tokens_and_one_key_give_few_values_and_the_monitor_says_so(
    igt5: TransformerEncoder, esm: TransformerEncoder, sources: Sources, tmp_path: Path
):
    summary, rows = run_of(tmp_path / "run", sources, (Unspaced(igt5), esm), "mean")
    # Every antibody begins with E, so all that is left is which of three antigens it is.
    assert rows["pred"].round(5).n_unique() <= rows["antigen"].n_unique() == 3
    assert summary["status"] == "unstable"
    assert "different pairs get the same prediction" in " ".join(summary["reasons"])  # type: ignore[arg-type]


def test_spaced_residues_and_attention_over_them_tell_all_pairs_apart(
    igt5: TransformerEncoder, esm: TransformerEncoder, sources: Sources, tmp_path: Path
):
    summary, rows = run_of(tmp_path / "run", sources, (igt5, esm), "residues")
    assert rows["pred"].round(5).n_unique() > 0.9 * rows.height
    assert "different pairs" not in " ".join(summary["reasons"])  # type: ignore[arg-type]


def test_the_guard_refuses_what_the_releases_did(igt5: TransformerEncoder):
    with pytest.raises(EncoderError, match="unknown"):
        igt5._guard.check_chain("EVQLVESGG", igt5.vocabulary.ids("EVQLVESGG"))
