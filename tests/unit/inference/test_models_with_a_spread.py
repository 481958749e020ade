"""What every model with a standard deviation of its own must keep to, to be served."""

import numpy as np
import polars as pl
import pytest

from abag.data.tables import Pairs
from abag.errors import ModelError
from abag.inference.predictor import Predictor
from abag.model.baselines.mean import Mean
from abag.model.protocol import Answer, create_model, sound_answer
from synthetic_domain import families_table

TABLE = families_table(60)


@pytest.mark.parametrize("name", ["pairs", "kmer-ridge", "nearest-neighbour", "mean"])
def test_all_ways_to_ask_a_model_give_the_same_number(name: str) -> None:
    model = create_model(name).fit(TABLE[:50])
    expected = model.predict(TABLE)
    answer = sound_answer(model, TABLE)
    assert answer.value.tolist() == expected.tolist()
    shuffled = np.random.default_rng(0).permutation(TABLE.height)
    served = Predictor(model).predict_table(TABLE[shuffled])
    assert served["pkd"].to_list() == expected[shuffled].tolist()


def test_a_model_of_pairs_knows_which_molecules_it_has_seen() -> None:
    answer = sound_answer(create_model("pairs").fit(TABLE[:50]), TABLE)
    assert answer.antibody[:50] == pytest.approx(1.0)
    assert answer.antigen[:50] == pytest.approx(1.0)
    assert (answer.antibody[50:] < 1.0 - 1e-9).any()


class Broken(Mean):
    def answer(self, table: Pairs | pl.DataFrame) -> Answer:
        return super().answer(table)._replace(spread=np.zeros(table.height))


def test_a_spread_of_nothing_is_refused() -> None:
    with pytest.raises(ModelError, match="standard deviations that are not positive"):
        sound_answer(Broken().fit(TABLE[:50]), TABLE)
