"""Held-out perplexity: what is hidden, what counts, and where it stands."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

torch = pytest.importorskip("torch")

from abag.antibody.alphabet import AMINO_ACIDS  # noqa: E402
from abag.encoders.adapters.builtin_model import HEAVY, LIGHT, MASK  # noqa: E402
from abag_lab.pretraining.config import PretrainConfig  # noqa: E402
from abag_lab.pretraining.corpora.corpus import build_corpus, region_of  # noqa: E402
from abag_lab.pretraining.loop import make_model  # noqa: E402
from abag_lab.pretraining.perplexity import held_out_masks, measure  # noqa: E402
from synthetic_antibodies import write_sources  # noqa: E402

CONFIG = PretrainConfig(width=16, layers=1, heads=2, feed_forward=32, mask_share=0.3)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> pl.DataFrame:
    return build_corpus(write_sources(tmp_path_factory.mktemp("s")), held_out_share=0.2)[0]


def test_hidden_residues_know_their_chain_and_imgt_region(corpus: pl.DataFrame) -> None:
    for test in held_out_masks(corpus.filter("held_out"), CONFIG):
        for chain, index, code, target in zip(
            test.chain_of, test.index, test.codes, test.masked.targets, strict=True
        ):
            kind, sequence = test.chains[chain]
            assert sequence[index] == AMINO_ACIDS[target]
            if kind == HEAVY and 30 <= index < 95:
                assert region_of(int(code)) in {"CDR1", "FR2", "CDR2", "FR3"}
            if index >= len(sequence) - 9:
                assert region_of(int(code)) == "FR4"
        shown = np.array(test.masked.codes)
        assert (shown[test.masked.places] == MASK).all()
        assert (shown == MASK).sum() == test.masked.places.size


def test_what_is_hidden_of_a_molecule_does_not_depend_on_the_others(corpus: pl.DataFrame) -> None:
    every = {
        tuple(test.chains): test.masked.codes
        for test in held_out_masks(corpus.filter("held_out"), CONFIG)
    }
    (one,) = held_out_masks(corpus.filter("held_out").tail(1), CONFIG)
    assert every[tuple(one.chains)] == one.masked.codes


def test_a_network_that_cannot_tell_has_a_perplexity_of_twenty(corpus: pl.DataFrame) -> None:
    model = make_model(CONFIG)
    with torch.no_grad():
        model.residue_logits.weight.zero_()
    result = measure(model, corpus, CONFIG)
    assert result["all"]["model"] == pytest.approx(20)
    assert result["heavy CDR3"]["model"] == pytest.approx(20)
    assert "antigen" not in result


def test_one_framework_is_easy_for_profile_and_trigram_and_random_loops_are_not(
    corpus: pl.DataFrame,
) -> None:
    result = measure(make_model(CONFIG), corpus, CONFIG)
    framework, loop = result["heavy framework"], result["heavy CDR3"]
    assert framework["profile"] < 1.2
    assert framework["profile"] < framework["trigram"] < framework["unigram"]
    # The ends of CDR3 (SR before, YW after) belong to the framework here; the rest is drawn.
    assert loop["profile"] > 8
    parts = [result[f"heavy {r}"]["residues"] for r in ("framework", "CDR1", "CDR2", "CDR3")]
    assert sum(parts) == result["heavy"]["residues"]
    both = result["heavy"]["residues"] + result["light"]["residues"]
    assert both == result["antibody"]["residues"] == result["all"]["residues"]


def test_light_chains_known_from_training_do_not_count(corpus: pl.DataFrame) -> None:
    train, held = corpus.filter(~pl.col("held_out")), corpus.filter("held_out")
    known = train.row(0, named=True)
    copied = held.with_columns(
        light=pl.lit(known["light"]),
        light_positions=pl.lit(known["light_positions"], dtype=pl.List(pl.Int32)),
    )
    result = measure(make_model(CONFIG), pl.concat([train, copied]), CONFIG)
    assert "light" not in result
    hidden = sum(
        (np.array([kind for kind, _ in t.chains])[t.chain_of] == LIGHT).sum()
        for t in held_out_masks(copied, CONFIG)
    )
    assert result["all"]["known_light_residues_left_out"] == hidden > 0


def test_the_folder_of_sources_is_enough_to_measure_twice_the_same(
    corpus: pl.DataFrame, tmp_path: Path
) -> None:
    again, _ = build_corpus(write_sources(tmp_path), held_out_share=0.2)
    model = make_model(CONFIG)
    assert measure(model, again, CONFIG) == measure(model, corpus, CONFIG)
