"""pKd = level of the measured relatives + effect of the changes from them."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from abag.data.tables import Pairs
from abag.errors import ModelError
from abag.model.pairs.model import PairModel
from abag.model.pairs.relatives import ChangeEffects, Raw
from abag.model.protocol import load_model
from synthetic_domain import families_table, substituted
from synthetic_pairs import HEAVY, LIGHT, random_chain
from synthetic_variants import H3, changed, table, variants

RNG = np.random.default_rng(5)
ANTIGEN = random_chain(RNG, 120)
FAMILIES = families_table(60).select("heavy", "light", "antigen", "pkd")


@pytest.fixture(scope="module")
def model() -> PairModel:
    """Sixty natural pairs, and a parent with ten variants that lie one pKd below it."""
    rows = [(heavy, LIGHT, ANTIGEN, 8.0) for heavy in variants(10)]
    own = table([(HEAVY, LIGHT, ANTIGEN, 9.0), *rows])
    return PairModel().fit(pl.concat([FAMILIES, own]))


def test_a_measured_pair_is_given_back_nearly_as_it_was_measured(model: PairModel) -> None:
    found = model.answer(table([(HEAVY, LIGHT, ANTIGEN, 0.0)]))
    assert found.value[0] == pytest.approx(9.0, abs=0.5)
    assert found.effect is not None
    assert found.effect.tolist() == [0.0]


def test_a_prediction_is_its_level_plus_its_effect(model: PairModel) -> None:
    asked = pl.concat([FAMILIES, table([(changed(HEAVY, H3 + 3, "P"), LIGHT, ANTIGEN, 0.0)])])
    found = model.answer(asked)
    assert found.level is not None
    assert found.effect is not None
    assert np.array_equal(found.value, found.level + found.effect)
    assert found.effect[-1] < 0.0


def test_more_of_a_loop_lost_costs_more(model: PairModel) -> None:
    bare = [HEAVY[:H3] + "A" * n + HEAVY[H3 + n :] for n in (0, 1, 3, 6, 9)]
    found = model.predict(table([(heavy, LIGHT, ANTIGEN, 0.0) for heavy in bare]))
    assert np.all(np.diff(found) <= 0.0)
    assert found[-1] < found[0] - 0.5


def test_weak_variants_do_not_pull_down_their_parent(model: PairModel) -> None:
    """Ten variants at 8 and the parent at 9: the mean would be 8.1."""
    assert model.predict(table([(HEAVY, LIGHT, ANTIGEN, 0.0)]))[0] > 8.5


FRAMEWORK = (2, 8, 15, 66, 70, 74, 76, 80)
"""Places in the frameworks of the heavy chain."""


def sibling(changes: int) -> tuple[str, str, str, float]:
    heavy = HEAVY
    for place in FRAMEWORK[:changes]:
        heavy = changed(heavy, place, "P" if heavy[place] != "P" else "G")
    return heavy, LIGHT, ANTIGEN, 0.0


def test_what_changes_cost_is_not_asked_of_an_antibody_that_arose_apart(model: PairModel) -> None:
    asked = table([sibling(6), sibling(7)])
    near = model.measured.nearest(asked)
    assert (near.changes - near.cdr_changes).tolist() == [6, 7]
    assert (near.relative >= 0).all()  # both are variants of a measured pair
    found = model.answer(asked)
    assert found.effect is not None
    assert found.effect[0] < -0.5
    assert found.effect[1] == 0.0
    assert found.value[1] > found.value[0]


def test_of_a_new_antigen_nearly_only_the_antibody_counts(model: PairModel) -> None:
    antigens = [random_chain(np.random.default_rng(i), 100 + 40 * i) for i in range(1, 4)]
    found = model.predict(table([(HEAVY, LIGHT, antigen, 0.0) for antigen in antigens]))
    assert np.ptp(found) < 0.2


def test_a_stranger_has_seven_tenths_of_its_level_from_the_antibody_alone() -> None:
    stranger, known = random_chain(np.random.default_rng(5), 160), FAMILIES["antigen"][0][0]
    asked = table([(HEAVY, LIGHT, antigen, 0.0) for antigen in (stranger, known)])
    alone, both, shipped = (
        PairModel(**share).fit(FAMILIES).predict(asked)
        for share in ({"share_new": 0.0}, {"share_new": 1.0}, {})
    )
    assert abs(both[0] - alone[0]) > 0.01
    assert shipped[0] == pytest.approx(0.7 * alone[0] + 0.3 * both[0], abs=1e-9)
    assert shipped[1] == alone[1] == both[1]


def test_a_given_parent_that_nobody_measured_is_a_level_and_its_changes_an_effect(
    model: PairModel,
) -> None:
    asked = table([(heavy, LIGHT, ANTIGEN, 0.0) for heavy in (HEAVY, variants(1)[0])])
    effect, spread, changes, in_cdrs = model.effects_on((HEAVY, LIGHT), Pairs.of(asked))
    assert (effect[0], spread[0], changes[0], in_cdrs[0]) == (0.0, 0.0, 0, 0)
    assert effect[1] < 0.0 < spread[1]
    assert (changes[1], in_cdrs[1]) == (1, 1)


def test_a_row_is_predicted_alike_in_any_batch_and_when_it_is_remembered(
    model: PairModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("abag.model.pairs.model._RECALLED", 0)
    model._state.recalled.clear()
    whole, alone = model.answer(FAMILIES), model.answer(FAMILIES[7:8])
    assert not model._state.recalled
    monkeypatch.undo()
    model.answer(FAMILIES[5:12])
    remembered = model.answer(FAMILIES[7:8])
    assert model._state.recalled
    for found in (alone, remembered):
        assert whole.value[7] == found.value[0]
        assert whole.spread[7] == found.spread[0]


def test_the_saved_model_predicts_the_same_bytes(model: PairModel, tmp_path: Path) -> None:
    model.save(tmp_path / "m")
    again = load_model(tmp_path / "m")
    assert np.array_equal(again.predict(FAMILIES), model.predict(FAMILIES))
    again.save(tmp_path / "n")
    for path in (tmp_path / "m").iterdir():
        assert path.read_bytes() == (tmp_path / "n" / path.name).read_bytes()


def test_chains_that_cannot_be_laid_on_the_parent_are_refused(model: PairModel) -> None:
    with pytest.raises(ModelError):
        model.effects_on((HEAVY, ""), Pairs.of(table([(HEAVY, LIGHT, ANTIGEN, 0.0)])))


def test_a_size_is_learnt_from_families_of_which_each_has_the_same_say() -> None:
    """Predicted -0.5, measured -1: the slope goes from its first guess of 1 towards 2."""
    rng = np.random.default_rng(0)
    delta = -rng.uniform(0.2, 0.8, 200)
    raw = Raw(delta, np.ones(200))
    none = np.zeros(200, dtype=np.int64)
    found = ChangeEffects.fit(2.0 * delta, raw, none, np.repeat(np.arange(10), 20))
    assert 1.6 < found.slope <= 2.05
    assert found.of(Raw(np.zeros(1), np.ones(1)), none[:1]).tolist() == [0.0]


def test_of_strangers_the_germline_antibody_is_the_weaker_one() -> None:
    """Thirty germline domains at 7 and the same after twelve mutations at 9."""
    from anarci.germlines import all_germlines

    genes = sorted(all_germlines["V"]["H"]["human"].items())[::4]
    germline = [gene.replace("-", "") + "ARDYYGSSYFDYWGQGTLVTVSS" for _, gene in genes]
    matured = [substituted(np.random.default_rng(i), v[:90], 12) + v[90:]
               for i, v in enumerate(germline)]  # fmt: skip
    antigens = [random_chain(np.random.default_rng(100 + i), 90) for i in range(len(genes))]
    rows = [(v, None, antigen, pkd)
            for of, pkd in ((germline, 7.0), (matured, 9.0))
            for v, antigen in zip(of, antigens, strict=True)]  # fmt: skip
    new = [i for i, (name, _) in enumerate(genes) if name.startswith("IGHV3")]
    kept = [row for i, row in enumerate(rows) if i % len(genes) not in new]
    model = PairModel().fit(table(kept))
    weak, strong = (model.predict(table([rows[i + shift] for i in new]))
                    for shift in (0, len(genes)))  # fmt: skip
    assert len(new) >= 5
    assert (strong - weak).mean() > 0.7
