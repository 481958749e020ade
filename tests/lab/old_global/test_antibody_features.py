import numpy as np
import polars as pl
import pytest

from abag.antibody.alphabet import AMINO_ACIDS
from abag.antibody.germlines import Germlines
from abag_lab.old_global.features import ABSENT, antibody_features
from abag_lab.old_global.frames import LOOPS
from abag_lab.old_global.residues import PROPERTIES
from synthetic_pairs import HEAVY, LIGHT

GERMLINES = Germlines.of_anarci()


def feature_names(germlines: Germlines) -> list[str]:
    """Names of the columns of :func:`antibody_features`, in their order."""
    chain = [
        "present", "vhh", "lambda",
        *(f"from_{name}" for name in (*germlines.species_names, "any")),
        "changed_in_cdrs", "changed_in_frameworks",
        "aromatic_gained", "charge_gained", "hydropathy_gained",
        *(f"species_{name}" for name in germlines.species_names),
        *(f"family_{name}" for name in germlines.family_names),
        *(f"{loop}_{name}" for loop in LOOPS for name in ("length", *PROPERTIES)),
        *(f"CDR3_{letter}" for letter in AMINO_ACIDS),
        *(f"CDRs_{letter}" for letter in AMINO_ACIDS),
        *(f"domain_{name}" for name in PROPERTIES),
    ]  # fmt: skip
    return [f"{role}.{name}" for role in ("heavy", "light") for name in chain]


NAMES = feature_names(GERMLINES)
SCHEMA = {"heavy": pl.String, "light": pl.String}


def features(heavy: str, light: str | None) -> dict[str, float]:
    table = pl.DataFrame({"heavy": [heavy], "light": [light]}, schema=SCHEMA)
    (row,) = antibody_features(table, GERMLINES)
    return dict(zip(NAMES, row.tolist(), strict=True))


def test_every_column_has_a_name_and_a_finite_value() -> None:
    found = features(HEAVY, LIGHT)
    assert len(set(NAMES)) == len(NAMES)
    assert np.isfinite(list(found.values())).all()


def test_loops_of_trastuzumab_are_those_of_its_numbering() -> None:
    found = features(HEAVY, LIGHT)
    # IMGT CDR-H3 SRWGGDGFYAMDY, CDR-L3 QQHYTTPPT.
    assert found["heavy.CDR3_length"] == 13.0
    assert found["heavy.CDR3_charge"] == pytest.approx(1.0 - 2.0)
    assert found["heavy.CDR3_G"] == pytest.approx(3 / 13)
    assert found["light.CDR3_aromatic"] == pytest.approx(1 / 9)
    assert found["light.lambda"] == 0.0


def test_a_nanobody_has_no_light_chain() -> None:
    found = features(HEAVY, None)
    assert {value for name, value in found.items() if name.startswith("light.")} == {0.0, ABSENT}
    assert found["light.present"] == 0.0


def test_a_row_has_the_same_features_in_any_batch() -> None:
    rows = {"heavy": [HEAVY, HEAVY[:100], "MKTAYIAKQR"], "light": [LIGHT, None, LIGHT]}
    table = pl.DataFrame(rows, schema=SCHEMA)
    together = antibody_features(table, GERMLINES)
    alone = np.concatenate([antibody_features(table[i : i + 1], GERMLINES) for i in range(3)])
    assert np.array_equal(together, alone)
