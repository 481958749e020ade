"""What every model with a standard deviation of its own must keep to, to be served."""

import numpy as np
import pytest

from abag.inference.predictor import Predictor
from abag.model.protocol import KnowsInFull, KnowsNearest
from abag.model.registry import MODELS, create_model, model_class
from abag.uncertainty.out_of_fold import KnowsSpread
from synthetic_domain import families_table

TABLE = families_table(60)
WITH_SPREAD = [
    name
    for name in ("pairs",)
    if name in MODELS and hasattr(model_class(name), "predict_distribution")
]


@pytest.mark.parametrize("name", WITH_SPREAD)
def test_all_ways_to_ask_a_model_give_the_same_number(name: str) -> None:
    model = create_model(name).fit(TABLE[:50])
    expected = model.predict(TABLE)
    assert isinstance(model, KnowsSpread)
    value, spread = model.predict_distribution(TABLE)
    assert value.tolist() == expected.tolist()
    assert (spread > 0).all()
    if isinstance(model, KnowsInFull):
        full = model.predict_in_full(TABLE)
        assert isinstance(model, KnowsNearest)
        assert [one.tolist() for one in full[:3]] == [
            value.tolist(),
            spread.tolist(),
            model.predict_with_similarity(TABLE)[1].tolist(),
        ]
        known = list(range(50))
        assert full.antibody[known] == pytest.approx(1.0)
        assert full.antigen[known] == pytest.approx(1.0)
        assert (full.antibody[50:] < 1.0 - 1e-9).any()
    shuffled = np.random.default_rng(0).permutation(TABLE.height)
    served = Predictor(model).predict_table(TABLE[shuffled])
    assert served["pkd"].to_list() == expected[shuffled].tolist()
