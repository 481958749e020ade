import numpy as np
import polars as pl
import pytest

from abag.model.pairs.features import ABSENT, feature_names, pair_features
from abag.model.pairs.germlines import Germlines
from synthetic_pairs import HEAVY, LIGHT

GERMLINES = Germlines.of_anarci()
NAMES = feature_names(GERMLINES)
SCHEMA = {"heavy": pl.String, "light": pl.String, "antigen": pl.List(pl.String)}


def features(heavy: str, light: str | None, antigen: list[str]) -> dict[str, float]:
    table = pl.DataFrame({"heavy": [heavy], "light": [light], "antigen": [antigen]}, schema=SCHEMA)
    (row,) = pair_features(table, GERMLINES)
    return dict(zip(NAMES, row.tolist(), strict=True))


def test_every_column_has_a_name_and_a_finite_value() -> None:
    found = features(HEAVY, LIGHT, ["MKTNVSAAK", "GGG"])
    assert len(set(NAMES)) == len(NAMES)
    assert np.isfinite(list(found.values())).all()


def test_loops_of_trastuzumab_are_those_of_its_numbering() -> None:
    found = features(HEAVY, LIGHT, ["MKT"])
    # IMGT CDR-H3 SRWGGDGFYAMDY, CDR-L3 QQHYTTPPT.
    assert found["heavy.CDR3_length"] == 13.0
    assert found["heavy.CDR3_charge"] == pytest.approx(1.0 - 2.0)
    assert found["heavy.CDR3_G"] == pytest.approx(3 / 13)
    assert found["light.CDR3_aromatic"] == pytest.approx(1 / 9)
    assert found["light.lambda"] == 0.0


def test_antigen_traits_are_counted_by_hand() -> None:
    found = features(HEAVY, LIGHT, ["MKTNVSAAK", "NPSD"])
    assert found["antigen.chains"] == 2.0
    assert found["antigen.log_residues"] == pytest.approx(np.log(14))
    assert found["antigen.charge_per_residue"] == pytest.approx((2 - 1) / 13)
    # NVS is a sequon; NPS is none because of its proline.
    assert found["antigen.glycosylation"] == pytest.approx(1 / 13)


def test_a_motif_across_two_chains_is_no_glycosylation_site() -> None:
    assert features(HEAVY, None, ["AAN", "VSA"])["antigen.glycosylation"] == 0.0


def test_a_nanobody_has_no_light_chain_and_a_missing_antigen_no_traits() -> None:
    found = features(HEAVY, None, [])
    light = {value for name, value in found.items() if name.startswith("light.")}
    antigen = {value for name, value in found.items() if name.startswith("antigen.")}
    assert light == {0.0, ABSENT}
    assert found["light.present"] == 0.0
    assert antigen == {ABSENT}


def test_a_row_has_the_same_features_in_any_batch() -> None:
    rows = {"heavy": [HEAVY, HEAVY[:100], "MKTAYIAKQR"], "light": [LIGHT, None, LIGHT]}
    table = pl.DataFrame({**rows, "antigen": [["MKT"], ["AAN", "VS"], []]}, schema=SCHEMA)
    together = pair_features(table, GERMLINES)
    alone = np.concatenate([pair_features(table[i : i + 1], GERMLINES) for i in range(3)])
    assert np.array_equal(together, alone)
