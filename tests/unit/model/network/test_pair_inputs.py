from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from abag.encoders.protocol import Molecule, Role
from abag.encoders.storage.store import EmbeddingStore
from abag.errors import ModelError
from abag.model.network.config import NetworkConfig
from abag.model.network.inputs import PairFeatures
from abag.model.network.regions import region_codes
from synthetic_antibodies import HEAVY, LIGHT
from synthetic_encoder import HashEncoder, rows_of

Make = Callable[..., NetworkConfig]
CDR_H3, CDR_L3 = "WGGDGFYAMD", "HYTTPP"


def test_regions_of_heavy_and_light_are_those_of_imgt():
    (codes,) = region_codes([(CDR_H3.join(HEAVY), CDR_L3.join(LIGHT))])
    heavy, light = CDR_H3.join(HEAVY), CDR_L3.join(LIGHT)
    letters = heavy + light
    found = {
        code: "".join(letter for letter, c in zip(letters, codes, strict=True) if c == code)
        for code in range(9)
    }
    # Trastuzumab's loops by IMGT (27 to 38, 56 to 65, 105 to 117); its H3 and L3 are drawn anew.
    assert found[2] == "GFNIKDTY"
    assert found[3] == "IYPTNGYT"
    assert found[4] == "SR" + CDR_H3 + "Y"
    assert found[6] == "QDVNTA"
    assert found[7] == "SAS"
    assert found[8] == "QQ" + CDR_L3 + "T"
    assert found[0] == ""
    assert len(found[1]) + len("GFNIKDTY" + "IYPTNGYT" + found[4]) == len(heavy)
    assert set(codes[len(heavy) :].tolist()) == {5, 6, 7, 8}


def test_a_vhh_has_heavy_regions_alone():
    (codes,) = region_codes([(CDR_H3.join(HEAVY), None)])
    assert set(codes.tolist()) == {1, 2, 3, 4}


def test_residues_outside_the_domain_and_chains_without_one_are_framework():
    tail = "ASTKGPSVFPLAPSSKSTSG"
    with_tail, unknown = region_codes([(CDR_H3.join(HEAVY) + tail, None), ("MKTAYIAKQR", "GGSGG")])
    assert set(with_tail[-len(tail) :].tolist()) == {1}
    assert unknown.tolist() == [1] * 10 + [5] * 5


def test_a_batch_holds_each_pairs_rows_and_zeros_behind_them(pairs: pl.DataFrame, config_of: Make):
    encoder = HashEncoder(width=6)
    features = PairFeatures.of(pairs, encoder, encoder, config_of())
    batch = features.batch([3, 0])
    heavy, light, antigen = pairs.row(3)
    antibody_rows = rows_of(Molecule(Role.ANTIBODY, (heavy, light)), 6)
    antigen_rows = np.concatenate([rows_of(Molecule(Role.ANTIGEN, (c,)), 6) for c in antigen])
    for rows, mask, expected in (
        (batch.antibody[0], batch.antibody_mask[0], antibody_rows),
        (batch.antigen[0], batch.antigen_mask[0], antigen_rows),
    ):
        assert mask.sum() == len(expected)
        assert mask[: len(expected)].all()
        assert np.array_equal(rows[: len(expected)].numpy(), expected)
        assert torch.count_nonzero(rows[len(expected) :]) == 0
    assert torch.count_nonzero(batch.regions[~batch.antibody_mask]) == 0
    assert (batch.regions[batch.antibody_mask] > 0).all()
    assert batch.assay.tolist() == [0, 0]
    assert features.residues(3) == len(antibody_rows) + len(antigen_rows)


def test_each_distinct_molecule_is_encoded_once(pairs: pl.DataFrame, config_of: Make):
    encoder = HashEncoder()
    PairFeatures.of(pairs, encoder, encoder, config_of())
    asked = encoder.encoded
    assert len(asked) == len(set(asked)) == 5 + 3


def test_mean_pooling_keeps_the_mean_of_the_residues(pairs: pl.DataFrame, config_of: Make):
    encoder = HashEncoder(width=6)
    features = PairFeatures.of(pairs, encoder, encoder, config_of("mean"))
    batch = features.batch([3])
    antigen = np.concatenate(
        [rows_of(Molecule(Role.ANTIGEN, (c,)), 6) for c in pairs["antigen"][3]]
    )
    assert batch.antigen.shape == (1, 1, 6)
    assert np.allclose(batch.antigen[0, 0].numpy(), antigen.mean(axis=0), atol=1e-6)
    assert batch.regions.tolist() == [[0]]
    assert features.lengths.tolist() == [[1, 1]] * 6


def test_a_store_is_filled_once_and_read_afterwards(
    pairs: pl.DataFrame, config_of: Make, tmp_path: Path
):
    first, second = HashEncoder(), HashEncoder()
    filled = PairFeatures.of(pairs, first, first, config_of(), tmp_path / "store")
    read = PairFeatures.of(pairs, second, second, config_of(), tmp_path / "store")
    assert not second.batches
    assert torch.equal(filled.antigens.rows, read.antigens.rows)
    assert filled.antibodies.rows.dtype is torch.bfloat16  # as stored: nothing more is lost


def test_one_store_folder_serves_two_encoders(pairs: pl.DataFrame, config_of: Make, tmp_path: Path):
    antibody, antigen = HashEncoder(width=6, id="one"), HashEncoder(width=4, id="two")
    store = EmbeddingStore.for_encoder(tmp_path / "store", antibody, "fp32")
    features = PairFeatures.of(pairs, antibody, antigen, config_of(), store)
    assert features.antibodies.rows.shape[1] == 6
    assert features.antigens.rows.shape[1] == 4
    assert features.antigens.rows.dtype is torch.float32


def test_rows_without_heavy_chain_or_antigen_are_refused(pairs: pl.DataFrame, config_of: Make):
    encoder = HashEncoder()
    no_antigen = pairs.with_columns(antigen=pl.lit([], dtype=pl.List(pl.String())))
    with pytest.raises(ModelError, match="6 rows of 6 have no antigen"):
        PairFeatures.of(no_antigen, encoder, encoder, config_of())
    no_heavy = pairs.with_columns(heavy=pl.lit(None, dtype=pl.String()))
    with pytest.raises(ModelError, match="no heavy chain"):
        PairFeatures.of(no_heavy, encoder, encoder, config_of())
