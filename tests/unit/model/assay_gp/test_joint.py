"""The joint posterior agrees with the separate ones, and with conditioning by hand."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from abag.model.assay_gp.model import AssayGP
from synthetic_pairs import HEAVY, assay_table


@pytest.fixture(scope="module")
def model() -> AssayGP:
    return AssayGP(target="pkd").fit(assay_table(30))


def candidates() -> pl.DataFrame:
    """Rows like those of training, and two that change positions which never varied there."""
    table = assay_table(8, seed=4)
    away = [HEAVY[:10] + "W" + HEAVY[11:], HEAVY[:10] + "Y" + HEAVY[11:40] + "K" + HEAVY[41:]]
    return pl.concat([table, table.head(2).with_columns(heavy=pl.Series(away))])


def test_the_diagonal_is_the_variance_of_each_row_alone(model: AssayGP) -> None:
    table = candidates()
    joint, alone = model.joint(table), model.distribution(table)
    np.testing.assert_allclose(joint.mean, alone.mean_score)
    widening = np.sqrt(np.diag(joint.covariance)) / alone.deviation
    np.testing.assert_allclose(widening, widening[0])


def test_equal_changes_at_a_new_position_go_together(model: AssayGP) -> None:
    found = np.asarray(model.joint(candidates()).covariance)
    correlation = found[-1, -2] / np.sqrt(found[-1, -1] * found[-2, -2])
    assert 0.2 < correlation < 1.0


def test_the_covariance_has_no_negative_direction(model: AssayGP) -> None:
    table = candidates()
    twice = pl.concat([table, table])
    values = np.linalg.eigvalsh(model.joint(twice).covariance)
    assert values.min() > -1e-8 * values.max()
    assert (values > 1e-6 * values.max()).sum() <= table.height


def test_training_rows_come_back_as_chains(model: AssayGP) -> None:
    table = assay_table(30)
    given = set(zip(table["heavy"], table["light"], strict=True))
    assert set(model.training_chains()) == given
    heavy, light = model.reference_chains()
    assert (heavy[:27], light) == (HEAVY[:27], table["light"][0])


def test_a_change_of_a_kind_that_training_never_saw_is_uncertain_but_not_endlessly(
    model: AssayGP,
) -> None:
    # Proline, cysteine and glycine are features of their own; no training row has them.
    heavy = HEAVY[:27] + "P" + HEAVY[28:29] + "C" + HEAVY[30:53] + "G" + HEAVY[54:]
    table = assay_table(1).with_columns(heavy=pl.lit(heavy))
    assert 0.5 < model.distribution(table).deviation[0] < 6.0
